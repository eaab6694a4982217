"""Starts containers in Linux namespaces and talks to them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sandbox.containers.rootfs import FILES, Layout, inside
from sandbox.containers.terminal import Terminal

LAUNCHER = Path(__file__).with_name("launcher.py")
ADDRESS = "172.17.0.2"
CAP_SYS_ADMIN = 21


class NamespaceError(Exception):
    """This machine does not allow containers; the message says what is needed."""


class StartError(Exception):
    """The container's command cannot be started, in a container runtime's words."""


@dataclass(frozen=True)
class User:
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    home: str = "/root"


@dataclass(frozen=True)
class Command:
    """A process to run in a container: its arguments, whole environment, folder and user."""

    argv: list[str]
    env: dict[str, str]
    cwd: str = "/"
    user: User = field(default_factory=User)

    def wire(self) -> dict[str, Any]:
        user = asdict(self.user)
        return {
            "argv": self.argv,
            "env": self.env,
            "cwd": self.cwd,
            "user": [user["uid"], user["gid"], list(user["groups"])],
        }


class Container:
    """A running container: a private root, process tree and, unless it shares one, network.

    `command` None gives a container that only runs what :meth:`run` asks for. `output` is a file descriptor
    for all that its processes write. `network`: "own", "host", or another container to share with. `read_only`: its
    root, but for what is bound to be written and `tmpfs`, (path that exists, MiB). `listens`: addresses, of
    192.0.2.2 to 254, and ports that it reaches; what connects there is handed to `connected`, with its number, each in
    a thread of its own.
    Raises NamespaceError or StartError. Nothing of it survives its owner's end.
    """

    def __init__(
        self,
        layout: Layout,
        command: Command | None,
        *,
        address: Path,
        output: int,
        network: Container | str = "own",
        privileged: bool = False,
        read_only: bool = False,
        tmpfs: Sequence[tuple[str, int]] = (),
        listens: Sequence[tuple[str, int]] = (),
        connected: Callable[[int, socket.socket], None] | None = None,
    ) -> None:
        self._address = address
        self.exit_code: int | None = None
        separate = not _has_capability(CAP_SYS_ADMIN)
        accepted, accepting = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        plan = {
            "root": str(layout.root),
            "binds": layout.binds,
            "socket": str(address),
            "address": ADDRESS if network == "own" else "",
            "relay": "" if network == "host" else ADDRESS,
            "process": command.wire() if command else None,
            "privileged": privileged,
            "read_only": read_only,
            "tmpfs": list(tmpfs),
            "single_user": separate or not _maps_users(),
            "listens": list(listens),
            "side_network": str(LAUNCHER.with_name("side_network.py")),
        }
        status, status_writer = os.pipe()
        control_reader, self._control = os.pipe()
        description = _memory_file(json.dumps(plan))
        inherited = (description, status_writer, control_reader, output, accepting.fileno())
        launcher = [os.path.realpath(sys.executable), "-I", "-S", str(LAUNCHER)]
        arguments = [*_isolation(network, separate), "--", *launcher, *(str(number) for number in inherited)]
        self._process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=inherited,
            start_new_session=True,
            env={"PATH": os.defpath},
        )
        for number in (description, status_writer, control_reader):
            os.close(number)
        accepting.close()
        threading.Thread(target=_hand_over, args=(accepted, connected), daemon=True).start()
        self._await_start(status)
        self._ended = threading.Thread(target=self._wait, daemon=True)
        self._ended.start()

    @property
    def pid(self) -> int:
        """The container's first process, as this process sees it."""
        outer = self._process.pid
        children = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        return int(children[0])

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code (128 + signal for a killed command); None when it still runs after `timeout` s."""
        self._ended.join(timeout)
        return self.exit_code

    def signal(self, number: int) -> None:
        """Send a signal to the container's command."""
        with suppress(OSError):
            os.write(self._control, bytes([number]))

    def kill(self) -> None:
        """End every process of the container now."""
        with suppress(OSError, IndexError):
            os.kill(self.pid, signal.SIGKILL)  # its parent is left to reap it
        self._ended.join(5)
        self._process.kill()
        self._ended.join()

    def connect(self, port: int, timeout: float | None = None, host: str | None = None) -> socket.socket:
        """A connection to a TCP port of the container, of its own address or of `host`, another one that it reaches;
        raises ConnectionRefusedError.
        """
        client, answer = self._ask({"connect": port, "host": host}, timeout)
        if "ok" in answer:
            return client
        client.close()
        raise ConnectionRefusedError(f"port {port}: {answer.get('error', 'the container has ended')}")

    def run(self, command: Command, timeout: float | None = None) -> int:
        """Run a further process in the container to its end and return its exit code.

        It is killed after `timeout` seconds, which raises TimeoutError. Raises StartError when it cannot be
        started and ConnectionError when the container has ended.
        """
        client, answer = self._ask({"exec": command.wire()}, timeout)
        client.close()
        if "error" in answer:
            raise StartError(answer["error"])
        if "exit" not in answer:
            raise ConnectionResetError("the container has ended")
        return int(answer["exit"])

    def open_terminal(self, command: Command) -> Terminal:
        """Run a further process in the container, at a terminal; raises as `run`."""
        descriptors: list[int] = []
        client, answer = self._ask({"terminal": command.wire()}, None, descriptors)
        if descriptors:
            return Terminal(descriptors[0], client)
        client.close()
        if "error" in answer:
            raise StartError(answer["error"])
        raise ConnectionResetError("the container has ended")

    def _ask(
        self, request: dict[str, Any], timeout: float | None, descriptors: list[int] | None = None
    ) -> tuple[socket.socket, dict[str, Any]]:
        """What is answered; the file descriptors that come with it are appended."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            client.settimeout(timeout)
            _connect_unix(client, self._address)
            client.sendall(json.dumps(request).encode() + b"\n")
            line = b""
            while not line.endswith(b"\n"):
                byte, received, _, _ = socket.recv_fds(client, 1, 1)
                if not byte:
                    break
                line += byte
                if descriptors is not None:
                    descriptors += received
        except FileNotFoundError:
            client.close()
            raise ConnectionRefusedError("the container has ended") from None
        except OSError:
            client.close()
            raise
        return client, json.loads(line) if line else {}

    def _await_start(self, status: int) -> None:
        with os.fdopen(status, "rb") as reader:
            line = reader.readline()
        report: dict[str, str] = json.loads(line) if line else {}
        stderr = self._process.stderr
        assert stderr is not None
        try:
            if "ready" in report:
                return
            code = self._process.wait()
            os.close(self._control)
            self._address.unlink(missing_ok=True)
            if "start" in report:
                self.exit_code = code
                raise StartError(report["start"])
            raise NamespaceError(_needs(report.get("error") or stderr.read().decode(errors="replace").strip()))
        finally:
            stderr.close()

    def _wait(self) -> None:
        code = self._process.wait()
        self.exit_code = code if code >= 0 else 128 - code
        os.close(self._control)
        self._address.unlink(missing_ok=True)


def _hand_over(accepted: socket.socket, connected: Callable[[int, socket.socket], None] | None) -> None:
    """Take the connections that a container's first process has accepted, until it ends."""
    with accepted:
        while True:
            number, descriptors, _, _ = socket.recv_fds(accepted, 16, 1)
            if not number:
                return
            client = socket.socket(fileno=descriptors[0])
            if connected is None:
                client.close()
            else:
                threading.Thread(target=connected, args=(int(number), client), daemon=True).start()


