"""examples/hello: the image's three commands, run as the image runs them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import pytest

from examples.hello.build_assets import build, hashed_name

HELLO = Path(__file__).parents[3] / "examples" / "hello"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("app.css", b"", "app-e3b0c442.css"),
        ("app.css", b"a", "app-ca978112.css"),
        ("logo.svg", b"a", "logo-ca978112.svg"),
        ("app.min.js", b"a", "app.min-ca978112.js"),
        ("LICENSE", b"a", "LICENSE-ca978112"),
    ],
)
def test_a_name_carries_the_hash_of_its_content(name: str, content: bytes, expected: str) -> None:
    assert hashed_name(name, content) == expected


def test_the_manifest_names_what_was_written(tmp_path: Path) -> None:
    source, target = tmp_path / "static", tmp_path / "public"
    source.mkdir()
    (source / "app.css").write_text("body {}")
    (source / "app.js").write_text("1")
    manifest = build(source, target)
    assert list(manifest) == ["app.css", "app.js"]
    assert json.loads((target / "manifest.json").read_text()) == manifest
    assert {path.name for path in target.iterdir()} == {*manifest.values(), "manifest.json"}
    assert (target / manifest["app.css"]).read_text() == "body {}"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Dockerfile makes of the repository, as a folder."""
    folder = tmp_path_factory.mktemp("hello") / "app"
    shutil.copytree(HELLO, folder, ignore=shutil.ignore_patterns("public", "__pycache__"))
    build(folder / "static", folder / "public")
    (folder / "public/app-0e0e0e0e.css").write_text("of a release before")
    return folder


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


class Web(NamedTuple):
    """A running server.py."""

    process: subprocess.Popen[str]
    port: int

    def get(self, path: str, method: str = "GET") -> Response:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request(method, path)
        response = connection.getresponse()
        return Response(response.status, dict(response.headers), response.read().decode())


@pytest.fixture
def start(image: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a program of the image, with these variables; ends it after the test."""
    started: list[subprocess.Popen[str]] = []

    def run(program: str, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, program],
            cwd=image,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def web(start: Callable[..., subprocess.Popen[str]]) -> Web:
    process = start("server.py", PORT="0", APP_ENV="test", GREETING="Hi <you>")
    line = process.stdout.readline() if process.stdout else ""
    return Web(process, int(line.rpartition(" ")[2]))


def test_health(web: Web) -> None:
    assert web.get("/healthz")[::2] == (200, "ok\n")


def test_the_page_names_assets_that_are_served(web: Web, image: Path) -> None:
    manifest: dict[str, str] = json.loads((image / "public" / "manifest.json").read_text())
    page = web.get("/")
    assert page.status == 200
    for hashed in manifest.values():
        assert f"/assets/{hashed}" in page.body
        asset = web.get(f"/assets/{hashed}")
        assert asset.status == 200
        assert asset.body == (image / "public" / hashed).read_text()
        assert asset.headers["Cache-Control"].endswith("immutable")
    assert web.get(f"/assets/{manifest['app.css']}").headers["Content-Type"] == "text/css"


def test_assets_of_releases_before_are_served_too(web: Web) -> None:
    asset = web.get("/assets/app-0e0e0e0e.css")
    assert (asset.status, asset.body) == (200, "of a release before")
    assert "0e0e0e0e" not in web.get("/").body


def test_the_page_tells_version_and_environment_and_escapes(web: Web) -> None:
    body = web.get("/").body
    assert (HELLO / "VERSION").read_text().strip() in body
    assert "<dd>test</dd>" in body
    assert "Hi &lt;you&gt;" in body
    assert "Hi <you>" not in body


@pytest.mark.parametrize(
    "path",
    [
        "/assets/app-00000000.css",
        "/assets/app.css",
        "/assets/manifest.json",
        "/assets/../VERSION",
        "/assets/",
        "/nothing",
    ],
)
def test_what_is_not_in_this_image_is_not_found(web: Web, path: str) -> None:
    assert web.get(path).status == 404


def test_head_has_headers_and_no_body(web: Web) -> None:
    response = web.get("/healthz", method="HEAD")
    assert (response.status, response.headers["Content-Length"], response.body) == (200, "3", "")


def test_sigterm_exits_with_0_and_lets_an_open_request_finish(web: Web) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=5) as client:
        client.sendall(b"GET /healthz HTTP/1.0\r\n")
        web.get("/healthz")  # connections are accepted in order, so ours is by now
        terminate(web)
        client.sendall(b"\r\n")
        assert b"ok" in client.makefile("rb").read()
    output, _ = web.process.communicate(timeout=5)
    assert web.process.returncode == 0
    assert output.endswith("stopped\n")


def terminate(web: Web) -> None:
    """Sends SIGTERM and waits until the server takes no new connections."""
    web.process.send_signal(signal.SIGTERM)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", web.port), timeout=1).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            pass  # it closes right now
        time.sleep(0.05)
    pytest.fail("the server still accepts connections 5 s after SIGTERM")


def test_the_worker_works_until_sigterm(start: Callable[..., subprocess.Popen[str]]) -> None:
    worker = start("worker.py", WORKER_INTERVAL="0.01")
    lines = [worker.stdout.readline() for _ in range(3)] if worker.stdout else []
    assert [line.split(": ")[1] for line in lines] == [f"job {n} done\n" for n in (1, 2, 3)]
    worker.send_signal(signal.SIGTERM)
    output, _ = worker.communicate(timeout=5)
    assert (worker.returncode, output.splitlines()[-1]) == (0, "stopped")


def test_migrate_says_what_it_did_from_any_folder(image: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [image / "bin" / "migrate"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "APP_ENV": "prod"},
        capture_output=True,
        text=True,
    )
    version = (HELLO / "VERSION").read_text().strip()
    assert (result.returncode, result.stdout) == (
        0,
        f"migrate: hello {version} (prod): no database, 0 migrations to run\n",
    )
