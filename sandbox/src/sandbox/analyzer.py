"""Starts a policy pack in Python, for a Pulumi CLI without a language host for it.

The official CLI brings its own: a language host, and a `pulumi-analyzer-policy-python` in older ones. A CLI that was
built from Go has neither, and looks for a program of this name on PATH: this one, which `pyproject.toml` installs.
"""

import os
import sys
from pathlib import Path


def main() -> None:
    """Become the pack: `pulumi-analyzer-policy-python ENGINE PACK -virtualenv=FOLDER`, in the pack's folder."""
    engine, pack, *options = sys.argv[1:]
    values = dict(option.removeprefix("-").split("=", 1) for option in options)
    python = Path(pack, values["virtualenv"], "bin", "python").absolute()
    os.execv(python, [str(python), "-u", "-m", "pulumi.policy", engine, pack])  # noqa: S606
