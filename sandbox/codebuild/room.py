"""The container that a build runs in: this machine's tools, `docker` and `aws`, and the build's folders."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import sandbox
from sandbox.codebuild import aws_command
from sandbox.containers.namespace import Container
from sandbox.containers.rootfs import Bind, Layout, Runtime
from sandbox.containers.runtimes import SYSTEM_PATH

TOOLS = "/codebuild/readonly/bin"
PATH = f"{TOOLS}:{SYSTEM_PATH}"
DOCKER = """\
import sys
from pathlib import Path
sys.path.insert(0, {package!r})
from sandbox.containers.docker import main
sys.exit(main(sys.argv[1:], Path("/codebuild/docker"), privileged={privileged!r}))
"""


def open_room(folder: Path, blobs: Path, output: int, *, privileged: bool) -> Container:
    """Start a build's container over `folder`/rootfs; raises NamespaceError.

    `blobs` (the registry's layers) can be read inside. Without `privileged` there is no Docker daemon.
    """
    root = folder / "rootfs"
    tools = root / TOOLS.lstrip("/")
    tools.mkdir(parents=True, exist_ok=True)
    package = str(Path(sandbox.__file__).parent.parent)
    _write_tool(tools / "docker", "-I", "-c", DOCKER.format(package=package, privileged=privileged))
    _write_tool(tools / "aws", "-I", "-S", str(Path(aws_command.__file__)))
    for name in ("python", "python3"):
        (tools / name).symlink_to(os.path.realpath(sys.executable))
    blobs.mkdir(parents=True, exist_ok=True)
    shown = [Path(sys.prefix), Path(sys.base_prefix), Path(package) / "sandbox", blobs]
    layout = Layout(root)
    layout.prepare(
        Runtime(binds=(Bind(Path("/usr/local"), "/usr/local"),)),
        [
            *(Bind(path, str(path)) for path in _outermost(shown)),
            Bind(Path(os.path.realpath("/etc/resolv.conf")), "/etc/resolv.conf"),
        ],
    )
    return Container(layout, None, address=folder / "sock", output=output, network="host", privileged=privileged)


def _outermost(paths: list[Path]) -> list[Path]:
    """The absolute paths that are neither the system's nor inside another one."""
    found: list[Path] = []
    for path in sorted({path.absolute() for path in paths}):
        system = path.is_relative_to("/usr")
        if not system and not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return found


def _write_tool(file: Path, *python: str) -> None:
    file.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, *python])} "$@"\n')
    file.chmod(0o755)