def find_user(root: Path, name: str) -> User:
    """The user `name[:group]` (names or numbers) of a root folder; raises LookupError in Docker's words."""
    user, _, group = name.partition(":")
    accounts = [line.split(":") for line in _lines(root, "/etc/passwd")]
    groups = [line.split(":") for line in _lines(root, "/etc/group")]
    account = next((a for a in accounts if len(a) > 5 and user in (a[0], a[2])), None)
    if account is None and not user.isdigit():
        raise LookupError(f"unable to find user {user}: no matching entries in passwd file")
    uid, gid, home = (int(account[2]), int(account[3]), account[5]) if account else (int(user), 0, "/")
    if group:
        entry = next((g for g in groups if len(g) > 2 and group in (g[0], g[2])), None)
        if entry is None and not group.isdigit():
            raise LookupError(f"unable to find group {group}: no matching entries in group file")
        return User(uid, int(entry[2] if entry else group), (), home)
    login = account[0] if account else user
    extra = tuple(int(g[2]) for g in groups if len(g) > 3 and login in g[3].split(","))
    return User(uid, gid, extra, home)


def _lines(root: Path, path: str) -> list[str]:
    file = inside(root, path)
    return (file.read_text() if file.is_file() else FILES[path.lstrip("/")]).splitlines()


def _isolation(network: Container | str, separate: bool) -> list[str]:
    namespaces = ["--mount", "--pid", "--fork", "--kill-child"]
    users = ["--user", "--map-root-user"] if separate else []
    if isinstance(network, Container):
        enter = ["nsenter", f"--target={network.pid}", "--net"]
        if separate:
            enter += ["--user", "--preserve-credentials"]
        return [*enter, "--", "unshare", *namespaces]
    network_options = ["--net"] if network == "own" else []
    return ["unshare", *namespaces, *network_options, *users]


def _connect_unix(client: socket.socket, address: Path) -> None:
    """Connect to a unix socket whose path may be longer than a socket's address."""
    folder = os.open(address.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        client.connect(f"/proc/self/fd/{folder}/{address.name}")
    finally:
        os.close(folder)


def _memory_file(text: str) -> int:
    number = os.memfd_create("plan")
    os.write(number, text.encode())
    os.lseek(number, 0, os.SEEK_SET)
    return number


def _has_capability(number: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def _maps_users() -> bool:
    """Whether the current user namespace has more users than the caller."""
    lines = Path("/proc/self/uid_map").read_text().splitlines()
    return sum(int(line.split()[2]) for line in lines) >= 65536


def _needs(reason: str) -> str:
    return (
        f"containers need Linux namespaces, which this machine refuses ({reason or 'no reason given'}). "
        "Run as root with CAP_SYS_ADMIN, or allow unprivileged user namespaces: "
        "sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0 and, on Ubuntu, "
        "kernel.apparmor_restrict_unprivileged_userns=0; inside Docker, add --privileged."
    )


def signal_number(name: str) -> int:
    """The number of a stop signal given as SIGTERM, TERM or 15; raises ValueError."""
    if name.isdigit():
        return int(name)
    try:
        return signal.Signals[name if name.startswith("SIG") else f"SIG{name}"].value
    except KeyError:
        raise ValueError(f"unknown signal {name}") from None
