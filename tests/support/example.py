"""The stack files and task templates that tests read: `tests/stacks/example`, never those of the repository's own root.

Those at the root are the team's: its services have other names. A test process that opens one of them fails, unless it
says that they are what it tests (`reading_own_files`).
"""

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests/stacks/example"
OWN = re.compile(r"Pulumi(\.[^/]+)?\.yaml|(bootstrap|deployments)/Pulumi\.[^/]+\.yaml|task_templates/.+")
"""What is the team's own, as in `.ci/upgrade`."""
PROGRAM = ("components", "config", "delivery", "pipeline_steps", "releases", "stack", "buildspecs")
"""The program's folders, without what is the team's own."""
SKIPPED = {"__pycache__", ".venv"}

_reading_own_files = False


def is_own(path: str | Path) -> bool:
    """Whether a path is of a file that is the team's own."""
    relative = os.path.relpath(path, ROOT)
    return OWN.fullmatch(relative) is not None


def own_files() -> list[Path]:
    """The team's own files, or in the repository as it comes the example's."""
    patterns = ("*.yaml", "bootstrap/*.yaml", "deployments/*.yaml", "task_templates/*")
    return sorted(file for pattern in patterns for file in ROOT.glob(pattern) if is_own(file))


def copy_parts(folder: Path, *parts: str) -> None:
    """Copy folders of the repository into a folder, without what is the team's own."""

    def skipped(where: str, names: list[str]) -> set[str]:
        return {name for name in names if name in SKIPPED or is_own(Path(where, name))}

    for part in parts:
        shutil.copytree(ROOT / part, folder / part, ignore=skipped, dirs_exist_ok=True)


def copy_program(folder: Path) -> None:
    """Copy the program into a folder, with the example's files where a team has its own."""
    copy_parts(folder, *PROGRAM)
    for file in ROOT.glob("*.py"):
        shutil.copy(file, folder)
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)


@contextlib.contextmanager
def reading_own_files() -> Iterator[None]:
    """Let a test read the team's own files."""
    global _reading_own_files
    _reading_own_files = True
    try:
        yield
    finally:
        _reading_own_files = False


def refuse_own_files() -> None:
    """Fail whatever opens one of the team's own files in this process.

    Python raises `open` for each file that it opens (https://docs.python.org/3/library/audit_events.html).
    """

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and not _reading_own_files and isinstance(arguments[0], str) and is_own(arguments[0]):
            raise AssertionError(f"{arguments[0]} is the team's own: read the one of {EXAMPLE.relative_to(ROOT)}")

    sys.addaudithook(refuse)
