"""The `sandbox` command, loaded once and forked for each call, as loading takes most of a call.

`python -m tests.scenarios.loaded DESCRIPTOR` serves until the process that started it has ended.
"""

import functools
import gc
import importlib
import json
import os
import socket
import socketserver
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SECONDS_TO_RUN = 400
COMMANDS = ("sandbox.cli.stack", "sandbox.cli.operators", "sandbox.cli.receivers")
BY_PROGRAM = ("boto3.s3.transfer", "pydantic", "pulumi_awsx", *(
    f"pulumi_aws.{part}" for part in (
        "acm", "appautoscaling", "cloudwatch", "codebuild", "codedeploy", "codepipeline", "ec2", "ecr", "ecs", "iam",
        "kms", "lb", "route53", "s3", "sqs", "ssm", "vpc",
    )
))  # fmt: skip
"""What the program imports of others."""


def run(arguments: list[str], folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A command in a folder, with these environment variables."""
    with tempfile.TemporaryDirectory() as made, socket.socket(socket.AF_UNIX) as connection:
        out, err = Path(made, "out"), Path(made, "err")
        connection.settimeout(SECONDS_TO_RUN)
        connection.connect(_server())
        request = {"arguments": arguments, "folder": str(folder), "variables": dict(variables)}
        connection.sendall(json.dumps({**request, "out": str(out), "err": str(err)}).encode() + b"\n")
        code = connection.recv(1)
        return subprocess.CompletedProcess(arguments, code[0] if code else -1, out.read_text(), err.read_text())


@functools.cache
def _server() -> bytes:
    """The address of this process's server; who connects while it loads waits in the socket's queue."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")  # the kernel finds an address
        listener.listen(64)
        command = [sys.executable, "-m", "tests.scenarios.loaded", str(listener.fileno())]
        subprocess.Popen(command, cwd=REPOSITORY, pass_fds=[listener.fileno()])
        address: bytes = listener.getsockname()
        return address


class _Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    def __init__(self, descriptor: int) -> None:
        super().__init__("", _Command, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(fileno=descriptor)
        self.started_by = os.getppid()

    def service_actions(self) -> None:
        super().service_actions()
        if os.getppid() != self.started_by:
            sys.exit()


class _Command(socketserver.StreamRequestHandler):
    """One command, in a process of its own."""

    def handle(self) -> None:
        request = json.loads(self.rfile.readline())
        for stream, file in ((1, request["out"]), (2, request["err"])):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), stream)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["variables"])
        sys.argv = ["sandbox", *request["arguments"]]
        code = _code()
        sys.stdout.flush()
        sys.stderr.flush()
        self.wfile.write(bytes([code]))


def _code() -> int:
    """How the command ends."""
    from sandbox.cli import main

    try:
        main(prog_name="sandbox")
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    for name in (*COMMANDS, *BY_PROGRAM):
        hasattr(importlib.import_module(name), "loaded")  # a part of `pulumi_aws` loads when it is first asked
    importlib.import_module("sandbox.cli.operators").of_programs()
    gc.freeze()
    _Server(int(sys.argv[1])).serve_forever()
