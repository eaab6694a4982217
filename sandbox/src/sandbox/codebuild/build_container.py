"""The container that a build runs in: this machine's tools, `docker`, `aws` and `python3`, and the build's folders."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sandbox
from sandbox.base_images import Settings
from sandbox.codebuild import python_of_image
from sandbox.containers.namespace import Container
from sandbox.containers.rootfs import Bind, Layout, Runtime
from sandbox.containers.runtimes import SYSTEM_PATH
from sandbox.machines import build_architecture, lacking_tools

TOOLS = "/codebuild/readonly/bin"
IMAGES = "/codebuild/images"
PATH = f"{TOOLS}:{SYSTEM_PATH}"
ABSENT = '#!/bin/sh\necho "${0##*/}: command not found" >&2\nexit 127\n'
AWS = "import sys; from awscli.clidriver import main; sys.exit(main())"
DOCKER = """\
import sys
from pathlib import Path
sys.path.insert(0, {package!r})
from sandbox.base_images import Settings
from sandbox.containers.bases import Bases
from sandbox.containers.docker import main
bases = Bases(Path({images!r}), {settings!r})
sys.exit(main(sys.argv[1:], Path("/codebuild/docker"), privileged={privileged!r}, machine={machine!r}, bases=bases))
"""


def start_build_container(
    folder: Path, blobs: Path, images: Path, settings: Settings, output: int, environment: dict[str, Any]
) -> Container:
    """Start a build's container over `folder`/rootfs for a project's environment; raises NamespaceError.

    `blobs` (the registry's layers) can be read inside, `images` (the base images that were pulled) written too;
    `settings` says whether any are pulled. Without `privilegedMode` there is no Docker daemon.
    """
    privileged = bool(environment.get("privilegedMode"))
    root = folder / "rootfs"
    tools = root / TOOLS.lstrip("/")
    tools.mkdir(parents=True, exist_ok=True)
    package = str(Path(sandbox.__file__).parent.parent)
    docker = DOCKER.format(
        package=package,
        privileged=privileged,
        machine=build_architecture(environment),
        images=IMAGES,
        settings=settings,
    )
    _write_tool(tools / "docker", "-I", "-c", docker)
    _write_tool(tools / "aws", "-I", "-c", AWS)
    python = python_of_image.install(tools.parent, Path(TOOLS).parent)
    for name in ("python", "python3"):
        (tools / name).write_text(python)
        (tools / name).chmod(0o755)
    for place in (blobs, images):
        place.mkdir(parents=True, exist_ok=True)
    visible = [Path(sys.prefix), Path(sys.base_prefix), Path(package) / "sandbox", blobs]
    layout = Layout(root)
    layout.prepare(
        Runtime(binds=(Bind(Path("/usr/local"), "/usr/local"),)),
        [
            *(Bind(path, str(path)) for path in _outermost(visible)),
            Bind(images, IMAGES, writable=True),
            Bind(Path(os.path.realpath("/etc/resolv.conf")), "/etc/resolv.conf"),
        ],
    )
    layout.binds.extend(_hidden(tools, environment["image"]))
    return Container(layout, None, address=folder / "sock", output=output, network="host", privileged=privileged)


def _hidden(tools: Path, image: str) -> Iterator[tuple[str, str, bool]]:
    """Binds that put a command which is not found in the place of each tool that the image lacks."""
    absent = tools / ".absent"
    absent.write_text(ABSENT)
    absent.chmod(0o755)
    for folder in SYSTEM_PATH.split(":"):
        for name in lacking_tools(image):
            file = Path(folder, name)
            if file.is_file() and not file.is_symlink() and not file.parent.is_symlink():
                yield str(absent), str(file), False


def _outermost(paths: list[Path]) -> list[Path]:
    """The absolute paths that are neither the system's nor inside another one."""
    outermost: list[Path] = []
    for path in sorted({path.absolute() for path in paths}):
        system = path.is_relative_to("/usr")
        if not system and not any(path.is_relative_to(other) for other in outermost):
            outermost.append(path)
    return outermost


def _write_tool(file: Path, *python: str) -> None:
    file.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, *python])} "$@"\n')
    file.chmod(0o755)
