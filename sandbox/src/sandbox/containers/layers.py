"""Lays an image's layers over each other in a folder, by the OCI image specification.

https://github.com/opencontainers/image-spec/blob/main/layer.md: a file replaces what was there, folders are merged, a
whiteout deletes what lower layers put there, hard links and owners are kept. A layer is not trusted: links that it or a
lower one has made are followed as a process inside would, so nothing outside of the folder is read or written.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zlib
from lzma import LZMAError
from pathlib import Path

from sandbox.containers.rootfs import inside, remove_tree

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
BUFFER = 1 << 20
ZSTANDARD = b"\x28\xb5\x2f\xfd"
"""How a file that is compressed with zstd begins (RFC 8878)."""


class LayerError(Exception):
    """A layer cannot be read, or has an entry that is not allowed."""


def apply_layer(path: Path, root: Path) -> None:
    """Lay the layer in a tar, compressed or not, over what `root` has; raises LayerError.

    Where the caller is not root, all that is made is its own, and may be read and written by it. Devices and pipes are
    left out.
    """
    try:
        with tarfile.open(path) as archive:
            layer = _Layer(root)
            for member in archive:
                layer.add(archive, member)
            layer.finish()
    except (tarfile.TarError, EOFError, zlib.error, LZMAError) as error:
        with path.open("rb") as file:
            compressed = file.read(4) == ZSTANDARD
        reason = "it is compressed with zstd, which is not supported here" if compressed else error
        raise LayerError(f"the layer cannot be read: {reason}") from error
    except OSError as error:
        raise LayerError(f"the layer cannot be unpacked: {error}") from error


class _Layer:
    """A layer while it is laid over a root: what it has created, and the folders whose attributes are set last."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._created: set[Path] = {root}
        self._parents: dict[str, Path] = {}
        self._folders: dict[Path, tarfile.TarInfo] = {}

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        place = self._place(member.name)
        if place == self._root or not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
            return
        if place.name.startswith(WHITEOUT):
            self._hide(place)
            return
        is_folder = _is_folder(place)
        if is_folder is not None and not (is_folder and member.isdir()):
            self._remove(place)
        self._make_parents(place)
        if member.isdir():
            place.mkdir(mode=0o700, exist_ok=True)
            self._folders[place] = member
        elif member.issym():
            place.symlink_to(member.linkname)
            self._parents.clear()
        elif member.islnk():
            self._link(place, member)
        else:
            content = archive.extractfile(member)
            assert content is not None
            with place.open("xb") as file:
                shutil.copyfileobj(content, file, BUFFER)
        self._created.add(place)
        if not (member.isdir() or member.islnk()):
            _set_attributes(place, member)

    def finish(self) -> None:
        """A folder may be one that nobody can write to."""
        for place, member in sorted(self._folders.items(), reverse=True):
            if _is_folder(place):
                _set_attributes(place, member)

    def _place(self, name: str) -> Path:
        """Where a member goes. Its folder is looked up once, until a link or a removal may have changed that."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise LayerError(f"the layer's member {name!r} is outside of its root")
        if not parts:
            return self._root
        folder = "/".join(parts[:-1])
        if folder not in self._parents:
            self._parents[folder] = inside(self._root, f"/{folder}")
        return self._parents[folder] / parts[-1]

    def _make_parents(self, place: Path) -> None:
        if place.parent in self._created:
            return
        for parent in reversed(place.relative_to(self._root).parents):
            folder = self._root / parent
            if not folder.is_dir():
                folder.mkdir(mode=0o755)
            self._created.add(folder)

    def _link(self, place: Path, member: tarfile.TarInfo) -> None:
        target = self._place(member.linkname)
        if _is_folder(target) is not False:
            raise LayerError(f"the layer's member {member.name!r} is a link to {member.linkname!r}, which is no file")
        os.link(target, place, follow_symlinks=False)

    def _hide(self, place: Path) -> None:
        """Delete what a whiteout names; what this layer has made itself stays, in whatever order the two come."""
        name = place.name.removeprefix(WHITEOUT)
        if place.name == OPAQUE:
            if place.parent.is_dir():
                self._keep_created(place.parent)
        elif name in ("", ".", ".."):
            raise LayerError(f"the layer's whiteout {place.name!r} names no file")
        elif not name.startswith(WHITEOUT) and place.with_name(name) not in self._created:
            self._remove(place.with_name(name))

    def _keep_created(self, folder: Path) -> None:
        for child in list(folder.iterdir()):
            if child not in self._created:
                self._remove(child)
            elif _is_folder(child):
                self._keep_created(child)

    def _remove(self, place: Path) -> None:
        self._parents.clear()
        if _is_folder(place):
            remove_tree(place)
        else:
            place.unlink(missing_ok=True)


def _is_folder(place: Path) -> bool | None:
    """Whether a folder is there, no link to one; None where nothing is."""
    try:
        return stat.S_ISDIR(place.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _set_attributes(place: Path, member: tarfile.TarInfo) -> None:
    owner = os.geteuid() == 0
    if owner:
        os.chown(place, member.uid, member.gid, follow_symlinks=False)
    if not member.issym():
        place.chmod((member.mode & 0o7777) | (0 if owner else 0o700 if member.isdir() else 0o600))
    os.utime(place, (member.mtime, member.mtime), follow_symlinks=False)
