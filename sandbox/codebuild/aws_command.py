"""The `aws` of a build: the AWS CLI, loaded once a build and forked for each call, as loading takes most of a call.

A file of its own for the interpreter: the first call starts the process that the later ones reach by its socket.
"""

import array
import fcntl
import functools
import gc
import json
import os
import signal
import site
import socket
import struct
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

FOLDER = "/codebuild/readonly"
SOCKET, LOCK = f"{FOLDER}/aws.sock", Path(FOLDER, "aws.lock")
STREAMS = (0, 1, 2)
LENGTH = struct.Struct("!Q")


def call(arguments: list[str]) -> int:
    """Let the loaded CLI run a command with this process's streams, folder and variables; its exit code."""
    request = json.dumps({"arguments": arguments, "folder": str(Path.cwd()), "variables": dict(os.environ)}).encode()
    with _connection() as connection:
        connection.sendmsg(
            [LENGTH.pack(len(request))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", STREAMS))]
        )
        connection.sendall(request)
        answer = connection.recv(1)
    return answer[0] if answer else 255


def _connection() -> socket.socket:
    """To the process that has the CLI loaded, which is started when there is none."""
    connection = socket.socket(socket.AF_UNIX)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            connection.connect(SOCKET)
        except OSError:
            _start()
            connection.connect(SOCKET)
        fcntl.flock(lock, fcntl.LOCK_UN)
    return connection


def _start() -> None:
    """Listen, then load in a process of its own: who connects meanwhile waits in the socket's queue."""
    listener = socket.socket(socket.AF_UNIX)
    Path(SOCKET).unlink(missing_ok=True)
    listener.bind(SOCKET)
    listener.listen(64)
    if os.fork():
        listener.close()
        return
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in STREAMS:
        os.dup2(nothing, stream)
    kept = os.dup2(listener.detach(), STREAMS[-1] + 1)
    os.closerange(kept + 1, 1024)  # somebody may wait for the end of one of them
    os.chdir("/")
    _serve(socket.socket(fileno=kept))


def _serve(listener: socket.socket) -> NoReturn:
    site.main()  # the interpreter was started without, which is faster
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _answer(connection)
        connection.close()


def _load() -> None:
    """Import the CLI, and let all its later sessions share what one of them reads of the services' models."""
    from awscli.clidriver import botocore, create_clidriver

    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    loader = create_clidriver().session.get_component("data_loader")
    for kind in ("service-2", "paginators-1", "waiters-2", "endpoint-rule-set-1"):
        loader.list_available_services(kind)
    gc.freeze()


def _answer(connection: socket.socket) -> NoReturn:
    """Run one command, in a process that ends with it, or with who asked for it."""
    code = 255
    try:
        request = _received(connection)
        threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
        code = _run(request)
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                code = code or 255
        connection.sendall(bytes([code & 255]))
        os._exit(0)


def _received(connection: socket.socket) -> dict[str, Any]:
    descriptors = array.array("i")
    size, ancillary, _, _ = connection.recvmsg(LENGTH.size, socket.CMSG_SPACE(len(STREAMS) * descriptors.itemsize))
    for _, _, data in ancillary:
        descriptors.frombytes(data)
    for stream, descriptor in zip(STREAMS, descriptors, strict=True):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    with connection.makefile("rb") as file:
        request: dict[str, Any] = json.loads(file.read(*LENGTH.unpack(size)))
    return request


def _end_with(connection: socket.socket) -> None:
    connection.recv(1)
    os._exit(1)


def _run(request: dict[str, Any]) -> int:
    from awscli.clidriver import main

    os.chdir(request["folder"])
    loaded = {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]}  # of the CLI's own, set when it was loaded
    os.environ.clear()
    os.environ.update({**request["variables"], **loaded})
    sys.argv = ["aws", *request["arguments"]]
    try:
        return int(main() or 0)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


if __name__ == "__main__":
    sys.exit(call(sys.argv[1:]))
