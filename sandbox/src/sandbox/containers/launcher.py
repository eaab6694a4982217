"""The first process of a container (PID 1 of its PID namespace).

Started by :mod:`sandbox.containers.namespace` under ``unshare`` with the plan's file descriptor as its only
argument. It composes the root folder by bind mounts, enters it, gives up the privileges that a container
does not have, runs the command, and answers requests on a unix socket: ``{"connect": PORT}`` becomes a
relay into the container's network, ``{"exec": {...}}`` runs another process in the container, ``{"terminal": {...}}``
one at a terminal, whose other end is handed over. What connects to the plan's addresses and ports in a network
beside the container's is handed to the owner. It ends with the command's exit code, or when its owner closes the
control pipe; the kernel then kills what is left.

Standard library only, and nothing is imported after the root has changed.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import platform
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x8, 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 0x1
PR_CAPBSET_DROP, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 24, 22, 2
TIOCSCTTY = 0x540E
SIOCSIFADDR, SIOCSIFNETMASK, SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x891C, 0x8913, 0x8914, 0x1

# Docker's default capabilities without MKNOD and NET_RAW, by their numbers in linux/capability.h.
KEPT_CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 29, 31}

# chown, fchown, lchown, fchownat, setuid, setgid, setreuid, setregid, setgroups, setresuid, setresgid,
# setfsuid, setfsgid by architecture, and the architecture's audit number.
FAKED_CALLS = {
    "x86_64": (0xC000003E, (92, 93, 94, 260, 105, 106, 113, 114, 116, 117, 119, 122, 123)),
    "aarch64": (0xC00000B7, (55, 54, 146, 144, 145, 143, 159, 147, 149, 151, 152)),
}

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any, about: str = "") -> None:
    """A libc function whose non-zero answer raises OSError."""
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name} {about}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    encoded = [None if text is None else text.encode() for text in (source, target, kind)]
    call("mount", *encoded, ctypes.c_ulong(flags), options.encode() if options else None, about=target)


def bind(source: str, target: str, *, writable: bool) -> None:
    mount(source, target, None, MS_BIND | MS_REC)
    if not writable:
        make_read_only(target, AT_RECURSIVE)


def make_read_only(target: str, flags: int = 0) -> None:
    """A mount, and with AT_RECURSIVE those in it."""
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0)
    call(
        "syscall", SYS_MOUNT_SETATTR, AT_FDCWD, target.encode(), flags, attributes, len(attributes), about=target
    )  # fmt: skip


def make_devices(folder: str) -> None:
    """A minimal /dev: no disk and no terminal of the machine, but terminals of its own."""
    mount("tmpfs", folder, "tmpfs", MS_NOSUID, "mode=755,size=64k")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        target = f"{folder}/{name}"
        os.close(os.open(target, os.O_CREAT, 0o666))
        bind(f"/dev/{name}", target, writable=True)
    links = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1"}
    for name, target in {**links, "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"}.items():
        os.symlink(target, f"{folder}/{name}")  # noqa: PTH211
    os.mkdir(f"{folder}/pts")  # noqa: PTH102
    mount("devpts", f"{folder}/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=620,ptmxmode=666")
    os.mkdir(f"{folder}/shm")  # noqa: PTH102
    mount("tmpfs", f"{folder}/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64m")


def enter_root(plan: dict[str, Any]) -> None:
    root = plan["root"]
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount(root, root, None, MS_BIND)
    for source, target, writable in plan["binds"]:
        bind(source, root + target, writable=writable)
    make_devices(f"{root}/dev")
    mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV)
    for target, mebibytes in plan["tmpfs"]:
        mount("tmpfs", root + target, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, f"mode=1777,size={mebibytes}m")
    if plan["read_only"]:
        make_read_only(root)
    os.chdir(root)
    call("pivot_root", b".", b".")
    call("umount2", b".", MNT_DETACH)
    os.chdir("/")


def configure_network(address: str) -> None:
    """Bring the loopback up and give the container its own address on it.

    A server that listens on 127.0.0.1 only is not reached from outside its container: what comes in goes to
    `address`.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:

        def change(name: str, request: int, value: bytes) -> bytes:
            return fcntl.ioctl(control, request, struct.pack("16s", name.encode()) + value)

        def internet(host: str) -> bytes:
            return struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(host))

        (flags,) = struct.unpack_from("H", change("lo", SIOCGIFFLAGS, bytes(24)), 16)
        change("lo", SIOCSIFFLAGS, struct.pack("H22x", flags | IFF_UP))
        change("lo:1", SIOCSIFADDR, internet(address) + bytes(8))
        change("lo:1", SIOCSIFNETMASK, internet("255.255.255.255") + bytes(8))


