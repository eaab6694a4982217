"""Base images: pulled from their registries, or stood in for by this machine's runtimes.

Which, `sandbox.base_images` says. What a registry that answers says of an image, that there is none or that it may not
be pulled, fails the build as on AWS, and is never stood in for.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox.base_images import AUTO, REGISTRY, STAND_IN, Settings
from sandbox.containers.image import Image, ImageError, blob_path, check_blob, read_blob, write_blob
from sandbox.containers.registry import Reference, RegistryError
from sandbox.containers.remote import (
    Access,
    LimitedError,
    Remote,
    UnreachedError,
    api_url,
    canonical,
    connect,
    unreached,
)

PROBE_SECONDS = 3.0
REMEMBERED_SECONDS = 600.0
"""How long a registry that did not answer is not asked again."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class NotPulledError(Exception):
    """An image is not pulled, so a stand-in has to do; the text is why."""


def folder_of(sandbox: Path) -> Path:
    """Where a sandbox keeps what it pulled: beside the folders of a repository's stacks, which a new server empties."""
    return (sandbox.parent if sandbox.parent.name == ".sandbox" else sandbox) / ".images"


class Bases:
    """The base images that were pulled into `folder`, and those that can be.

    `probe` tells why a host does not answer, "" when it does.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        now: Callable[[], float] = time.time,
        probe: Callable[[str, Access], str] | None = None,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._now = now
        self._probe = probe or answers_not

    @property
    def are_pulled(self) -> bool:
        """Whether any are: else every image is a stand-in."""
        return self._settings.mode != STAND_IN

    def find(
        self, name: str, architecture: str, logins: dict[str, tuple[str, str]], report: Callable[[str], None]
    ) -> Image | None:
        """The image of a name, for programs of this machine's; None where images are stood in for.

        Raises:
            RegistryError: its registry says that there is none, or that it may not be pulled.
            NotPulledError: its registry does not answer, and nothing of that name was pulled before.
        """
        if not self.are_pulled:
            return None
        reference = canonical(name)
        settings = self._settings
        access = Access(logins, settings.proxy, settings.no_proxy, settings.roots)
        try:
            if settings.mode == AUTO:
                self._ask(reference.host, access)
            image = self._pull(Remote(reference, access, self._blobs, report), architecture)
        except UnreachedError as error:
            if settings.mode == AUTO and not isinstance(error, LimitedError):
                self._remember(reference.host, str(error))
            message = f"failed to resolve source metadata for {reference}: {error}"
            if settings.mode == REGISTRY:
                raise RegistryError(message) from error
            before = self._pulled_before(reference, architecture)
            if before is None:
                raise NotPulledError(message if isinstance(error, LimitedError) else str(error)) from error
            report(f"{name} is the one that was pulled before, since {error}")
            return before
        except RegistryError as error:
            raise RegistryError(f"failed to resolve source metadata for {reference}: {error}") from error
        return image

    def _pull(self, remote: Remote, architecture: str) -> Image:
        platform_name, machine = f"linux/{architecture}", f"linux/{ARCHITECTURES.get(platform.machine(), architecture)}"
        image = remote.pull(platform_name, machine)
        place = f"{remote.reference.host}/{remote.reference.repository}"
        remote.report(f"{remote.reference} is {place}@{image.index or image.digest}")
        if platform_name != machine:
            remote.report(f"its programs are those of {machine}, which this machine can run")
            image = _relabelled(image, architecture)
        file = self._file("names", f"{remote.reference} {architecture}")
        new = file.with_name(f".{image.digest[7:19]}-{os.getpid()}")
        new.write_text(write_blob(self._blobs, image.manifest))
        new.replace(file)
        return image

    def _pulled_before(self, reference: Reference, architecture: str) -> Image | None:
        try:
            digest = self._file("names", f"{reference} {architecture}").read_text()
            image = Image(read_blob(self._blobs, digest), self._blobs)
            for blob in image.blob_digests:
                check_blob(blob_path(self._blobs, blob), blob)
        except (OSError, ImageError, LookupError):
            return None
        return image

    def _ask(self, host: str, access: Access) -> None:
        """Raise UnreachedError for a registry that does not answer, or did not a short while ago."""
        try:
            probe: dict[str, Any] = json.loads(self._file("probes", host).read_text())
        except (OSError, ValueError):
            probe = {"at": float("-inf")}
        if not 0 <= self._now() - probe["at"] < REMEMBERED_SECONDS:
            probe = self._remember(host, self._probe(host, access))
        if probe["reason"]:
            raise UnreachedError(probe["reason"])

    def _remember(self, host: str, reason: str) -> dict[str, Any]:
        probe = {"at": self._now(), "reason": reason}
        self._file("probes", host).write_text(json.dumps(probe))
        return probe

    @property
    def _blobs(self) -> Path:
        return self._folder / "blobs"

    def _file(self, kind: str, name: str) -> Path:
        folder = self._folder / kind
        folder.mkdir(parents=True, exist_ok=True)
        return folder / quote(name, safe="")


def _relabelled(image: Image, architecture: str) -> Image:
    """The image with another architecture in its configuration."""
    configuration = json.dumps({**image.configuration, "architecture": architecture}).encode()
    config = {
        **image.description["config"],
        "digest": write_blob(image.blobs, configuration),
        "size": len(configuration),
    }
    return Image(json.dumps({**image.description, "config": config}).encode(), image.blobs)


def answers_not(host: str, access: Access) -> str:
    """Why a registry cannot be reached, "" when it can. At most PROBE_SECONDS, though a name's look-up has no limit."""
    reasons = [f"{host} is not reached (no answer in {PROBE_SECONDS:.0f} s)"]

    def ask() -> None:
        try:
            connect(host, access)[0].session.head(api_url(host), allow_redirects=False)
            reasons[0] = ""
        except OSError as error:
            reasons[0] = unreached(error, host)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return reasons[0]
