"""The sessions of the documents, typed as they are written: they do what their page says, and print it.

Each page begins with stack `local` up and `hello` released, unless it brings them up itself. One stack serves all those
pages, one after another, so a page must not say which number a release has.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.clients.session import Session
from sandbox.stacks import StackFolder
from tests.scenarios.conftest import REPOSITORY, SPEED, Stack, new_stack
from tests.support.console import EXEC, Edit, Step, of_make, run, steps
from tests.support.example import copy_parts
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


ON_AN_ACCOUNT = "docs/first-release-on-an-account.md"
"""Typed by test_documented_commands."""
PAGES = [page.relative_to(REPOSITORY).as_posix() for page in sorted((REPOSITORY / "docs").rglob("*.md"))]
WITH_SESSIONS = [
    page
    for page in PAGES
    if page != ON_AN_ACCOUNT and any(isinstance(each, Step) for each in steps((REPOSITORY / page).read_text("utf-8")))
]


def sessions(page: str) -> list[Step | Edit]:
    return steps((REPOSITORY / page).read_text("utf-8"))


def begins(page: str) -> bool:
    """Whether a page brings the stack up itself."""
    first = sessions(page)[0]
    return isinstance(first, Step) and first.command.startswith("make up")


@contextlib.contextmanager
def clone(folder: Path) -> Iterator[Stack]:
    """A repository whose stack is not up."""
    folder.mkdir()
    with new_stack(folder, "local") as stack:
        stack.keep_services(["hello"])
        (folder / ".venv").symlink_to(REPOSITORY / ".venv")
        copy_parts(folder, "examples")
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        subprocess.run(["git", "add", "Pulumi.local.yaml", "task_templates"], cwd=folder, check=True)
        yield stack


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack of all pages that begin with one: each finds the stack file as it was."""
    with clone(tmp_path_factory.mktemp("shared") / "repository") as stack:
        for step in BEFORE:
            typed(stack, step)
        yield stack


def follow(stack: Stack, page: str) -> None:
    if any(isinstance(step, Step) and EXEC.search(step.command) for step in sessions(page)):
        session_manager_plugin()
    for step in sessions(page):
        if isinstance(step, Edit):
            step.write(stack.root)
        else:
            typed(stack, step)


@pytest.mark.parametrize("page", [page for page in WITH_SESSIONS if begins(page)])
def test_the_sessions_of_a_page_that_begins_with_a_clone(page: str, tmp_path: Path) -> None:
    with clone(tmp_path / "repository") as stack:
        follow(stack, page)


@pytest.mark.parametrize("page", [page for page in WITH_SESSIONS if not begins(page)])
def test_the_sessions_of_a_page(page: str, shared: Stack) -> None:
    file = shared.root / "Pulumi.local.yaml"
    before = file.read_text()
    follow(shared, page)
    file.write_text(before)
