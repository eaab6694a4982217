"""The images that one `docker` client knows by name, and the registries that it is logged in to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from sandbox.containers.image import Image, read_blob, write_blob
from sandbox.containers.registry import Reference


@dataclass(frozen=True)
class ImageStore:
    """Names of images in a folder, one file each, so that several clients may run at once."""

    folder: Path

    @property
    def blobs(self) -> Path:
        return self.folder / "blobs"

    def find(self, name: str) -> Image | None:
        """The image of a reference (with `latest` understood) or of a digest or its beginning."""
        file = self._names / quote(_full(name), safe="")
        if file.is_file():
            return Image(read_blob(self.blobs, file.read_text()), self.blobs)
        for entry in self._names.glob("*") if self._names.is_dir() else ():
            digest = entry.read_text()
            if len(name) >= 12 and digest.removeprefix("sha256:").startswith(name.removeprefix("sha256:")):
                return Image(read_blob(self.blobs, digest), self.blobs)
        return None

    def tag(self, name: str, image: Image) -> None:
        """Name an image; raises ValueError for a name that is none."""
        self._names.mkdir(parents=True, exist_ok=True)
        file = self._names / quote(_full(name), safe="")
        new = file.with_name(f".{file.name[:100]}-{image.digest[7:19]}")
        new.write_text(write_blob(self.blobs, image.manifest))
        new.replace(file)

    def images(self) -> Iterator[tuple[str, Image]]:
        for file in sorted(self._names.glob("[!.]*")) if self._names.is_dir() else ():
            yield unquote(file.name), Image(read_blob(self.blobs, file.read_text()), self.blobs)

    def log_in(self, registry: str, user: str, password: str) -> None:
        """Keep a login, as docker's own configuration file does: who may read the file may use it."""
        file = self._login(registry)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(json.dumps([user, password]))

    def is_logged_in(self, registry: str) -> bool:
        return self._login(registry).is_file()

    def logins(self) -> dict[str, tuple[str, str]]:
        """User and password by registry."""
        logins = {}
        for file in (self.folder / "logins").glob("*"):
            user, password = json.loads(file.read_text())
            logins[unquote(file.name)] = (user, password)
        return logins

    def add_builder(self, name: str) -> None:
        """Keep the name of a builder that was made."""
        folder = self.folder / "builders"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / quote(name, safe="")).touch()

    def builders(self) -> set[str]:
        """Those that were made, beside the daemon's own."""
        return {unquote(file.name) for file in (self.folder / "builders").glob("*")}

    def _login(self, registry: str) -> Path:
        return self.folder / "logins" / quote(registry, safe="")

    @property
    def _names(self) -> Path:
        return self.folder / "names"


def _full(name: str) -> str:
    if name.startswith("sha256:"):
        return name
    return str(Reference.parse(name))
