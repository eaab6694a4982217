"""The sessions of the documents, typed as they are written: they do what their page says, and print it.

Each page begins with stack `local` up and `hello` released, unless it brings them up itself.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.clients.session import Session
from sandbox.stacks import StackFolder
from tests.scenarios.conftest import REPOSITORY, SPEED, Stack, new_stack
from tests.support.console import EXEC, Edit, Step, of_make, run, steps
from tests.support.plugin import session_manager_plugin

pytestmark = pytest.mark.nightly

PORT = ":8080/"
"""Of the addresses that pages show; it is another one where that is somebody else's."""
BEFORE = [
    Step(".venv/bin/sandbox up --stack local", ("…",)),
    Step(".venv/bin/sandbox ship hello --source examples/hello --yes --stack local", ("…",)),
]


def port(folder: Path) -> str:
    """What follows a host in an address, once there is a load balancer."""
    folder_of_stack = StackFolder("local", folder)
    if not folder_of_stack.folder.exists():
        return ":…/"
    listeners = Session(folder_of_stack.running_server()).control("listeners")
    return next((f":{each['address'].rpartition(':')[2]}/" for each in listeners if each["port"] == 443), ":…/")


def typed(stack: Stack, step: Step) -> None:
    """In a repository whose load balancer may listen at another port than the page says."""
    here = port(stack.root)
    command = of_make(step.command).replace(PORT, here)
    printed = tuple(line.replace(PORT, here) for line in step.printed)
    run(Step(command, printed), stack.root, {**os.environ, "SANDBOX_SPEED": SPEED})


PAGES = [page.relative_to(REPOSITORY).as_posix() for page in sorted((REPOSITORY / "docs").rglob("*.md"))]
WITH_SESSIONS = [
    page for page in PAGES if any(isinstance(each, Step) for each in steps((REPOSITORY / page).read_text("utf-8")))
]


@pytest.mark.parametrize("page", WITH_SESSIONS)
def test_the_sessions_of_a_page(page: str, tmp_path: Path) -> None:
    sessions = steps((REPOSITORY / page).read_text("utf-8"))
    if any(isinstance(step, Step) and EXEC.search(step.command) for step in sessions):
        session_manager_plugin()
    folder = tmp_path / "repository"
    folder.mkdir()
    with new_stack(folder, "local") as stack:
        stack.keep_services(["hello"])
        (folder / ".venv").symlink_to(REPOSITORY / ".venv")
        shutil.copytree(REPOSITORY / "examples", folder / "examples")
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        subprocess.run(["git", "add", "Pulumi.local.yaml", "task_templates"], cwd=folder, check=True)
        begins = isinstance(sessions[0], Step) and sessions[0].command.startswith("make up")
        for step in [*([] if begins else BEFORE), *sessions]:
            if isinstance(step, Edit):
                step.write(folder)
            else:
                typed(stack, step)