def drop_capabilities() -> None:
    last = int(read("/proc/sys/kernel/cap_last_cap"))
    for capability in set(range(last + 1)) - KEPT_CAPABILITIES:
        call("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0, about=str(capability))


def fake_ownership() -> None:
    """Let changes of owner and user succeed without effect, where the namespace has a single user."""
    audit, numbers = FAKED_CALLS[platform.machine()]
    load_architecture, load_number = (0x20, 0, 0, 4), (0x20, 0, 0, 0)
    program = [load_architecture, (0x15, 0, len(numbers) + 1, audit), load_number]
    program += [(0x15, len(numbers) - index, 0, number) for index, number in enumerate(numbers)]
    program += [(0x6, 0, 0, 0x7FFF0000), (0x6, 0, 0, 0x00050000)]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code)
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0, about="seccomp")


def read(path: str) -> str:
    with open(path) as file:  # noqa: PTH123 (pathlib costs a third of this process's start)
        return file.read()


class Container:
    """Runs processes inside the root that this process has entered."""

    def __init__(self, plan: dict[str, Any], output: int) -> None:
        self.plan = plan
        self.output = output
        self.lock = threading.Lock()
        self.waiting: dict[int, tuple[threading.Event, list[int]]] = {}

    def start(self, process: dict[str, Any], terminal: int | None = None) -> tuple[int, threading.Event, list[int]]:
        """Start a process; its exit code arrives in the list when the event is set."""
        user, group, groups = process["user"]
        output = self.output if terminal is None else terminal
        with self.lock:
            child = subprocess.Popen(
                process["argv"],
                env=process["env"],
                cwd=process["cwd"],
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=output,
                stderr=output,
                user=user,
                group=group,
                extra_groups=groups,
                umask=0o022,
                start_new_session=True,
                preexec_fn=None if terminal is None else control_terminal,
            )
            child.returncode = 0  # reaped by reap(), not by Popen
            done: tuple[threading.Event, list[int]] = (threading.Event(), [])
            self.waiting[child.pid] = done
        return child.pid, *done

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            with self.lock:
                event, codes = self.waiting.pop(pid, (None, []))
            if event is not None:
                code = os.waitstatus_to_exitcode(status)
                codes.append(code if code >= 0 else 128 - code)
                event.set()

    def serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, ValueError, KeyError):
            request = json.loads(read_line(client))
            if "exec" in request:
                self.execute(client, request["exec"])
            elif "terminal" in request:
                self.open_terminal(client, request["terminal"])
            else:
                self.relay(client, int(request["connect"]), request.get("host"))

    def execute(self, client: socket.socket, process: dict[str, Any]) -> None:
        """Run a process to its end; it is killed when the caller hangs up."""
        try:
            pid, ended, codes = self.start(process)
        except OSError as error:
            answer(client, {"error": start_error(process["argv"][0], error)})
            return
        threading.Thread(target=kill_on_hang_up, args=(client, pid, ended), daemon=True).start()
        ended.wait()
        answer(client, {"exit": codes[0]})

    def open_terminal(self, client: socket.socket, process: dict[str, Any]) -> None:
        """Run a process at a terminal of its own, whose other end the caller gets; it is killed when they hang up."""
        ours, theirs = os.openpty()
        try:
            pid, ended, _ = self.start(process, theirs)
        except OSError as error:
            os.close(ours)
            answer(client, {"error": start_error(process["argv"][0], error)})
            return
        finally:
            os.close(theirs)
        descriptor = struct.pack("i", ours)
        client.sendmsg([b'{"terminal": true}\n'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptor)])
        os.close(ours)
        kill_on_hang_up(client, pid, ended)

    def relay(self, client: socket.socket, port: int, host: str | None) -> None:
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.settimeout(5)
        try:
            server.connect((host or self.plan["relay"] or "127.0.0.1", port))
        except OSError as error:
            server.close()
            answer(client, {"error": str(error)})
            return
        server.settimeout(None)
        answer(client, {"ok": True})
        with server:
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            pump(client, server)
            back.join()


