"""What public registries are asked, and what their answers mean."""

import http.server
import socket
import threading
from collections.abc import Iterator, Mapping

import pytest

from delivery.verification import registries
from delivery.verification.registries import Answer, NotAskedError, Reference, ask, has

CHALLENGE = 'Bearer realm="https://auth.example.com/token",service="registry",scope="repository:team/web:pull"'
MANIFEST = "https://registry.example.com/v2/team/web/manifests/1"
TOKEN = "https://auth.example.com/token?service=registry&scope=repository%3Ateam%2Fweb%3Apull"  # noqa: S105 (an address)


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("docker.io/library/python:3.12-slim", ("registry-1.docker.io", "library/python", "3.12-slim")),
        ("ghcr.io/team/web", ("ghcr.io", "team/web", "latest")),
        ("registry:5000/web:1@sha256:ab", ("registry:5000", "web", "sha256:ab")),
        ("public.ecr.aws/docker/library/node@sha256:ab", ("public.ecr.aws", "docker/library/node", "sha256:ab")),
    ],
)
def test_the_parts_of_a_name(image: str, parts: tuple[str, str, str]) -> None:
    assert Reference.parse(image) == parts


class Registry:
    """Answers by method and URL, and what was asked with which authorization."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self._answers = list(answers)
        monkeypatch.setattr(registries, "ask", self._ask)

    def _ask(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        self.asked.append((method, url, headers.get("Authorization")))
        return self._answers.pop(0)


@pytest.mark.parametrize(("status", "there"), [(200, True), (404, False)])
def test_an_open_registry_is_asked_once(monkeypatch: pytest.MonkeyPatch, status: int, there: bool) -> None:
    registry = Registry(monkeypatch, Answer(status))
    assert has("registry.example.com/team/web:1") is there
    assert registry.asked == [("HEAD", MANIFEST, None)]


@pytest.mark.parametrize("body", [b'{"token": "t"}', b'{"access_token": "t"}'])
@pytest.mark.parametrize(("status", "there"), [(200, True), (404, False)])
def test_a_token_for_everybody_is_fetched(
    monkeypatch: pytest.MonkeyPatch, body: bytes, status: int, there: bool
) -> None:
    registry = Registry(monkeypatch, Answer(401, CHALLENGE), Answer(200, body=body), Answer(status))
    assert has("registry.example.com/team/web:1") is there
    assert registry.asked == [("HEAD", MANIFEST, None), ("GET", TOKEN, None), ("HEAD", MANIFEST, "Bearer t")]


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([Answer(401)], "registry.example.com answers 401"),
        ([Answer(401, 'Basic realm="x"')], "registry.example.com answers 401"),
        ([Answer(429)], "registry.example.com answers 429"),
        (
            [Answer(401, CHALLENGE), Answer(200, body=b'{"token": "t"}'), Answer(401)],
            "registry.example.com answers 401",
        ),
        ([Answer(401, CHALLENGE), Answer(403)], "its registry gives no token to everybody: it answers 403"),
        ([Answer(401, CHALLENGE), Answer(200, body=b"[]")], "its registry gives no token to everybody: it answers 200"),
        ([Answer(401, CHALLENGE.replace("https", "http"))], "its registry names no place for a token"),
    ],
)
def test_a_registry_that_does_not_say_it(monkeypatch: pytest.MonkeyPatch, answers: list[Answer], why: str) -> None:
    """A login, or one that answers everybody so for what there is not."""
    Registry(monkeypatch, *answers)
    with pytest.raises(NotAskedError, match=why):
        has("registry.example.com/team/web:1")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        missing = self.path == "/missing"
        self.send_response(401 if missing else 200)
        self.send_header("WWW-Authenticate", "Bearer x")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(self.headers["Accept"].encode()[:4])

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def site() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_is_answered(site: str) -> None:
    assert ask("GET", f"{site}/there", {"Accept": "text"}) == Answer(200, body=b"text")
    assert ask("GET", f"{site}/missing", {"Accept": "text"}) == Answer(401, "Bearer x")


def test_a_registry_that_is_not_reached() -> None:
    with pytest.raises(NotAskedError, match=r"127\.0\.0\.1:1 is not reached: .*refused"):
        ask("HEAD", "http://127.0.0.1:1/", {})


@pytest.mark.parametrize("host", ["registry:port", "a..b", "caf\u00e9.example.com:x", "a b", "[x", "x" * 64 + ".com"])
def test_a_name_that_is_no_registry_s_is_not_asked_for(host: str) -> None:
    """Whoever builds an image may label it with anything."""
    with pytest.raises(NotAskedError):
        has(f"{host}/team/web:1")


def test_an_answer_that_is_not_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer_nonsense, args=(server,), daemon=True).start()
        with pytest.raises(NotAskedError, match=r"127\.0\.0\.1:\d+ is not reached"):
            ask("HEAD", f"http://127.0.0.1:{server.getsockname()[1]}/", {})


def _answer_nonsense(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(b"SSH-2.0\r\n")
