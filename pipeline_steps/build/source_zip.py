"""From an uploaded zip to the folder that Docker builds from, whoever zipped it and with what.

CodeBuild unpacks a source by itself, but says of an archive that it cannot read what helps nobody, and keeps what an
archive of Windows or macOS lacks or has too much. So Build takes the uploaded version itself.
"""

import shutil
import stat
import zipfile
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

from pipeline_steps.build.content import EXECUTABLE, PLAIN
from pipeline_steps.job import StepError

UTF8 = 0x800
ENCRYPTED = 0x1
"""Bits of an entry's flags (PKWARE, APPNOTE.TXT, 4.4.4)."""
UNIX = 3
"""Of `version made by`: what the upper half of an entry's attributes are modes of (APPNOTE.TXT, 4.4.2)."""
UNICODE_PATH = 0x7075
"""The extra field in which Info-ZIP keeps a name as UTF-8 (APPNOTE.TXT, 4.6.9)."""
MACOS = "__MACOSX"
"""The folder in which macOS keeps its own attributes of each file."""
SCRIPT, ELF = b"#!", b"\x7fELF"
"""What Linux executes begins so."""


@dataclass(frozen=True)
class _Entry:
    """A file, folder or symbolic link.

    Attributes:
        info: as the archive has it.
        path: relative, from the top of the archive.
        is_folder: whether it is one by its name, as zips tell it.
    """

    info: zipfile.ZipInfo
    path: PurePosixPath
    is_folder: bool

    @property
    def unix_mode(self) -> int:
        """With the kind of file; 0 where the archive has none, as on Windows."""
        return self.info.external_attr >> 16 if self.info.create_system == UNIX else 0

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.unix_mode)


def unpack(archive: IO[bytes], folder: Path, named: Sequence[str]) -> None:
    """Put a zip's files into a folder, without the one folder that some zips have around all, and without macOS's own.

    A script whose lines end as on Windows is written with Linux's ends: with its own, Linux finds no interpreter. Where
    no entry has a mode, as on Windows, what Linux can execute is executable.

    Args:
        archive: the zip.
        folder: empty.
        named: paths that are to be there; a single folder at the top is left out unless one of them is in there.

    Raises:
        StepError: it is no zip, or an entry cannot be taken; which one, and what to do.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _without_top(_entries(opened.infolist()), {PurePosixPath(path).parts[:1] for path in named})
            have_modes = any(entry.unix_mode for entry in entries)
            for entry in entries:
                _write(opened, entry, folder / entry.path, have_modes)
    except zipfile.BadZipFile as error:
        raise StepError(f"The source is not a complete zip: {error}. Zip it again and upload it.") from None


def _entries(infos: Iterable[zipfile.ZipInfo]) -> list[_Entry]:
    entries = [_entry(info) for info in infos]
    kept = [entry for entry in entries if entry.path.parts and entry.path.parts[0] != MACOS]
    kinds: dict[PurePosixPath, _Entry] = {}
    for entry in kept:
        other = kinds.setdefault(entry.path, entry)
        if other is not entry and not (other.is_folder and entry.is_folder):
            raise _refused(entry.path, "is there twice", "zip each file once")
    for entry in kept:
        for parent in entry.path.parents:
            if parent in kinds and not kinds[parent].is_folder:
                raise _refused(entry.path, f"is in {parent}, which is not a folder", "zip the files themselves")
    return sorted(kept, key=lambda entry: entry.path)


def _entry(info: zipfile.ZipInfo) -> _Entry:
    name = _name(info)
    if info.create_system != UNIX and "/" not in name:
        name = name.replace("\\", "/")  # .NET before 4.6.1, against APPNOTE.TXT 4.4.17
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise _refused(name, "is outside of the source", "zip the folder's content with relative names")
    if info.flag_bits & ENCRYPTED:
        raise _refused(name, "is encrypted", "zip without a password")
    return _Entry(info, path, name.endswith("/"))


def _name(info: zipfile.ZipInfo) -> str:
    """An entry's name: UTF-8 by its flag, by its extra field, or because nothing else looks like it."""
    if info.flag_bits & UTF8:
        return info.filename
    if unicode := _unicode_path(info.extra):
        return unicode
    raw = info.orig_filename.encode("cp437")  # as zipfile has decoded it
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _refused(
            info.filename,
            "has a name in an encoding that the zip does not declare",
            "zip with UTF-8 names, as git archive does",
        ) from None


def _unicode_path(extra: bytes) -> str:
    while len(extra) >= 4:
        kind, size = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        if kind == UNICODE_PATH:
            return extra[9 : 4 + size].decode(errors="replace")  # after a version and a checksum
        extra = extra[4 + size :]
    return ""


def _without_top(entries: list[_Entry], named: Collection[tuple[str, ...]]) -> list[_Entry]:
    """The entries from inside of the one folder that has them all, as GitHub's zips and `git archive --prefix` have."""
    tops = {entry.path.parts[0] for entry in entries}
    are_inside = all(len(entry.path.parts) > 1 or entry.is_folder for entry in entries)
    if len(tops) != 1 or not are_inside or (*tops,) in named:
        return entries
    return [replace(e, path=PurePosixPath(*e.path.parts[1:])) for e in entries if len(e.path.parts) > 1]


def _write(archive: zipfile.ZipFile, entry: _Entry, target: Path, have_modes: bool) -> None:
    if entry.is_folder:
        target.mkdir(parents=True, exist_ok=True)
        return
    if stat.S_IFMT(entry.unix_mode) not in (0, stat.S_IFREG, stat.S_IFLNK):
        raise _refused(entry.path, "is neither a file nor a folder nor a symbolic link", "leave it out")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if entry.is_link:
            target.symlink_to(archive.read(entry.info).decode())
            return
        with archive.open(entry.info) as content, target.open("wb") as file:
            shutil.copyfileobj(content, file)
    except (NotImplementedError, zlib.error) as error:
        raise _refused(entry.path, f"cannot be unpacked ({error})", "zip with deflate") from None
    with target.open("rb") as file:
        first = file.readline(512)
    if first.startswith(SCRIPT) and first.endswith(b"\r\n"):
        target.write_bytes(target.read_bytes().replace(b"\r\n", b"\n"))
        print(f"{entry.path}: a script with Windows line ends, which are Linux's now.")
    executable = entry.unix_mode & 0o111 if have_modes else first.startswith((SCRIPT, ELF))
    target.chmod(EXECUTABLE if executable else PLAIN)


def _refused(name: PurePosixPath | str, problem: str, mend: str) -> StepError:
    return StepError(f"The source's entry {name} {problem}: {mend}, and upload that.")
