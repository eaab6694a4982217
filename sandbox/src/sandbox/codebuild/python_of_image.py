"""The `python3` of a build: this machine's, with boto3 and nothing else beside the standard library.

CodeBuild's Amazon Linux images have pyenv's Python 3.11, into which their Dockerfiles install boto3:
https://github.com/aws/aws-codebuild-docker-images/blob/master/al/x86_64/standard/5.0/Dockerfile
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from sandbox.functions.runtime import PROVIDED

FOLDER = "python"
SHIM = """\
#!/bin/sh
# pyenv's: the version that a folder or one above it asks for goes before the image's own.
folder=$PWD
while [ -n "$folder" ]; do
  if [ -f "$folder/.python-version" ]; then
    read -r version < "$folder/.python-version"
    case $version in
      3.9 | 3.1[0-4]) ;;
      *) echo "pyenv: version \\`$version' is not installed (set by $folder/.python-version)" >&2; exit 1 ;;
    esac
    break
  fi
  folder=${{folder%/*}}
done
exec {python} "$@"
"""


def install(folder: Path, inside: Path) -> str:
    """Make a virtual environment that has boto3.

    Args:
        folder: where, on this machine.
        inside: where that is in the container, which sees the packages where this machine has them.

    Returns:
        The command `python3`, a script.
    """
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    root = folder / FOLDER
    executable = Path(os.path.realpath(sys.executable))
    packages = root / "lib" / name / "site-packages"
    for part in (packages, root / "bin"):
        part.mkdir(parents=True)
    (root / "pyvenv.cfg").write_text(f"home = {executable.parent}\ninclude-system-site-packages = false\n")
    (root / "bin/python3").symlink_to(executable)
    for package in PROVIDED:
        place = _place(package)
        (packages / place.name).symlink_to(place)
    return SHIM.format(python=inside / FOLDER / "bin/python3")


def _place(package: str) -> Path:
    """A package's folder, or a module's file."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin
