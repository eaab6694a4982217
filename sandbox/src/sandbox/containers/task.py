"""A container of an image, as ECS runs it in a task."""

from __future__ import annotations

import http.client
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.containers import http2
from sandbox.containers.image import Image
from sandbox.containers.memory import proportional, resident
from sandbox.containers.namespace import (
    Command,
    Container,
    NamespaceError,
    StartError,
    find_user,
    signal_number,
)
from sandbox.containers.rootfs import FILES, Bind, Layout, inside
from sandbox.containers.runtimes import SYSTEM_PATH, runtime
from sandbox.containers.terminal import Terminal

__all__ = ["ContainerSpec", "NamespaceError", "RunningContainer", "StartError"]


@dataclass
class ContainerSpec:
    """What a container runs. None for the commands and the folder means the image's own.

    `mounts` are folders of this machine, `tmpfs` sizes in MiB by absolute path; both can be written where the root
    is `read_only`, mounts if they say so. `hosts` are names that it knows, with their addresses; `listens` and
    `connected` are those of a :class:`Container`.
    """

    image: Image
    command: list[str] | None = None
    entry_point: list[str] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    working_directory: str | None = None
    ports: list[int] = field(default_factory=list)
    user: str | None = None
    read_only: bool = False
    mounts: list[Bind] = field(default_factory=list)
    tmpfs: dict[str, int] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    listens: Sequence[tuple[str, int]] = ()
    connected: Callable[[int, socket.socket], None] | None = None

    @property
    def argv(self) -> list[str]:
        """Entry point and command together; an overridden entry point drops the image's command."""
        config = self.image.config
        entry = config.get("Entrypoint") or [] if self.entry_point is None else self.entry_point
        inherited = config.get("Cmd") or [] if self.entry_point is None else []
        return [*entry, *(inherited if self.command is None else self.command)]


def _hosts(folder: Path, hosts: Mapping[str, str]) -> list[Bind]:
    """The file that resolves names, where there are any besides the container's own."""
    if not hosts:
        return []
    file = folder / "hosts"
    file.write_text(FILES["etc/hosts"] + "".join(f"{address}\t{name}\n" for name, address in hosts.items()))
    return [Bind(file, "/etc/hosts")]


class RunningContainer:
    """A started container. All it writes goes to `folder`/output.log; its files are in `folder`/rootfs.

    `network`: another container of the same task, whose network it shares. Raises StartError when the
    command cannot be started (in a container runtime's words) and NamespaceError when this machine does not
    let containers be made.
    """

    def __init__(self, folder: Path, spec: ContainerSpec, network: RunningContainer | None = None) -> None:
        root = folder / "rootfs"
        folder.chmod(0o700)  # an image may have programs that run as root, for whoever reaches them
        spec.image.extract(root)
        config = spec.image.config
        if not spec.argv:
            raise StartError("no command specified")
        try:
            user = find_user(root, spec.user or config.get("User") or "root")
        except LookupError as error:
            raise StartError(str(error)) from error
        environment = {
            "PATH": SYSTEM_PATH,
            "HOME": user.home,
            "HOSTNAME": folder.name,
            **spec.image.environment,
            **spec.environment,
        }
        cwd = spec.working_directory or config.get("WorkingDir") or "/"
        inside(root, cwd).mkdir(parents=True, exist_ok=True)
        self._command = Command(spec.argv, environment, cwd, user)
        self._hosts = spec.hosts
        self._stop_signal = signal_number(config.get("StopSignal") or "SIGTERM")
        layout = Layout(root)
        layout.prepare(runtime(spec.image.runtime), [*spec.mounts, *_hosts(folder, spec.hosts)])
        for path in spec.tmpfs:
            inside(root, path).mkdir(parents=True, exist_ok=True)
        output = os.open(folder / "output.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self._container: Container = Container(
                layout,
                self._command,
                address=folder / "sock",
                output=output,
                network=network._container if network else "own",
                read_only=spec.read_only,
                tmpfs=[(f"/{inside(root, path).relative_to(root)}", size) for path, size in spec.tmpfs.items()],
                listens=spec.listens,
                connected=spec.connected,
            )
        finally:
            os.close(output)

    @property
    def names(self) -> Mapping[str, str]:
        """The names that it knows besides its own, with their addresses."""
        return self._hosts

    @property
    def exit_code(self) -> int | None:
        """The exit code, 128 + signal for a killed command; None while it runs."""
        return self._container.exit_code

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end for at most `timeout` seconds; the exit code, None while it runs."""
        return self._container.wait(timeout)

    def connect(self, port: int, timeout: float | None = None, host: str | None = None) -> socket.socket:
        """A connection to a TCP port on the container's own address, or on `host`, another one that it reaches; raises
        ConnectionRefusedError.
        """
        return self._container.connect(port, timeout, self._hosts.get(host or "", host))

    def http_get(self, port: int, path: str, host: str, timeout: float) -> int:
        """The status code of a GET with the given Host header; raises OSError or HTTPException."""
        connection = http.client.HTTPConnection(host, timeout=timeout)
        connection.sock = self.connect(port, timeout)
        try:
            connection.request("GET", path, headers={"User-Agent": "ELB-HealthChecker/2.0"})
            return connection.getresponse().status
        finally:
            connection.close()

    def http2_ask(self, port: int, path: str, host: str, timeout: float, *, grpc: bool) -> int:
        """The status of a GET by HTTP/2, or gRPC's of a call; raises OSError or HTTPException."""
        with self.connect(port, timeout) as connection:
            return http2.ask(connection, path, host, grpc=grpc)

    def run(self, argv: list[str], timeout: float | None = None) -> int:
        """Run a further command in the container, as a container health check; its exit code.

        Raises TimeoutError (the command is killed), StartError, or ConnectionError when the container ended.
        """
        command = Command(argv, self._command.env, self._command.cwd, self._command.user)
        return self._container.run(command, timeout)

    def open_terminal(self, argv: list[str], environment: Mapping[str, str]) -> Terminal:
        """Run a further command in the container as root, at a terminal, with more variables than the container has.

        Raises StartError, or ConnectionError when the container ended.
        """
        command = Command(argv, {**self._command.env, **environment}, self._command.cwd)
        return self._container.open_terminal(command)

    def memory(self, *, exact: bool = False) -> int:
        """The bytes that its processes use; what they share is counted for each of them, unless `exact`."""
        try:
            return (proportional if exact else resident)(self._container.pid)
        except (OSError, IndexError):
            return 0

    def kill(self) -> None:
        """End it with SIGKILL, as the kernel does for want of memory; the exit code becomes 137."""
        self._container.signal(signal.SIGKILL)

    def stop(self, timeout: float) -> None:
        """Ask the command to end (the image's STOPSIGNAL or SIGTERM), and kill it after `timeout` seconds."""
        if self.exit_code is None:
            self._container.signal(self._stop_signal)
            if self.wait(timeout) is None:
                self._container.signal(signal.SIGKILL)
                if self.wait(1.0) is None:
                    self._container.kill()
