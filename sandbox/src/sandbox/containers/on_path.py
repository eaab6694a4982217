"""The stand-in for docker as a command of this machine: of a stack's sandbox, whose ECR no other docker reaches."""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path

SCRIPT = """\
#!/bin/sh
exec {python} -c 'from sandbox.containers.on_path import run; run()' {folder} "$@"
"""


def write_docker(folder: Path) -> Path:
    """Write the command, which keeps its images in a folder; what belongs on PATH."""
    tools, images = folder / "bin", folder / "images"
    for each in (tools, images):
        each.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as new:
        new.write(SCRIPT.format(python=shlex.quote(sys.executable), folder=shlex.quote(str(images))))
    Path(new.name).chmod(0o755)
    Path(new.name).replace(tools / "docker")  # at once: another one may be about to run it
    return tools


def run() -> None:
    """Be the command; the folder comes before its arguments."""
    from sandbox.base_images import Settings
    from sandbox.containers.bases import Bases
    from sandbox.containers.docker import main
    from sandbox.machines import DEFAULT

    folder, *arguments = sys.argv[1:]
    bases = Bases(Path(folder) / "bases", Settings())
    sys.exit(main(arguments, Path(folder), privileged=True, machine=DEFAULT, bases=bases))
