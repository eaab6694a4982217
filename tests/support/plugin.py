"""AWS's Session Manager plugin, for tests that open sessions."""

import functools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@functools.cache
def session_manager_plugin() -> None:
    """The one that is installed, else the one that Go builds; where there is neither, the test is left out."""
    if subprocess.run([sys.executable, "-m", "tools.setup", "plugin"], cwd=ROOT, check=False).returncode:
        pytest.skip("there is no Session Manager plugin, and no Go to build it")
