"""The real Pulumi CLI, as a person or a job has it on PATH: nothing is said to it that they do not say.

A CLI that was built from Go has no Python language host, and no provider can be downloaded here. So a program of this
file's makes the CLI ask this process for the program (`--client`, a hidden option), and in Pulumi's home are plugins
that name the sandbox's providers.
"""

import contextlib
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent import futures
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
CLI = REPOSITORY / ".tools/bin/pulumi"
RUNS_THE_PROGRAM = {"destroy", "preview", "refresh", "up"}
PLUGIN = """#!/bin/sh
echo {port}
exec sleep 100000
"""
STARTER = """#!{python}
import sys

sys.path.append({repository!r})
from tests.real_cli import main

main()
"""


@dataclass(frozen=True)
class Installed:
    """A CLI with its home.

    Attributes:
        folder: of `bin` and `home`.
    """

    folder: Path

    @property
    def program(self) -> Path:
        """What is run as `pulumi`."""
        return self.folder / "bin/pulumi"

    def variables(self, aws: Mapping[str, str], **more: str) -> dict[str, str]:
        """The environment of who uses it: no variable of Pulumi's but its home, and what is given."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "AWS_"))}
        path = os.pathsep.join([str(self.program.parent), str(REPOSITORY / ".venv/bin"), os.environ["PATH"]])
        return {**kept, **aws, "PATH": path, "PULUMI_HOME": str(self.folder / "home"), **more}


def install(folder: Path, ports: Mapping[str, int]) -> Installed:
    """Put the CLI and the plugins of providers into a folder.

    Args:
        folder: where to.
        ports: where a provider listens, by its name.
    """
    _executable(folder / "bin/pulumi", STARTER.format(python=sys.executable, repository=str(REPOSITORY)))
    for name, port in ports.items():
        plugin = f"home/plugins/resource-{name}-v{version(f'pulumi-{name}')}/pulumi-resource-{name}"
        _executable(folder / plugin, PLUGIN.format(port=port))
    return Installed(folder)


def _executable(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


def main() -> None:
    """Become the CLI with the arguments of this process, which serves the program in this folder if it is to run."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] not in RUNS_THE_PROGRAM:
        os.execv(CLI, [str(CLI), *arguments])  # noqa: S606
    with _serving(Path.cwd()) as address:
        done = subprocess.run([str(CLI), *arguments, "--client", address], check=False)
    sys.exit(done.returncode)


@contextlib.contextmanager
def _serving(root: Path) -> Iterator[str]:
    """The language host's part, as the Automation API does it for an inline program."""
    import grpc
    from pulumi.automation._server import LanguageServer
    from pulumi.runtime.proto import language_pb2_grpc

    sys.path.insert(0, str(root))
    sys.argv = ["__main__.py"]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))

    def program() -> None:
        runpy.run_path("__main__.py", run_name="__main__")

    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageServer(program), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)
