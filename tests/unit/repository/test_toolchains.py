"""Each program and policy pack, against what Pulumi's Python language host does with the toolchain that it names.

pulumi/pulumi, sdk/python/toolchain: `pip.go` lists the packages with pip, `uv.go` syncs the environment from uv.lock and
then runs its Python.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.example import reading_own_files

ROOT = Path(__file__).parents[3]
SKIPPED = {".git", ".sandbox", ".tools", ".venv"}
PROJECTS = sorted(
    path
    for name in ("Pulumi.yaml", "PulumiPolicy.yaml", "PulumiPlugin.yaml")
    for path in [*ROOT.glob(name), *ROOT.glob(f"*/{name}"), *ROOT.glob(f"*/*/{name}")]
    if not SKIPPED & set(path.relative_to(ROOT).parts)
)
OLDEST_DEFAULT = "pip"
"""The toolchain of a language host that has none named; newer ones look for uv.lock first."""


def test_every_project_is_looked_at() -> None:
    assert [str(path.relative_to(ROOT)) for path in PROJECTS] == [
        "Pulumi.yaml",
        "bootstrap/Pulumi.yaml",
        "deployments/Pulumi.yaml",
        "examples/own-program/Pulumi.yaml",
        "policy/PulumiPolicy.yaml",
    ]


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_language_host_finds_what_it_needs(project: Path) -> None:
    with reading_own_files():
        options = yaml.safe_load(project.read_text())["runtime"]["options"]
    environment = (project.parent / options["virtualenv"]).resolve()
    assert (environment / "bin/python").is_file(), "not a virtual environment; run: make setup"
    host = {"pip": listed_with_pip, "uv": synced_with_uv}[options.get("toolchain", OLDEST_DEFAULT)]
    done = host(project.parent, environment)
    assert done.returncode == 0, done.stdout + done.stderr


def listed_with_pip(folder: Path, environment: Path) -> subprocess.CompletedProcess[str]:
    return run([str(environment / "bin/python"), "-m", "pip", "list", "--format", "json"], folder, {})


def synced_with_uv(folder: Path, environment: Path) -> subprocess.CompletedProcess[str]:
    """With `--check`: it says what it would change, and fails. A member of the workspace is built anew when its
    pyproject.toml is edited, which is no fault.
    """
    assert any((parent / "uv.lock").is_file() for parent in (folder, *folder.parents)), "there is no uv.lock"
    uv = shutil.which("uv", path=f"{ROOT / '.tools/uv/bin'}{os.pathsep}{os.environ['PATH']}")
    assert uv, "there is no uv; run: make setup"
    command = [uv, "sync", "--inexact", "--check", "--offline", "--no-install-workspace"]
    return run(command, folder, {"UV_PROJECT_ENVIRONMENT": str(environment)})


def run(command: list[str], folder: Path, more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **more}, capture_output=True, text=True, check=False, timeout=120
    )
