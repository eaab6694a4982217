"""What a container's root folder shows: the image's own files, and this machine's programs read-only.

A root is a folder with the image's own files. The programs and libraries of this machine are bound over
empty places made in it (overlayfs does not work in user namespaces, so there is one way for all: bind
mounts). Where the image has files inside a folder of the machine, that folder is composed from both. The
places are removed afterwards, so that the folder again holds the image's own files and nothing else.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

PROGRAM_FOLDERS = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
SHARED_ETC = (
    *("alternatives", "bash.bashrc", "bindresvport.blacklist", "ca-certificates", "ca-certificates.conf"),
    *("crypto-policies", "debian_version", "default", "ethertypes", "fonts", "host.conf", "inputrc"),
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "login.defs", "magic", "mime.types"),
    *("os-release", "pam.conf", "pam.d", "pki", "profile", "protocols", "rpc", "security", "services"),
    *("shells", "skel", "ssl", "terminfo", "timezone"),
)
FOLDERS = {
    **dict.fromkeys(("dev", "proc", "etc", "home", "media", "mnt", "opt", "run", "srv", "var"), 0o755),
    **dict.fromkeys(("usr/local", "usr/src", "var/cache", "var/lib", "var/log", "var/spool"), 0o755),
    **{f"usr/local/{name}": 0o755 for name in ("bin", "etc", "include", "lib", "sbin", "share", "src")},
    **{"root": 0o700, "tmp": 0o1777, "var/tmp": 0o1777},
}
ACCOUNTS = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
games:x:5:60:games:/usr/games:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUPS = """\
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
mail:x:8:
www-data:x:33:
staff:x:50:
games:x:60:
users:x:100:
nogroup:x:65534:
"""
FILES = {
    "etc/passwd": ACCOUNTS,
    "etc/group": GROUPS,
    "etc/shadow": "".join(f"{line.split(':')[0]}:*:19000:0:99999:7:::\n" for line in ACCOUNTS.splitlines()),
    "etc/gshadow": "".join(f"{line.split(':')[0]}:*::\n" for line in GROUPS.splitlines()),
    "etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n",
    "etc/hostname": "container\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
    "etc/environment": "",
}
OWN_FOLDERS, OWN_FILES = ("dev", "proc"), ("etc/hosts", "etc/hostname")
"""What a container runtime makes in every root."""


@dataclass(frozen=True)
class Bind:
    """A file or folder of this machine at an absolute path of the container."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Runtime:
    """What a base image adds to the bare system: binds, generated files and links.

    `machine`: whether this machine's programs and settings are shown; without, a root has what its image brings.
    """

    binds: tuple[Bind, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    machine: bool = True


class Layout:
    """The places made in a root folder for one run, so that they can be bound and taken away again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.binds: list[tuple[str, str, bool]] = []
        self._bound: set[str] = set()
        self._created: list[tuple[Path, os.stat_result]] = []
        self._texts: dict[Path, str] = {}

    def prepare(self, runtime: Runtime, extra: Iterable[Bind] = ()) -> None:
        """Make all places and collect the binds, outer ones first."""
        for name, mode in FOLDERS.items():
            if runtime.machine or name in OWN_FOLDERS:
                self._folder(self.root / name, mode)
        for name, text in {**FILES, **runtime.files}.items():
            if runtime.machine or name in OWN_FILES:
                self._file(inside(self.root, name), text)
        for name, target in runtime.links.items():
            self._link(self.root / name, target)
        for bind in extra:
            self._bind(bind)
        for bind in runtime.binds:
            self._show(bind.source, bind.target.lstrip("/"))
        if not runtime.machine:
            return
        for name in PROGRAM_FOLDERS:
            self._show(Path("/") / name, name, hidden=("usr/local", "usr/src"))
        for name in SHARED_ETC:
            self._show(Path("/etc") / name, f"etc/{name}")

    def remove(self) -> None:
        """Take the places away again; what the run put into them or changed stays."""
        for path, status in reversed(self._created):
            now = _status(path)
            if now is None or (now.st_mode, now.st_uid, now.st_gid) != (
                status.st_mode,
                status.st_uid,
                status.st_gid,
            ):
                continue
            if stat.S_ISDIR(now.st_mode):
                if not any(path.iterdir()):
                    path.rmdir()
            elif stat.S_ISLNK(now.st_mode) or path.read_text(errors="replace") == self._texts[path]:
                path.unlink()

    def _show(self, source: Path, name: str, hidden: tuple[str, ...] = ()) -> None:
        """Show `source` at `name`, composed with what the image has there."""
        place = self.root / name
        if name in hidden or f"/{name}" in self._bound or _status(source) is None:
            return
        existing = _status(place)
        if source.is_symlink():
            if existing is None:
                self._link(place, str(source.readlink()))
        elif existing is None:
            self._bind(Bind(source, f"/{name}"))
        elif stat.S_ISDIR(existing.st_mode) and source.is_dir():
            for child in sorted(source.iterdir()):
                self._show(child, f"{name}/{child.name}", hidden)

    def _bind(self, bind: Bind) -> None:
        place = inside(self.root, bind.target)
        if _status(place) is None:
            if bind.source.is_dir():
                self._folder(place, 0o755)
            else:
                self._file(place, "")
        target = f"/{place.relative_to(self.root)}"
        self.binds.append((str(bind.source), target, bind.writable))
        self._bound.add(target)

    def _folder(self, path: Path, mode: int) -> None:
        if _status(path) is not None:
            return
        if path.parent != self.root:
            self._folder(path.parent, 0o755)
        path.mkdir()
        path.chmod(mode)
        self._record(path)

    def _file(self, path: Path, text: str) -> None:
        if _status(path) is None:
            self._folder(path.parent, 0o755)
            path.write_text(text)
            path.chmod(0o640 if path.name.endswith("shadow") else 0o755 if text.startswith("#!") else 0o644)
            self._record(path)
            self._texts[path] = text

    def _link(self, path: Path, target: str) -> None:
        if _status(path) is None:
            self._folder(path.parent, 0o755)
            path.symlink_to(target)
            self._record(path)

    def _record(self, path: Path) -> None:
        self._created.append((path, path.lstat()))


@contextmanager
def composed(root: Path, runtime: Runtime, extra: Iterable[Bind] = ()) -> Iterator[Layout]:
    """The root's layout for one run; its places are gone afterwards."""
    layout = Layout(root)
    try:
        layout.prepare(runtime, extra)
        yield layout
    finally:
        layout.remove()


def inside(root: Path, path: str) -> Path:
    """The file that `path` names for a process whose root folder is `root`.

    Links are followed as that process would, so the answer is never outside `root`. The last component is
    followed too; it need not exist.
    """
    todo = list(reversed(PurePosixPath(path).parts))
    resolved: list[str] = []
    followed = 0
    while todo:
        part = todo.pop()
        if part.startswith("/"):
            resolved = []
        elif part == "..":
            resolved = resolved[:-1]
        else:
            place = root.joinpath(*resolved, part)
            if place.is_symlink():
                followed += 1
                if followed > 40:
                    raise OSError(f"too many levels of symbolic links: {path}")
                todo.extend(reversed(place.readlink().parts))
            else:
                resolved.append(part)
    return root.joinpath(*resolved)


def remove_tree(folder: Path) -> None:
    """Delete a folder, whatever permissions its content has; what is already gone is fine."""

    def allow(function: object, path: str, _: object) -> None:
        parent = Path(path).parent
        if parent.exists():
            parent.chmod(0o700)
        if Path(path).is_dir() and not Path(path).is_symlink():
            Path(path).chmod(0o700)
            shutil.rmtree(path, ignore_errors=True)
        else:
            Path(path).unlink(missing_ok=True)

    if folder.exists():
        shutil.rmtree(folder, onerror=allow)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
