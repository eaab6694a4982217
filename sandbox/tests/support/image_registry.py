"""A registry of images on this machine: the distribution API's pulls, with tokens, limits and redirections.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md and
https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"
TOKEN = "t0ken"  # noqa: S105


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def layer(*members: tarfile.TarInfo | tuple[str, bytes | str | None] | tuple[str, bytes | None, int]) -> bytes:
    """A compressed layer of members: a name with content (and a mode), with None for a folder, or as tar has it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            content = member[1].encode() if isinstance(member[1], str) else member[1]
            info = tarfile.TarInfo(member[0])
            info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            info.mode = member[2] if len(member) == 3 else 0o755 if content is None else 0o644
            info.size = len(content or b"")
            archive.addfile(info, io.BytesIO(content or b""))
    return gzip.compress(buffer.getvalue(), mtime=0)


def special(name: str, kind: bytes, target: str = "", **settings: int) -> tarfile.TarInfo:
    """A link, device or pipe; `settings` are those of TarInfo."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    for key, value in settings.items():
        setattr(info, key, value)
    return info


@dataclass
class ImageRegistry:
    """What it holds, how it behaves and what was asked.

    Attributes:
        host: `localhost:PORT`.
        status: of every answer but those for tokens; 0: it answers.
        token_status: of the answers for tokens.
        login: `user:password` that a token is given for; "" for anybody.
        closed: repositories that nobody may pull.
        asked: method and path of each request for a manifest or a blob that was answered.
    """

    host: str = ""
    status: int = 0
    token_status: int = 200
    login: str = ""
    closed: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def put(self, name: str, layers: list[bytes], config: dict[str, Any], architecture: str = "amd64") -> str:
        """An image by `repository:tag`; its digest."""
        configuration = {"architecture": architecture, "os": "linux", "config": config, "rootfs": {"type": "layers"}}
        blobs = [json.dumps(configuration).encode(), *layers]
        for blob in blobs:
            self.blobs[digest_of(blob)] = blob
        described = [{"digest": digest_of(blob), "size": len(blob), "mediaType": "x"} for blob in blobs]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}
        return self._put(name, MANIFEST, manifest)

    def put_index(self, name: str, **images: str) -> str:
        """An index by `repository:tag`: architecture to the digest of an image; its digest."""
        entries = [
            {"digest": digest, "mediaType": MANIFEST, "platform": {"os": "linux", "architecture": architecture}}
            for architecture, digest in images.items()
        ]
        return self._put(name, INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})

    def _put(self, name: str, kind: str, manifest: dict[str, Any]) -> str:
        content = json.dumps(manifest).encode()
        repository, _, tag = name.partition(":")
        for reference in (tag, digest_of(content)):
            self.manifests[f"{repository}/{reference}"] = (kind, content)
        return digest_of(content)

    def answer(self, method: str, url: str, headers: Any) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        path = urlsplit(url).path
        if path == "/token":
            return self._token(headers)
        if path.startswith("/storage/"):
            assert "Authorization" in headers or method == "GET"
            return 200, {}, self.blobs[path.removeprefix("/storage/")]
        repository, _, rest = path.removeprefix("/v2/").rpartition("/")
        repository, _, kind = repository.rpartition("/")
        if self.status and path != "/v2/":
            return self.status, {}, b""
        scope = f"repository:{repository}:pull"
        challenge = f'Bearer realm="http://{self.host}/token",service="here",scope="{scope}"'
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"Www-Authenticate": challenge}, b""
        if repository in self.closed:
            return 401, {"Www-Authenticate": f'{challenge},error="insufficient_scope"'}, b""
        self.asked.append(f"{method} {repository}/{kind}/{rest}")
        if kind == "blobs" and rest in self.blobs:
            return 307, {"Location": f"http://{self.host}/storage/{rest}"}, b""
        if kind == "manifests" and f"{repository}/{rest}" in self.manifests:
            type_, content = self.manifests[f"{repository}/{rest}"]
            return 200, {"Content-Type": type_, "Docker-Content-Digest": digest_of(content)}, content
        return 404, {}, b""

    def _token(self, headers: Any) -> tuple[int, dict[str, str], bytes]:
        given = headers.get("Authorization", "").removeprefix("Basic ")
        if self.login and base64.b64decode(given).decode() != self.login:
            return 401, {}, b""
        return self.token_status, {}, json.dumps({"token": TOKEN}).encode()


@contextlib.contextmanager
def image_registry() -> Iterator[ImageRegistry]:
    """A registry that is served."""
    registry = ImageRegistry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = registry.answer(self.command, self.path, self.headers)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Nothing on the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.host = f"localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