def control_terminal() -> None:
    """Make standard input the terminal that Ctrl-C of a new session comes from."""
    fcntl.ioctl(0, TIOCSCTTY, 0)


def kill_on_hang_up(client: socket.socket, pid: int, ended: threading.Event) -> None:
    with contextlib.suppress(OSError):
        client.recv(1)
    if not ended.is_set():
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def read_line(client: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = client.recv(1)
        if not byte:
            break
        line += byte
    return line


def answer(client: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        client.sendall(json.dumps(message).encode() + b"\n")


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def start_error(name: str, error: OSError) -> str:
    """A container runtime's words for a command that cannot be started."""
    if isinstance(error, FileNotFoundError):
        where = "no such file or directory" if "/" in name else "executable file not found in $PATH"
        return f'exec: "{name}": {where}'
    return f'exec: "{name}": {(error.strerror or str(error)).lower()}'


@contextlib.contextmanager
def reporting(status: int) -> Iterator[None]:
    """Report to the owner what went wrong before the command ran, and end."""
    try:
        yield
    except Exception as error:
        os.write(status, json.dumps({"error": str(error)}).encode() + b"\n")
        os._exit(125)


def listen(path: str) -> socket.socket:
    """A unix socket in a folder whose path may be longer than a socket's address."""
    folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)  # noqa: PTH120
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(f"/proc/self/fd/{folder}/{os.path.basename(path)}")  # noqa: PTH119
    os.close(folder)
    server.listen(64)
    return server


def main() -> None:
    descriptor, status, control, output, accepting = (int(text) for text in sys.argv[1:6])
    for inherited in (descriptor, status, control, output, accepting):
        os.set_inheritable(inherited, False)
    with os.fdopen(descriptor) as file:
        plan: dict[str, Any] = json.load(file)
    with reporting(status):
        server = listen(plan["socket"])
        if plan["address"]:
            configure_network(plan["address"])
        if plan["listens"]:
            runpy.run_path(plan["side_network"])["listen"](plan["listens"], accepting)
        os.close(accepting)
        enter_root(plan)
        if not plan["privileged"]:
            drop_capabilities()
        if plan["single_user"]:
            fake_ownership()
    wakeup_reader, wakeup_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    for ignored in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_DFL)  # a container starts with none ignored, whoever started the sandbox
    signal.set_wakeup_fd(wakeup_writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    container = Container(plan, output)
    run(container, server, control, wakeup_reader, status)


def run(container: Container, server: socket.socket, control: int, wakeup: int, status: int) -> None:
    pid: int = 0
    codes: list[int] = []
    process = container.plan["process"]
    if process is not None:
        try:
            pid, _, codes = container.start(process)
        except OSError as error:
            os.write(status, json.dumps({"start": start_error(process["argv"][0], error)}).encode() + b"\n")
            os._exit(127 if isinstance(error, FileNotFoundError) else 126)
    os.write(status, b'{"ready": true}\n')
    os.close(status)
    selector = selectors.DefaultSelector()
    for source in (server, control, wakeup):
        selector.register(source, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is server:
                client, _ = server.accept()
                threading.Thread(target=container.serve, args=(client,), daemon=True).start()
            elif key.fileobj == control:
                request = os.read(control, 1)
                if not request:
                    os._exit(137)
                if pid:
                    with contextlib.suppress(OSError):
                        os.kill(pid, request[0])
            else:
                os.read(wakeup, 4096)
                container.reap()
        if codes:
            os._exit(codes[0])


if __name__ == "__main__":
    main()
