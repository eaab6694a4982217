"""The tag of an image by all that it is made of, so that one content is built once."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from releases.names import content_tag

DIGITS = 40
"""Of the hash, in the tag."""


def tag(folder: Path, platform: str, build_arguments: Mapping[str, str]) -> str:
    """The tag of what a source becomes. Secrets are no part of it: an image keeps none.

    Args:
        folder: the source; owners and times of its files do not count.
        platform: such as `linux/arm64`.
        build_arguments: in the order in which they are given.
    """
    content = _Hash()
    for line in (platform, *(f"{name}={value}" for name, value in build_arguments.items())):
        content.write(f"{line}\n".encode())
    with tarfile.open(fileobj=content, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        archive.add(folder, arcname=".", filter=_anonymous)
    return content_tag(content.hash.hexdigest()[:DIGITS])


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
    return member
