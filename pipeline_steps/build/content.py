"""The tag of an image by all that it is made of, so that one content is built once."""

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline_steps.build.dockerignore import Pattern, ignore_patterns, is_ignored
from releases.names import content_tag

EXECUTABLE, PLAIN = 0o755, 0o644
"""All modes that a file gets, as git knows no others: so a checkout and its zip are one content, whatever the umask."""
DOCKERFILE = "Dockerfile"
"""Of a context, where no other is named; it counts whether or not it is ignored."""


@dataclass(frozen=True)
class Content:
    """What an image is built of.

    Attributes:
        source: the folder of the source.
        context: the folder in it that Docker builds from. Owners, times and most of the modes of its files do not
            count, nor does what Docker ignores.
        dockerfile: where the Dockerfile is in the source.
        target: the stage that is built; "" for the last one.
        platform: such as `linux/arm64`.
        build_arguments: in the order in which they are given. Secrets are no part of an image: it keeps none.
    """

    source: Path
    context: str
    dockerfile: str
    target: str
    platform: str
    build_arguments: Mapping[str, str]

    def missing(self) -> Iterator[str]:
        """What the source does not have of this."""
        if not (self.source / self.context).is_dir():
            yield f"folder {self.context}"
        if not (self.source / self.dockerfile).is_file():
            yield self.dockerfile

    def tag(self) -> str:
        """The tag of the image that it becomes.

        Raises:
            ValueError: the ignore file has a line that is no pattern.
        """
        content, context, dockerfile = _Hash(), self.source / self.context, self.source / self.dockerfile
        lines = [self.platform, *(f"{name}={value}" for name, value in self.build_arguments.items())]
        if self.target:
            lines.append(f"--target {self.target}")
        if dockerfile != context / DOCKERFILE:
            lines.append(f"--file {hashlib.sha256(dockerfile.read_bytes()).hexdigest()}")
        for line in lines:
            content.write(f"{line}\n".encode())
        with tarfile.open(fileobj=content, mode="w|", format=tarfile.GNU_FORMAT) as archive:
            archive.addfile(_entry(context, "."))
            for path in _kept(context, PurePosixPath(), ignore_patterns(context, dockerfile)):
                entry = _entry(context / path, f"./{path}")
                if not entry.isreg():
                    archive.addfile(entry)
                    continue
                with (context / path).open("rb") as file:
                    archive.addfile(entry, file)
        return content_tag(content.hash.hexdigest())


def _kept(top: Path, folder: PurePosixPath, patterns: Sequence[Pattern]) -> Iterator[PurePosixPath]:
    """What Docker takes of a folder, in order: a folder that it ignores too, if it takes something that is in there."""
    keeps_some = any(pattern.keeps for pattern in patterns)
    for name in sorted(child.name for child in (top / folder).iterdir()):
        path = folder / name
        kept = str(path) == DOCKERFILE or not is_ignored(path, patterns)
        if (top / path).is_symlink() or not (top / path).is_dir():
            if kept:
                yield path
            continue
        inside = list(_kept(top, path, patterns)) if kept or keeps_some else []
        if kept or inside:
            yield path
            yield from inside


class _Hash(io.RawIOBase):
    """What takes an archive's bytes and keeps none."""

    def __init__(self) -> None:
        super().__init__()
        self.hash = hashlib.sha256()

    def write(self, content: Any) -> int:
        self.hash.update(content)
        return memoryview(content).nbytes


def _entry(path: Path, name: str) -> tarfile.TarInfo:
    """A file, folder or link without owner and time; a file with several links is a file, as in a zip."""
    entry = tarfile.TarInfo(name)
    if path.is_symlink():
        entry.type, entry.mode = tarfile.SYMTYPE, 0o777
        entry.linkname = os.readlink(path)  # noqa: PTH115 (a Path would write ./x as x)
    elif path.is_dir():
        entry.type, entry.mode = tarfile.DIRTYPE, EXECUTABLE
    else:
        status = path.stat()
        entry.size, entry.mode = status.st_size, EXECUTABLE if status.st_mode & 0o111 else PLAIN
    return entry
