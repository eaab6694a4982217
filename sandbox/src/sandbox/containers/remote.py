"""Pulls images from registries by the distribution API, with ORAS's Python client (oras-project/oras-py).

Compared: google/go-containerregistry's `crane` has to be compiled, so that whoever downloads the Pulumi CLI would need
Go for this alone; python-dxf takes no token over HTTP, as a test's registry gives one, and comes as a source package.
ORAS is a project of the CNCF and one package in Python; what it needs is in uv.lock anyway. It does the logging in.
Which manifest is pulled, digests and errors are here, and its retries are not used: they sleep for two minutes, and
whoever calls `docker build` has a patience of its own.

Errors are in BuildKit's words: docker/buildx#1611, rapidsai/ci-imgs#427, skjerns/3dprintedbrain_docker#5.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.containers.image import MANIFEST_TYPE, Image, ImageError, blob_path, digest_of, read_blob, store_blob
from sandbox.containers.registry import DOCKER_MANIFEST_TYPE, Reference, RegistryError, of_platform

HUB, HUB_API = "docker.io", "registry-1.docker.io"
LOCAL = ("localhost", "127.0.0.1")
"""Registries on this machine are spoken to without TLS, as Docker does."""
INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
ACCEPTED = ", ".join((MANIFEST_TYPE, DOCKER_MANIFEST_TYPE, *INDEX_TYPES))
TIMEOUTS = (5, 60)
"""Seconds until a registry has to be connected, and until it has to go on with an answer."""
DENIED = (
    "pull access denied, repository does not exist or may require authorization: "
    "server message: insufficient_scope: authorization failed"
)


class UnreachedError(Exception):
    """A registry gives no answer, or none about the image; the message is why."""


class LimitedError(UnreachedError):
    """A registry allows no more pulls for now."""


@dataclass(frozen=True)
class Access:
    """How registries are reached: user and password by host; proxy, its exceptions and the file of trusted roots."""

    logins: dict[str, tuple[str, str]] = field(default_factory=dict)
    proxy: str = ""
    no_proxy: str = ""
    roots: str = ""


def canonical(name: str) -> Reference:
    """The whole name that an image's short one stands for: `python:3.12` is `docker.io/library/python:3.12`."""
    reference = Reference.parse(name)
    host = HUB if reference.host in ("", f"index.{HUB}") else reference.host
    official = host == HUB and "/" not in reference.repository
    return replace(
        reference, host=host, repository=f"library/{reference.repository}" if official else reference.repository
    )


def api_url(host: str) -> str:
    """Where a registry is asked."""
    scheme = "http" if host.partition(":")[0] in LOCAL else "https"
    return f"{scheme}://{HUB_API if host == HUB else host}/v2/"


@dataclass(frozen=True)
class Remote:
    """A repository of a registry; what is pulled goes to `blobs`, where it is not there yet."""

    reference: Reference
    access: Access
    blobs: Path
    report: Callable[[str], None]

    def pull(self, platform: str, stand_in: str = "") -> Image:
        """The image; of an index that of `platform`, or in its stead that of `stand_in`.

        Raises:
            RegistryError: the registry refuses, or what it gives is not what it should be.
            UnreachedError: it does not answer.
        """
        try:
            return self._pull(platform, stand_in)
        except (ImageError, ValueError, LookupError, TypeError) as error:
            raise RegistryError(str(error)) from error

    def _pull(self, platform: str, stand_in: str) -> Image:
        manifest, index = self._manifest(self.reference.digest or self._head()), ""
        if platforms := json.loads(manifest).get("manifests"):
            of_platform(platforms, platform)
            index = digest_of(manifest)
            manifest = self._manifest(of_platform(platforms, stand_in or platform))
        if "layers" not in json.loads(manifest):
            raise RegistryError(f"{self.reference} is neither an image nor an index")
        image = Image(manifest, self.blobs, index)
        for digest in image.blob_digests:
            self._blob(digest)
        return image

    def _head(self) -> str:
        """The digest that the tag stands for; "" where the registry does not say. No pull by Docker Hub's count."""
        answer = self._ask("HEAD", f"manifests/{self.reference.tag}")
        return str(answer.headers.get("Docker-Content-Digest", ""))

    def _manifest(self, digest: str) -> bytes:
        if digest and blob_path(self.blobs, digest).is_file():
            return read_blob(self.blobs, digest)
        content = bytes(self._ask("GET", f"manifests/{digest or self.reference.tag}").content)
        if digest and digest_of(content) != digest:
            raise RegistryError(f"the manifest of {self.reference} has another digest, {digest_of(content)}")
        store_blob(self.blobs, digest_of(content), [content])
        return content

    def _blob(self, digest: str) -> None:
        if blob_path(self.blobs, digest).is_file():
            return
        with self._ask("GET", f"blobs/{digest}") as answer:
            try:
                size = store_blob(self.blobs, digest, answer.iter_content(1 << 20))
            except OSError as error:
                raise UnreachedError(unreached(error, self.reference.host)) from error
        self.report(f"{digest} {size / 1e6:.1f}MB")

    def _ask(self, method: str, path: str) -> Any:
        """A successful answer. Each request gets a token of its own: one lives for minutes, and layers take longer."""
        client, answers = connect(self.reference.host, self.access)
        url = f"{api_url(self.reference.host)}{self.reference.repository}/{path}"
        headers, stream = ({"Accept": ACCEPTED}, False) if path.startswith("manifests/") else ({}, True)
        try:
            answer = inspect.unwrap(type(client).do_request)(client, url, method, headers=headers, stream=stream)
        except OSError as error:
            raise UnreachedError(unreached(error, self.reference.host)) from error
        except ValueError as error:  # it got no token, and ORAS does not say why
            answer = answers[-1]
            if answer.ok:
                raise RegistryError(f"failed to authorize: {answer.url} gives no token") from error
        if not answer.ok:
            raise _refusal(answer, url, self.reference)
        return answer


def connect(host: str, access: Access) -> tuple[Any, list[Any]]:
    """ORAS's client of a registry, and a list that it adds each answer to, redirections and tokens too."""
    from oras.provider import Registry
    from requests.utils import should_bypass_proxies

    url = api_url(host)
    client = Registry(insecure=url.startswith("http:"), tls_verify=access.roots or True)
    answers: list[Any] = []
    client.session.trust_env = False
    if access.proxy and not should_bypass_proxies(url, access.no_proxy):
        client.session.proxies = {"https": access.proxy, "http": access.proxy}
    client.session.hooks["response"].append(lambda answer, **_: answers.append(answer))
    client.session.request = partial(client.session.request, timeout=TIMEOUTS)
    if host in access.logins:
        client.auth.set_basic_auth(*access.logins[host])
    return client, answers


def _refusal(answer: Any, url: str, reference: Reference) -> Exception:
    """The error for a refused image, or a refused token, in BuildKit's words."""
    first = (answer.history or [answer])[0]
    status, of_token = answer.status_code, first.url != url
    if status == 404 and not of_token:
        return RegistryError(f"{reference}: not found")
    if status == 401 and not of_token:
        return RegistryError(DENIED)
    text = f"unexpected status from {first.request.method} request to {first.url}: {status} {answer.reason}"
    if of_token:
        text = f"failed to authorize: {text}"
    if status == 429:
        return LimitedError(text)
    return UnreachedError(text) if status >= 500 else RegistryError(text)


def unreached(error: BaseException, host: str) -> str:
    """Why a connection to a registry broke, or there was none: the first cause, in the words of the system."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{HUB_API if host == HUB else host} is not reached ({getattr(error, 'strerror', None) or error})"
