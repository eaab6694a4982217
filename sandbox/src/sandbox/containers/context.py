"""The files that a build may copy: a build context with its .dockerignore, and copying into a root."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sandbox.containers.image import TIMESTAMP, extract_archive
from sandbox.containers.rootfs import inside

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


class CopyError(Exception):
    """A COPY or ADD cannot be done, in BuildKit's words."""


@dataclass(frozen=True)
class Ownership:
    """The owner of copied files, and their permissions when not those of the source."""

    uid: int = 0
    gid: int = 0
    mode: int | None = None

    def apply(self, path: Path) -> None:
        if self.mode is not None and not path.is_symlink():
            path.chmod(self.mode)
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        os.utime(path, (TIMESTAMP, TIMESTAMP), follow_symlinks=False)


class Context:
    """A folder to copy from. Paths are resolved inside it, whatever links it has."""

    def __init__(self, root: Path, ignore: str = "") -> None:
        self.root = root
        self._rules = [_rule(line) for line in ignore.splitlines() if _is_rule(line)]

    def ignored(self, name: str) -> bool:
        """Whether .dockerignore leaves out the path; the last rule that matches it decides."""
        parts = PurePosixPath(name).parts
        paths = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        out = False
        for pattern, includes in self._rules:
            if any(pattern.fullmatch(path) for path in paths):
                out = not includes
        return out

    def find(self, source: str) -> list[Path]:
        """The files that a source of COPY names; raises CopyError when one without wildcards is missing."""
        clean = _clean(source)
        if not any(char in clean for char in "*?["):
            path = inside(self.root, clean or "/")
            if not os.path.lexists(path) or (clean and self.ignored(clean) and not self._has_included(path)):
                raise CopyError(f'failed to compute cache key: "/{clean}": not found')
            return [path]
        pattern = _glob(clean)
        return [
            inside(self.root, name)
            for name in self._names(self.root, len(PurePosixPath(clean).parts))
            if pattern.fullmatch(name) and not self.ignored(name)
        ]

    def children(self, folder: Path) -> Iterator[Path]:
        """What is copied with a folder."""
        for child in sorted(folder.iterdir()):
            out = self.ignored(str(child.relative_to(self.root)))
            if not out or (child.is_dir() and not child.is_symlink() and self._has_included(child)):
                yield child

    def _has_included(self, folder: Path) -> bool:
        if not any(includes for _, includes in self._rules) or not folder.is_dir():
            return False
        return any(
            not self.ignored(str(Path(base, name).relative_to(self.root)))
            for base, _, names in os.walk(folder)
            for name in names
        )

    def _names(self, folder: Path, depth: int) -> Iterator[str]:
        if depth == 0:
            return
        for child in sorted(folder.iterdir()):
            yield str(child.relative_to(self.root))
            if child.is_dir() and not child.is_symlink():
                yield from self._names(child, depth - 1)


def copy(
    context: Context,
    sources: list[Path],
    root: Path,
    destination: str,
    ownership: Ownership,
    *,
    many: bool,
    unpack: bool = False,
) -> None:
    """Copy files and the content of folders to an absolute path of `root`, as COPY does.

    `many`: more than one source was written, so the destination must be a folder. `unpack`: extract local
    archives, as ADD does.
    """
    if many and not destination.endswith("/"):
        raise CopyError(
            "When using COPY with more than one source file, the destination must be a directory and end with a /"
        )
    target = inside(root, destination)
    for source in sources:
        if source.is_dir():
            _make_folder(root, target, ownership)
            _copy_folder(context, source, root, target, ownership)
        elif unpack and source.name.endswith(ARCHIVES) and tarfile.is_tarfile(source):
            _make_folder(root, target, ownership)
            with tarfile.open(source) as archive:
                extract_archive(archive, target)
        elif destination.endswith("/") or target.is_dir():
            _make_folder(root, target, ownership)
            _copy_file(source, target / source.name, ownership)
        else:
            _make_folder(root, target.parent, ownership)
            _copy_file(source, target, ownership)


def write_text(root: Path, destination: str, name: str, text: str, ownership: Ownership) -> None:
    """Write the file that a heredoc of COPY describes."""
    target = inside(root, destination + name if destination.endswith("/") else destination)
    _make_folder(root, target.parent, ownership)
    _replace(target, lambda: target.write_text(text))
    target.chmod(0o644)
    ownership.apply(target)


def _copy_folder(context: Context, source: Path, root: Path, target: Path, ownership: Ownership) -> None:
    for child in context.children(source):
        place = target / child.name
        if child.is_symlink() or not child.is_dir():
            _copy_file(child, place, ownership)
            continue
        place = inside(root, f"/{place.relative_to(root)}")
        is_new = not place.exists()
        _make_folder(root, place, ownership)
        if is_new and ownership.mode is None:
            place.chmod(child.stat().st_mode & 0o7777)
        _copy_folder(context, child, root, place, ownership)


def _copy_file(source: Path, target: Path, ownership: Ownership) -> None:
    if target.is_dir() and not target.is_symlink():
        raise CopyError(f"cannot copy to non-directory: /{target.name} is a directory")
    if not source.is_symlink() and not source.is_file():
        raise CopyError(f"/{source.name} is not a file that can be copied")
    _replace(target, lambda: shutil.copy(source, target, follow_symlinks=False))
    ownership.apply(target)


def _replace(target: Path, write: Callable[[], object]) -> None:
    target.unlink(missing_ok=True)
    write()


def _make_folder(root: Path, folder: Path, ownership: Ownership) -> None:
    if folder.is_dir() or folder == root:
        return
    _make_folder(root, folder.parent, ownership)
    try:
        folder.mkdir()
    except FileExistsError:
        raise CopyError(f"cannot copy to non-directory: /{folder.relative_to(root)}") from None
    folder.chmod(0o755)
    Ownership(ownership.uid, ownership.gid).apply(folder)


def _clean(path: str) -> str:
    """A source relative to the context's root; `..` does not leave it."""
    parts: list[str] = []
    for part in PurePosixPath("/" + path).parts[1:]:
        if part == "..":
            parts = parts[:-1]
        else:
            parts.append(part)
    return "/".join(parts)


def _is_rule(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _rule(line: str) -> tuple[re.Pattern[str], bool]:
    text = line.strip()
    includes = text.startswith("!")
    return _glob(_clean(text.removeprefix("!").strip())), includes


def _glob(pattern: str) -> re.Pattern[str]:
    """Go's filepath.Match with `**` for any number of folders."""
    text, position = "", 0
    while position < len(pattern):
        if pattern.startswith("**/", position):
            text, position = text + "(?:.*/)?", position + 3
        elif pattern.startswith("**", position):
            text, position = text + ".*", position + 2
        elif pattern[position] == "*":
            text, position = text + "[^/]*", position + 1
        elif pattern[position] == "?":
            text, position = text + "[^/]", position + 1
        elif pattern[position] == "[" and "]" in pattern[position:]:
            end = pattern.index("]", position)
            text, position = text + pattern[position : end + 1], end + 1
        else:
            text, position = text + re.escape(pattern[position]), position + 1
    return re.compile(text, re.DOTALL)
