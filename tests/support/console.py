"""Sessions that a page shows: what is typed after `$ ` in a block of `console`, and what is printed then.

In what is printed `…` stands for any text, and on a line of its own for any lines. What stands behind a question is the
answer, which is typed. A block of `yaml` that begins with a file's name as a comment is an edit: its keys are put into
that file.
"""

import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

BLOCK = re.compile(
    r"^```(?:console\n(?P<session>.*?)|yaml\n# (?P<file>\S+\.yaml)\n(?P<keys>.*?))^```$", re.MULTILINE | re.DOTALL
)
EXEC = re.compile(r"\b(?:sandbox|delivery) exec\b")
ANSWERED = re.compile(r"^(.*(?:Only yes is yes|to go on): )(\S+)$")
"""A question on a terminal, and what somebody types."""
SECONDS = 400
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Step:
    """A command, as it is typed, and what it prints."""

    command: str
    printed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Edit:
    """Keys that are put into a YAML file, which may be a new one."""

    file: str
    keys: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        """Into the file of that name in a folder."""
        path = folder / self.file
        before = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
        path.write_text(yaml.safe_dump(_merged(before, self.keys), sort_keys=False), "utf-8")


def _merged(before: Any, keys: Any) -> Any:
    if not (isinstance(before, Mapping) and isinstance(keys, Mapping)):
        return keys
    return {**before, **{key: _merged(before.get(key), value) for key, value in keys.items()}}


def steps(page: str) -> list[Step | Edit]:
    """Those of a page, in order."""
    found: list[Step | Edit] = []
    for block in BLOCK.finditer(page):
        if block["file"]:
            found.append(Edit(block["file"], yaml.safe_load(block["keys"])))
        else:
            found += _of_block(block["session"].splitlines())
    return found


def _of_block(lines: list[str]) -> Iterator[Step]:
    while lines:
        command = [lines.pop(0).removeprefix("$ ")]
        here = re.search(r"<<'?(\w+)'?$", command[0])
        while here and command[-1] != here[1]:
            command.append(lines.pop(0))
        printed = []
        while lines and not lines[0].startswith("$ "):
            printed.append(lines.pop(0))
        yield Step("\n".join(command), tuple(printed))


def of_make(command: str) -> str:
    """What `make up` or `make bootstrap` runs in the folder where it is typed, and all is set up; any other command as it is."""
    program, *words = command.split()
    if program != "make":
        return command
    listed = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = [
        line for line in listed.replace(str(ROOT), "$PWD").splitlines() if re.search(r"/(sandbox|delivery) ", line)
    ]
    return "\n".join(["set -e", *lines])


def fits(printed: tuple[str, ...], output: str) -> bool:
    """Whether an output is what a page shows."""
    parts = [_pattern(line) for line in printed]
    return re.fullmatch("".join(parts), output if output.endswith("\n") or not output else f"{output}\n") is not None


def _pattern(line: str) -> str:
    if line == "…":
        return r"(?:.*\n)*"
    question = ANSWERED.match(line)
    text = ".*".join(map(re.escape, (question[1] if question else line).split("…")))
    return text if question else rf"{text}\n"  # an answer, and the line's end, are the terminal's to show


def run(step: Step, folder: Path, variables: Mapping[str, str], typed: Callable[[str], str] = str) -> str:
    """Type a command; what it prints, on either stream.

    Args:
        step: the command.
        folder: where it is typed.
        variables: the whole environment.
        typed: what is run instead, of what is written.

    Raises:
        AssertionError: it fails, or prints something else.
    """
    with _terminal(step) as stdin:
        done = subprocess.run(
            ["bash", "-c", typed(step.command)],
            cwd=folder,
            env=dict(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=SECONDS,
            stdin=stdin,
        )
    assert done.returncode == 0, f"$ {step.command}\n{done.stdout}"
    assert fits(step.printed, done.stdout), f"$ {step.command}\n{done.stdout}"
    return done.stdout


@contextlib.contextmanager
def _terminal(step: Step) -> Iterator[int]:
    """Standard input: nothing, but for a command that needs a terminal one at which these answers are typed."""
    answers = [question[2] for line in step.printed if (question := ANSWERED.match(line))]
    if not answers and not EXEC.search(step.command):
        yield subprocess.DEVNULL
        return
    person, terminal = os.openpty()
    try:
        os.write(person, "".join(f"{answer}\n" for answer in answers).encode())
        yield terminal
    finally:
        os.close(person)
        os.close(terminal)
