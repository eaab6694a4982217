#!/usr/bin/env python3
"""The tag that a service's image has by what it is made of, for a CI that builds it before its release.

    python3 image_tag.py --platform linux/arm64 --build-arg MIX_ENV=prod

Copy it into the app's repository; Python 3.9 or later is all that it needs. It is written by `make docs` of
fargate-delivery from what the pipeline itself runs, so copy it anew when that has changed: another tag is no harm, the
image is built once more.
"""

import argparse
import hashlib
import io
import os
import posixpath
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

CONTENT, CONTENT_DIGITS = "content-", 40


def content_tag(digest: str) -> str:
    """The tag of an image by what it is made of.

    Args:
        digest: a SHA-256 of that; of an image that was built elsewhere, its own.
    """
    return f"{CONTENT}{digest.removeprefix('sha256:')[:CONTENT_DIGITS]}"


IGNORE_FILE = ".dockerignore"
_SPECIAL = re.compile(r"[*?\[\]]|\\.")
_PIECE = re.compile(r"\*\*/?|\*|\?|\\.|\[\^?|[\]-]|.", re.DOTALL)


@dataclass(frozen=True)
class Pattern:
    """A line of the file.

    Attributes:
        keeps: whether it takes back what an earlier line leaves out (`!`).
        expression: of the paths that it is about.
    """

    keeps: bool
    expression: re.Pattern[str]

    @classmethod
    def parse(cls, line: str) -> "Pattern":
        """
        Raises:
            ValueError: it is no pattern.
        """
        keeps, text = line.startswith("!"), line.removeprefix("!").strip()
        cleaned = posixpath.normpath(text) if text else ""
        if cleaned != "/":
            cleaned = cleaned.lstrip("/")
        try:
            if not cleaned:
                raise ValueError
            return cls(keeps, re.compile(_expression(cleaned)))
        except (ValueError, re.error):
            raise ValueError(f"{line!r} is not a pattern for {IGNORE_FILE}") from None


def ignore_patterns(context: Path, dockerfile: Path) -> list[Pattern]:
    """The patterns of a context: of the ignore file beside its Dockerfile, or at its own top.

    Raises:
        ValueError: a line of it is no pattern.
    """
    for file in (dockerfile.with_name(f"{dockerfile.name}{IGNORE_FILE}"), context / IGNORE_FILE):
        if file.is_file():
            lines = file.read_text("utf-8-sig", errors="replace").splitlines()
            return [Pattern.parse(line.strip()) for line in lines if line.strip() and not line.startswith("#")]
    return []


def is_ignored(path: PurePosixPath, patterns: Sequence[Pattern]) -> bool:
    """Whether Docker leaves out a path: the last pattern decides that is about it or a folder that it is in."""
    names = [str(path), *map(str, list(path.parents)[:-1])]
    ignored = False
    for pattern in patterns:
        if ignored is pattern.keeps and any(pattern.expression.fullmatch(name) for name in names):
            ignored = not pattern.keeps
    return ignored


def _expression(pattern: str) -> str:
    """A regular expression of a pattern, as patternmatcher's `compile` makes it."""
    parts = []
    for found in _PIECE.finditer(pattern):
        piece, rest = found[0], pattern[found.end() :]
        if piece.startswith("**"):
            # At the beginning, before a plain text, it also ends within a name: `**file` is about `a/myfile`.
            is_suffix = not found.start() and piece == "**" and not _SPECIAL.search(rest)
            parts.append(".*" if not rest or is_suffix else "(?:.*/)?")
        elif piece == "*":
            parts.append("[^/]*")
        elif piece == "?":
            parts.append("[^/]")
        elif piece in ("[", "[^", "]", "-"):
            parts.append(piece)
        else:
            parts.append(re.escape(piece[-1]))
    return "".join(parts)


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


def main() -> None:
    """Print the tag."""
    parser = argparse.ArgumentParser(description="Print the tag of the image that a source becomes.")
    parser.add_argument("source", nargs="?", default=".", help="the top of the source, as it is zipped")
    parser.add_argument("--platform", required=True, help="of the service's tasks: linux/amd64 or linux/arm64")
    parser.add_argument("--context", default=".", help="build.context of the service")
    parser.add_argument("--dockerfile", help="build.dockerfile")
    parser.add_argument("--target", default="", help="build.target")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="each plain parameter")
    given = parser.parse_args()
    source = Path(given.source)
    dockerfile = given.dockerfile or str(PurePosixPath(given.context) / DOCKERFILE)
    arguments = dict(sorted(each.split("=", 1) for each in given.build_arg))
    built = Content(source, given.context, dockerfile, given.target, given.platform, arguments)
    if missing := list(built.missing()):
        parser.error(f"the source has no {missing[0]}")
    print(built.tag())


if __name__ == "__main__":
    main()
