"""Images in OCI's form: a manifest, a configuration and one layer, addressed by their digests.

A layer is a tar of the image's own folder, sorted and with one time for all files, so the same content has the same
digest wherever and whenever it is built.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO

from sandbox.containers.layers import LayerError, apply_layer

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
RUNTIME_KEY = "sandbox.runtime"
OWN_ROOT = "the image's own"
"""The runtime of an image that was made elsewhere, or is based on one: it has its programs, and shows no others."""
TIMESTAMP = 315619200
"""The time of every file in an image, 1980-01-02: zip archives, wheels among them, know no earlier one."""


class ImageError(Exception):
    """A stored image does not have its digest's content."""


@dataclass(frozen=True)
class Image:
    """An image whose blobs are in the folder `blobs`, each under the hex of its sha256.

    Attributes:
        index: the digest of the index that it was pulled by, as one of its platforms; "" when it was pulled itself.
    """

    manifest: bytes
    blobs: Path
    index: str = ""

    @property
    def digest(self) -> str:
        """`sha256:` and the hex digest of the manifest."""
        return digest_of(self.manifest)

    @property
    def description(self) -> dict[str, Any]:
        """The manifest as data."""
        description: dict[str, Any] = json.loads(self.manifest)
        return description

    @property
    def blob_digests(self) -> list[str]:
        """The digests of the configuration and the layers, all that a registry needs beside the manifest."""
        description = self.description
        return [description["config"]["digest"], *(layer["digest"] for layer in description["layers"])]

    @property
    def configuration(self) -> dict[str, Any]:
        """The whole image configuration (architecture, config, rootfs, …)."""
        blob = read_blob(self.blobs, self.description["config"]["digest"])
        configuration: dict[str, Any] = json.loads(blob)
        return configuration

    @property
    def config(self) -> dict[str, Any]:
        """What a container of this image starts with: Env, Cmd, Entrypoint, WorkingDir, User, …"""
        config: dict[str, Any] = self.configuration.get("config") or {}
        return config

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, _, value in (entry.partition("=") for entry in self.config.get("Env") or [])}

    @property
    def runtime(self) -> str:
        """The runtime of this machine that the image's base stands for; OWN_ROOT where nothing stands for anything."""
        return str(self.configuration.get(RUNTIME_KEY, OWN_ROOT))

    def extract(self, folder: Path) -> None:
        """Write the image's own files into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for layer in self.description["layers"]:
            path = blob_path(self.blobs, layer["digest"])
            check_blob(path, layer["digest"])
            try:
                apply_layer(path, folder)
            except LayerError as error:
                raise ImageError(f"{layer['digest']}: {error}") from error


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def blob_path(blobs: Path, digest: str) -> Path:
    """Where a blob is stored; raises ImageError for what is no sha256 digest."""
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256" or len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise ImageError(f"invalid digest {digest!r}")
    return blobs / value


def check_blob(path: Path, digest: str) -> None:
    """Raise ImageError unless the file has the content that its digest names."""
    if not path.is_file():
        raise ImageError(f"blob {digest} is missing")
    with path.open("rb") as file:
        actual = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    if actual != digest:
        raise ImageError(f"blob {digest} is damaged: its content has the digest {actual}")


def read_blob(blobs: Path, digest: str) -> bytes:
    path = blob_path(blobs, digest)
    check_blob(path, digest)
    return path.read_bytes()


def write_blob(blobs: Path, content: bytes) -> str:
    """Store content under its digest, which is returned."""
    with _new_blob(blobs) as file:
        file.write(content)
    return digest_of(content)


def store_blob(blobs: Path, digest: str, parts: Iterable[bytes]) -> int:
    """Store content under its declared digest; returns its size. Raises ImageError when it has another digest."""
    sha256, size = hashlib.sha256(), 0
    with _new_blob(blobs) as file:
        for part in parts:
            sha256.update(part)
            size += len(part)
            file.write(part)
        if f"sha256:{sha256.hexdigest()}" != digest:
            raise ImageError(f"blob {digest} is damaged: its content has the digest sha256:{sha256.hexdigest()}")
    return size


def make_image(root: Path, config: dict[str, Any], runtime: str, architecture: str, blobs: Path) -> Image:
    """Store the content of `root` as an image that starts with `config`."""
    with _new_blob(blobs) as file:
        write_layer(root, file)
        file.flush()
        size = file.tell()
        file.seek(0)
        layer = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    configuration = {
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer]},
        RUNTIME_KEY: runtime,
    }
    encoded = json.dumps(configuration, sort_keys=True).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": write_blob(blobs, encoded), "size": len(encoded)},
        "layers": [{"mediaType": LAYER_TYPE, "digest": layer, "size": size}],
    }
    return Image(json.dumps(manifest, indent=2).encode(), blobs)


def write_layer(root: Path, file: BinaryIO) -> None:
    """Write a folder's content as a reproducible tar."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in _tree(root):
            info = archive.gettarinfo(path, arcname=str(path.relative_to(root)))
            if info is None:
                continue
            if info.islnk():
                info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
            info.mtime = TIMESTAMP
            info.uname = info.gname = ""
            info.uid, info.gid = _inner_id(info.uid, os.geteuid()), _inner_id(info.gid, os.getegid())
            if info.isreg():
                with path.open("rb") as content:
                    archive.addfile(info, content)
            else:
                archive.addfile(info)


def extract_archive(archive: tarfile.TarFile, folder: Path) -> None:
    """Extract an archive whose content is not trusted; nothing is written outside `folder`."""
    base = folder.resolve()

    def checked(member: tarfile.TarInfo, _: str) -> tarfile.TarInfo | None:
        name = PurePosixPath(member.name)
        if name == PurePosixPath("."):
            return None
        parent = (base / name).parent.resolve()
        if ".." in name.parts or not parent.is_relative_to(base):
            raise ImageError(f"the archive's member {member.name!r} is outside of its root")
        if not (member.isreg() or member.isdir() or member.issym()):
            raise ImageError(f"the archive's member {member.name!r} is no file, folder or link")
        if os.geteuid() != 0:
            return member.replace(uid=os.geteuid(), gid=os.getegid())
        return member

    try:
        archive.extractall(folder, numeric_owner=True, filter=checked)  # noqa: S202
    except tarfile.TarError as error:
        raise ImageError(f"the archive cannot be read: {error}") from error


def _inner_id(number: int, user: int) -> int:
    """The id inside a container of a file's owner: an ordinary user's own files are root's there."""
    return 0 if number == user else number


def _tree(root: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(root), key=lambda item: item.name):
        path = Path(entry.path)
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
            yield path
        if stat.S_ISDIR(mode):
            yield from _tree(path)


@contextmanager
def _new_blob(blobs: Path) -> Iterator[Any]:
    """A file that gets the name of its content's digest when it is complete."""
    blobs.mkdir(parents=True, exist_ok=True)
    file = NamedTemporaryFile(dir=blobs, prefix=".new-", delete=False)  # noqa: SIM115
    path = Path(file.name)
    try:
        with file:
            yield file
        with path.open("rb") as content:
            name = hashlib.file_digest(content, "sha256").hexdigest()
        path.chmod(0o644)
        path.replace(blobs / name)
    finally:
        path.unlink(missing_ok=True)
