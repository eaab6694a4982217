"""Containers: what they see, who they run as, how they are reached and how they end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.containers import namespace
from sandbox.containers.image import Image, ImageError, make_image, write_layer
from sandbox.containers.namespace import Command, Container, NamespaceError, StartError, find_user
from sandbox.containers.registry import Reference
from sandbox.containers.rootfs import Bind, Layout, Runtime, composed, inside
from sandbox.containers.runtimes import base_image, runtime
from sandbox.containers.task import ContainerSpec, RunningContainer

SERVER = """\
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path[1:])); self.end_headers(); self.wfile.write(b"x" * 100000)
    def log_message(self, *args): print("served", self.headers["Host"], flush=True)
def end(*_):
    print("ending", flush=True); os._exit(3)
signal.signal(signal.SIGTERM, end)
print("started", os.environ["GREETING"], os.getcwd(), flush=True)
http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""

Starter = Callable[..., RunningContainer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts containers of an image whose Python serves HTTP; they are stopped afterwards."""
    started: list[RunningContainer] = []

    def run(command: list[str] | None = None, **settings: object) -> RunningContainer:
        root = tmp_path / f"image-{len(started)}"
        (root / "app").mkdir(parents=True)
        (root / "app/server.py").write_text(SERVER)
        base = base_image("python:3.12")
        config = {
            "Env": [f"{key}={value}" for key, value in base.environment.items()],
            "Entrypoint": ["python", "server.py"],
            "Cmd": ["0.0.0.0", "8000"],  # noqa: S104
            "WorkingDir": "/app",
        }
        config.update(settings.pop("config", {}))  # type: ignore[call-overload]
        image = make_image(root, config, base.runtime, "amd64", tmp_path / "blobs")
        folder = tmp_path / f"task-{len(started)}"
        folder.mkdir()
        network = settings.pop("network", None)
        spec = ContainerSpec(image, command, environment={"GREETING": "hello"}, **settings)  # type: ignore[arg-type]
        started.append(RunningContainer(folder, spec, network))  # type: ignore[arg-type]
        return started[-1]

    yield run
    for container in started:
        container.stop(0.1)


def output(tmp_path: Path, number: int = 0) -> str:
    return (tmp_path / f"task-{number}/output.log").read_text()


def status(container: RunningContainer, path: str, port: int = 8000) -> int:
    """A GET that waits for the server to listen."""
    for _ in range(200):
        try:
            return container.http_get(port, path, "example.com", 5)
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise AssertionError("the server does not listen")


def children_of_this_process() -> set[str]:
    found = subprocess.run(["ps", "-o", "pid=,stat=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return {line for line in found.stdout.splitlines() if "ps -o" not in line}


def test_an_http_service(start: Starter, tmp_path: Path) -> None:
    container = start()
    assert status(container, "/200") == 200
    assert status(container, "/503") == 503
    assert container.exit_code is None
    with pytest.raises(ConnectionRefusedError):
        container.connect(8001)
    container.stop(5)
    assert container.exit_code == 3
    assert output(tmp_path) == "started hello /app\nserved example.com\nserved example.com\nending\n"
    with pytest.raises(ConnectionRefusedError):
        container.connect(8000)


def test_names_lead_out_of_a_container_by_its_owner(start: Starter, tmp_path: Path) -> None:
    """By ports that the container listens on itself, too; and when the container that has come first is gone."""
    numbers = []

    def answer(number: int, client: socket.socket) -> None:
        numbers.append(number)
        with client:
            client.sendall(client.recv(10)[::-1])

    script = (
        "import socket; own = socket.create_server(('', {port}));"
        "s = socket.create_connection(('api', {port})); s.sendall(b'abc'); print(s.recv(10), flush=True)"
    )
    known = {
        "hosts": {"db": "192.0.2.2", "api": "192.0.2.3"},
        "listens": [("192.0.2.2", 5432), ("192.0.2.3", 80), ("192.0.2.3", 81)],
        "connected": answer,
        "config": {"Entrypoint": ["python", "-c"]},
    }
    first = start([script.format(port=80) + "; import time; time.sleep(2)"], **known)
    second = start([script.format(port=81)], network=first, **known)
    assert (second.wait(10), output(tmp_path, 1)) == (0, "b'cba'\n")
    assert (first.wait(10), output(tmp_path)) == (0, "b'cba'\n")
    assert sorted(numbers) == [1, 2]


def test_two_containers_use_the_same_port(start: Starter) -> None:
    containers = [start(), start()]
    assert [status(container, "/200") for container in containers] == [200, 200]


def test_a_server_on_the_loopback_is_not_reached_from_outside(start: Starter, tmp_path: Path) -> None:
    container = start(["127.0.0.1", "8000"])
    script = "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/200')"
    for _ in range(100):
        if container.run(["python", "-c", script], 10) == 0:
            break
        time.sleep(0.05)
    else:
        raise AssertionError(output(tmp_path))
    with pytest.raises(ConnectionRefusedError):
        container.connect(8000)


def test_containers_of_one_task_share_the_network(start: Starter) -> None:
    first = start()
    assert status(first, "/200") == 200
    second = start(["0.0.0.0", "9000"], network=first)  # noqa: S104
    assert status(second, "/200", 9000) == 200
    assert status(first, "/200", 9000) == 200
    assert second.run(["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 8000))"], 10) == 0


def test_many_connections_at_once(start: Starter) -> None:
    container = start()
    status(container, "/200")
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(status(container, "/201"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [201] * 20


def test_a_container_that_does_not_want_to_end_is_killed(start: Starter) -> None:
    container = start(["-c", "trap '' TERM; while true; do sleep 1; done"], entry_point=["/bin/sh"])
    time.sleep(0.2)
    container.stop(0.3)
    assert container.exit_code == 137


def test_the_images_stop_signal(start: Starter, tmp_path: Path) -> None:
    script = "trap 'echo quit; exit 4' QUIT; echo ready; while true; do sleep 0.05; done"
    container = start(["-c", script], entry_point=["/bin/bash"], config={"StopSignal": "SIGQUIT"})
    while "ready" not in output(tmp_path):
        time.sleep(0.02)
    container.stop(5)
    assert (container.exit_code, output(tmp_path)) == (4, "ready\nquit\n")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["nope"], 'exec: "nope": executable file not found in $PATH'),
        (["/app/nope"], 'exec: "/app/nope": no such file or directory'),
        (["/app/server.py"], 'exec: "/app/server.py": permission denied'),
    ],
)
def test_a_command_that_cannot_be_started(start: Starter, argv: list[str], words: str) -> None:
    with pytest.raises(StartError) as caught:
        start([], entry_point=argv)
    assert str(caught.value) == words


def test_users(start: Starter, tmp_path: Path) -> None:
    container = start(["-c", "id -u; id -g; id -G; pwd; echo $HOME"], entry_point=["/bin/sh"], user="33")
    container.wait(10)
    assert output(tmp_path).split() == ["33", "33", "33", "/app", "/var/www"]
    with pytest.raises(StartError, match="unable to find user stranger"):
        start(user="stranger")


def test_exit_codes_and_further_commands(start: Starter) -> None:
    container = start()
    assert container.run(["/bin/sh", "-c", "exit 7"], 10) == 7
    assert container.run(["/bin/sh", "-c", "kill -9 $$"], 10) == 137
    with pytest.raises(StartError):
        container.run(["nope"], 10)
    with pytest.raises(TimeoutError):
        container.run(["sleep", "60"], 0.2)
    time.sleep(0.1)
    assert container.run(["/bin/sh", "-c", "! grep -l sleep /proc/[0-9]*/comm | grep -q ."], 10) in (0, 1)
    container.stop(5)
    with pytest.raises(ConnectionError):
        container.run(["true"], 1)


def test_the_memory_of_a_container_is_that_of_all_its_processes(start: Starter) -> None:
    hold = "import os, time; a = bytearray(64 << 20); a[::4096] = b'x' * (16 << 10); os.fork(); time.sleep(60)"
    container = start(entry_point=["python", "-c", hold], command=[])
    for _ in range(200):
        if container.memory() > 128 << 20:
            break
        time.sleep(0.02)
    assert container.memory() > 128 << 20
    assert 64 << 20 < container.memory(exact=True) < 100 << 20
    container.kill()
    assert container.wait(5) == 137
    assert container.memory() == 0


def test_a_container_leaves_nothing(start: Starter, tmp_path: Path) -> None:
    before = children_of_this_process()
    marker = f"86{os.getpid()}"
    container = start(["-c", f"sleep {marker} & setsid sleep {marker} & sleep {marker}"], entry_point=["/bin/sh"])
    time.sleep(0.2)
    container.stop(0.1)
    found = subprocess.run(["pgrep", "-f", f"sleep {marker}"], capture_output=True, text=True)
    assert found.stdout == ""
    assert children_of_this_process() == before
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert not (tmp_path / "task-0/sock").exists()


def test_a_container_ends_with_its_owner(tmp_path: Path) -> None:
    marker = f"87{os.getpid()}"
    owner = f"""
import os, sys, time
from pathlib import Path
from sandbox.containers.namespace import Command, Container
from sandbox.containers.rootfs import Layout, Runtime
root = Path({str(tmp_path / "root")!r}); root.mkdir()
layout = Layout(root); layout.prepare(Runtime())
Container(layout, Command(["/bin/sleep", "{marker}"], {{}}), address=root.parent / "sock", output=os.dup(2))
print("ready", flush=True); time.sleep(60)
"""
    process = subprocess.Popen([os.sys.executable, "-c", owner], stdout=subprocess.PIPE)  # type: ignore[attr-defined]
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    for _ in range(100):
        if not subprocess.run(["pgrep", "-f", f"sleep {marker}"], capture_output=True).stdout:
            return
        time.sleep(0.02)
    raise AssertionError("the container outlived its owner")


def run_in(root: Path, script: str, binds: list[Bind] | None = None, **settings: object) -> tuple[int | None, str]:
    """Run a shell script over a root folder; its exit code and output."""
    root.mkdir(exist_ok=True)
    reader, writer = os.pipe()
    with composed(root, settings.pop("runtime", Runtime()), binds or []) as layout:  # type: ignore[arg-type]
        command = Command(["/bin/bash", "-c", script], {"PATH": "/usr/bin:/usr/sbin"})
        container = Container(layout, command, address=root.parent / "sock", output=writer, **settings)  # type: ignore[arg-type]
        os.close(writer)
        with os.fdopen(reader) as stream:
            text = stream.read()
        return container.wait(), text


def test_a_root_is_composed_and_taken_apart(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "usr/share/mine").mkdir(parents=True)
    (root / "usr/share/mine/file").write_text("mine")
    code, text = run_in(root, "cat /usr/share/mine/file; ls /usr/share | wc -l; echo new > /opt/new; mkdir -p /a/b")
    assert code == 0
    assert text.startswith("mine")
    assert int(text.removeprefix("mine")) > 3
    found = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    assert found == ["a", "a/b", "opt", "opt/new", "usr", "usr/share", "usr/share/mine", "usr/share/mine/file"]


def test_a_container_does_not_see_or_change_the_machine(tmp_path: Path) -> None:
    script = f"""
ls {tmp_path} 2>/dev/null && echo sees the host
touch /usr/bin/x 2>/dev/null && echo writes to /usr
mount -o remount,rw /usr/bin 2>/dev/null && echo remounts
mknod /dev/disk b 8 0 2>/dev/null && echo makes devices
[ "$(ps -e | wc -l)" -lt 9 ] || echo sees processes
grep -q root:x:0 /etc/passwd && ! grep -q '[$]' /etc/shadow || echo has the passwords
ls /dev /dev/pts
"""
    _, text = run_in(tmp_path / "root", script)
    assert set(text.split()) == {
        *("/dev:", "/dev/pts:", "pts"),
        *("fd", "full", "null", "ptmx", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"),
    }


def test_binds_are_read_only_unless_asked(tmp_path: Path) -> None:
    shared, cache = tmp_path / "shared", tmp_path / "cache"
    shared.mkdir()
    cache.mkdir()
    (shared / "f").write_text("text")
    binds = [Bind(shared, "/shared"), Bind(cache, "/var/cache/x", writable=True)]
    code, text = run_in(tmp_path / "root", "cat /shared/f; touch /shared/x && exit 9; touch /var/cache/x/y", binds)
    assert (code, text.splitlines()[0].startswith("text")) == (0, True)
    assert list(cache.iterdir()) == [cache / "y"]
    assert not any((tmp_path / "root").iterdir())


def test_the_image_brings_its_own_packages(tmp_path: Path) -> None:
    script = "/usr/local/bin/python -c 'import sys, pip, json, ssl; print(sys.prefix)'; /usr/local/bin/python -c 'import boto3'"
    root = tmp_path / "root"
    environment = base_image("python:3").environment
    reader, writer = os.pipe()
    with composed(root_of(root), runtime("python")) as layout:
        command = Command(["/bin/sh", "-c", script], environment)
        container = Container(layout, command, address=tmp_path / "sock", output=writer)
        os.close(writer)
        with os.fdopen(reader) as stream:
            text = stream.read()
        assert container.wait() == 1
    assert text.startswith("/usr")
    assert "No module named 'boto3'" in text


def root_of(path: Path) -> Path:
    path.mkdir()
    return path


def test_without_privileges_a_user_namespace_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace, "_has_capability", lambda number: False)
    script = (
        "id -u; useradd -m app && chown -R app /home/app && su app -s /bin/sh -c 'echo lenient'; ip -o addr | wc -l"
    )
    code, text = run_in(tmp_path / "root", script)
    assert (code, text.split()) == (0, ["0", "lenient", "3"])
    first = Container(
        prepared(tmp_path / "one"),
        Command(["sleep", "60"], {"PATH": "/bin"}),
        address=tmp_path / "s1",
        output=os.dup(2),
    )
    second = Container(
        prepared(tmp_path / "two"),
        Command(["sleep", "60"], {"PATH": "/bin"}),
        address=tmp_path / "s2",
        output=os.dup(2),
        network=first,
    )
    networks = {str(Path(f"/proc/{container.pid}/ns/net").readlink()) for container in (first, second)}
    assert len(networks) == 1
    for container in (first, second):
        container.kill()


def prepared(root: Path) -> Layout:
    layout = Layout(root_of(root))
    layout.prepare(Runtime())
    return layout


def test_a_machine_without_namespaces_says_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = tmp_path / "bin"
    refusal.mkdir()
    (refusal / "unshare").write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2; exit 1\n")
    (refusal / "unshare").chmod(0o755)
    monkeypatch.setattr(os, "defpath", str(refusal))
    with pytest.raises(NamespaceError, match=r"Operation not permitted.*Run as root.*user namespaces"):
        run_in(tmp_path / "root", "true")


def test_paths_stay_inside_a_root(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "abs").symlink_to("/etc")
    (tmp_path / "up").symlink_to("../../../../..")
    (tmp_path / "loop").symlink_to("loop")
    assert inside(tmp_path, "/abs/passwd") == tmp_path / "etc/passwd"
    assert inside(tmp_path, "up/x") == tmp_path / "x"
    assert inside(tmp_path, "/../../x") == tmp_path / "x"
    with pytest.raises(OSError, match="too many levels"):
        inside(tmp_path, "loop")


def test_a_damaged_or_hostile_image_is_refused(tmp_path: Path) -> None:
    root = root_of(tmp_path / "root")
    (root / "f").write_text("x")
    image = make_image(root, {}, "", "amd64", tmp_path / "blobs")
    layer = tmp_path / "blobs" / image.blob_digests[1].removeprefix("sha256:")
    layer.write_bytes(layer.read_bytes() + b"x")
    with pytest.raises(ImageError, match="damaged"):
        image.extract(tmp_path / "out")
    layer.unlink()
    with pytest.raises(ImageError, match="missing"):
        image.extract(tmp_path / "out")
    with pytest.raises(ImageError, match="invalid digest"):
        Image(image.manifest.replace(b"sha256:", b"sha256:../"), tmp_path / "blobs").extract(tmp_path / "out")


def test_layers_have_no_times_and_keep_modes_and_links(tmp_path: Path) -> None:
    root = root_of(tmp_path / "root")
    (root / "dir").mkdir(mode=0o1777)
    (root / "dir").chmod(0o1777)
    (root / "dir/link").symlink_to("/etc/passwd")
    (root / "exe").write_text("x")
    (root / "exe").chmod(0o755)
    os.link(root / "exe", root / "same")
    image = make_image(root, {"Cmd": ["x"]}, "", "amd64", tmp_path / "blobs")
    image.extract(tmp_path / "out")
    assert (tmp_path / "out/dir/link").readlink() == Path("/etc/passwd")
    assert (tmp_path / "out/dir").stat().st_mode & 0o7777 == 0o1777
    assert (tmp_path / "out/same").read_text() == "x"
    with (tmp_path / "again.tar").open("wb") as file:
        write_layer(tmp_path / "out", file)
    layer = tmp_path / "blobs" / image.blob_digests[1].removeprefix("sha256:")
    assert (tmp_path / "again.tar").read_bytes() == layer.read_bytes()


@pytest.mark.parametrize(
    ("name", "uid", "gid"), [("root", 0, 0), ("www-data:users", 33, 100), ("1234", 1234, 0), ("1:2", 1, 2)]
)
def test_user_names(tmp_path: Path, name: str, uid: int, gid: int) -> None:
    user = find_user(tmp_path, name)
    assert (user.uid, user.gid) == (uid, gid)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("app", ("", "app", "latest", "")),
        ("library/python:3.12", ("", "library/python", "3.12", "")),
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b:t",
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "a/b", "t", ""),
        ),
        (f"localhost:5000/x@sha256:{'a' * 64}", ("localhost:5000", "x", "", f"sha256:{'a' * 64}")),
    ],
)
def test_references(text: str, parts: tuple[str, str, str, str]) -> None:
    found = Reference.parse(text)
    assert (found.host, found.repository, found.tag, found.digest) == parts
    assert Reference.parse(str(found)) == found


@pytest.mark.parametrize("text", ["", "UPPER", "a:b:c", "a@sha256:1", "host.com/", "a/../b"])
def test_no_references(text: str) -> None:
    with pytest.raises(ValueError, match="invalid reference format"):
        Reference.parse(text)


def test_sockets_are_closed_at_both_ends(start: Starter) -> None:
    container = start()
    status(container, "/200")
    with container.connect(8000) as connection:
        connection.sendall(b"GET /200 HTTP/1.0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        data = b""
        while part := connection.recv(65536):
            data += part
    assert len(data) > 100000


WRITES = 'for path in /tmp /app /scratch /data /seen; do touch $path/x 2>/dev/null && echo "$path"; done; echo end'


@pytest.mark.parametrize(
    ("settings", "written"),
    [
        ({}, ["/tmp", "/app", "/data"]),  # noqa: S108
        ({"read_only": True}, ["/data"]),
        ({"read_only": True, "tmpfs": {"/tmp": 1, "/scratch": 1}}, ["/tmp", "/scratch", "/data"]),  # noqa: S108
    ],
)
def test_a_read_only_root_and_what_may_be_written(
    start: Starter, tmp_path: Path, settings: dict[str, object], written: list[str]
) -> None:
    for name in ("data", "seen"):
        (tmp_path / name).mkdir()
    mounts = [Bind(tmp_path / "data", "/data", writable=True), Bind(tmp_path / "seen", "/seen")]
    config = {"Entrypoint": ["/bin/bash", "-c", WRITES]}
    container = start([], config=config, mounts=mounts, **settings)
    assert container.wait(10) == 0
    assert output(tmp_path).split() == [*written, "end"]
    assert (tmp_path / "data/x").exists()


def test_a_tmpfs_is_as_large_as_it_says(start: Starter, tmp_path: Path) -> None:
    script = "head -c 2000000 /dev/zero > /scratch/x; echo $?"
    start([], config={"Entrypoint": ["/bin/bash", "-c", script]}, tmpfs={"/scratch": 1}).wait(10)
    assert output(tmp_path).splitlines()[-1] == "1"
