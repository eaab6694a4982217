"""A source as its upload is: a zip, of which the pipeline's build can make an image."""

import io
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import IO

from pipeline_steps.build import source_zip
from pipeline_steps.build.content import EXECUTABLE, PLAIN, Content
from pipeline_steps.job import StepError
from releases.errors import DeliveryError
from releases.failure import one_line

FIRST_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip knows: of all files, so that the same files are the same bytes."""
HIDDEN = ".git"
"""What is not packed, a folder or a worktree's file."""
MOST_NAMES = 20
"""Of files, in a message."""
MOST = 5 * 1024**3
"""Bytes of one PutObject (S3, Uploading objects)."""


def packed(source: Path, variables: Mapping[str, str]) -> IO[bytes]:
    """A zip as it is, or a folder as one, with its links, and without .git.

    Args:
        source: the zip or the folder.
        variables: of the service's build (`pipeline_steps.build.settings`).

    Raises:
        DeliveryError: there is none, it cannot be read, or its build would refuse it before Docker begins.
    """
    if not source.is_dir() and not source.is_file():
        raise DeliveryError(f"there is no {source}; --source is a folder, or a zip")
    try:
        archive = _zipped(source) if source.is_dir() else source.open("rb")
    except (OSError, UnicodeEncodeError) as error:
        raise DeliveryError(f"{source} cannot be packed: {error}") from None
    try:
        _check(archive, source, variables["CONTEXT"], variables["DOCKERFILE"])
    except BaseException:
        archive.close()
        raise
    archive.seek(0)
    return archive


def size(archive: IO[bytes]) -> int:
    """How many bytes it has."""
    return os.fstat(archive.fileno()).st_size


def _zipped(folder: Path) -> IO[bytes]:
    archive = tempfile.TemporaryFile()  # noqa: SIM115 (whoever uploads it closes it)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(_files(folder)):
            name = path.relative_to(folder).as_posix()
            entry = zipfile.ZipInfo(name if path.is_symlink() or path.is_file() else f"{name}/", FIRST_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _mode(path) << 16
            if path.is_symlink():
                zipped.writestr(entry, os.readlink(path))  # noqa: PTH115 (a Path would write ./x as x)
            elif path.is_file():
                with path.open("rb") as content, zipped.open(entry, "w", force_zip64=True) as written:
                    while chunk := content.read(1 << 20):
                        written.write(chunk)
            else:
                zipped.writestr(entry, b"")
    return archive


def _files(folder: Path) -> Iterator[Path]:
    """Files, links, and folders that have nothing in them."""
    for root, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if name != HIDDEN]
        paths = [Path(root, name) for name in [*folders, *files] if name != HIDDEN]
        yield from (path for path in paths if path.is_symlink() or path.is_file())
        if not paths and Path(root) != folder:
            yield Path(root)


def _refuse(error: OSError) -> None:
    raise error


def _mode(path: Path) -> int:
    if path.is_symlink():
        return stat.S_IFLNK | 0o777
    if path.is_dir():
        return stat.S_IFDIR | EXECUTABLE
    return stat.S_IFREG | (EXECUTABLE if path.stat().st_mode & 0o111 else PLAIN)


def _check(archive: IO[bytes], source: Path, context: str, dockerfile: str) -> None:
    """Unpack it as the build does, and look for what that needs."""
    if size(archive) > MOST:
        raise DeliveryError(f"{source} has {size(archive):,} bytes as a zip; S3 takes {MOST:,} in one upload")
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        content = Content(Path(folder), context, dockerfile, "", "", {})
        try:
            source_zip.unpack(archive, content.source, [context, dockerfile])
        except StepError as error:
            raise DeliveryError(f"{source} cannot be built: {one_line(str(error)).rstrip('.')}") from None
        for missing in content.missing():
            names = " ".join(sorted(path.name for path in content.source.iterdir())[:MOST_NAMES])
            raise DeliveryError(f"{source} has no {missing}; at its top it has: {names or 'nothing'}")
