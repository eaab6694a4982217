"""The tag of an image by all that it is made of, so that one content is built once."""

import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline_steps.package import dockerignore
from pipeline_steps.package.dockerignore import Pattern
from pipeline_steps.package.source_zip import EXECUTABLE, PLAIN
from releases.names import content_tag

DIGITS = 40
"""Of the hash, in the tag."""


def tag(folder: Path, dockerfile: str, platform: str, build_arguments: Mapping[str, str]) -> str:
    """The tag of what a source becomes. Secrets are no part of it: an image keeps none. Nor is what Docker ignores.

    Args:
        folder: the source; owners, times and most of the modes of its files do not count.
        dockerfile: where the Dockerfile is in it.
        platform: such as `linux/arm64`.
        build_arguments: in the order in which they are given.

    Raises:
        ValueError: the ignore file has a line that is no pattern.
    """
    content = _Hash()
    for line in (platform, *(f"{name}={value}" for name, value in build_arguments.items())):
        content.write(f"{line}\n".encode())
    with tarfile.open(fileobj=content, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        archive.add(folder, arcname=".", recursive=False, filter=_anonymous)
        for path in _kept(folder, PurePosixPath(), dockerignore.of(folder, dockerfile), PurePosixPath(dockerfile)):
            archive.add(folder / path, arcname=f"./{path}", recursive=False, filter=_anonymous)
    return content_tag(content.hash.hexdigest()[:DIGITS])


def _kept(
    top: Path, folder: PurePosixPath, patterns: Sequence[Pattern], dockerfile: PurePosixPath
) -> Iterator[PurePosixPath]:
    """What Docker takes of a folder, in order: a folder that it ignores too, if it takes something that is in there."""
    for name in sorted(child.name for child in (top / folder).iterdir()):
        path = folder / name
        kept = path == dockerfile or not dockerignore.is_ignored(path, patterns)
        if (top / path).is_symlink() or not (top / path).is_dir():
            if kept:
                yield path
            continue
        inside = list(_kept(top, path, patterns, dockerfile))
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


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    if not member.issym():
        member.mode = EXECUTABLE if member.isdir() or member.mode & 0o111 else PLAIN
    return member
