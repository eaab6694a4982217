"""Every `sandbox`, `delivery` and `make` that is written somewhere exists, with its options; no more arguments than it takes."""

import re
import shlex
from pathlib import Path

import click
import pytest

from delivery.__main__ import main as delivery
from delivery.command_line import WithCommand
from sandbox.cli import main as sandbox

ROOT = Path(__file__).parents[3]
PAGES = ("*.md", "docs/**/*.md", "sandbox/*.md", "examples/**/*.md")
OTHERS = (
    "*.py", "acceptance/*.py", ".ci/*", ".github/workflows/*.yml", ".gitlab-ci.yml", "Makefile", "bootstrap/*.py", "bootstrap/Pulumi.yaml", "components/**/*.py", "config/*.py",
    "delivery/**/*.py", "deployments/*.py", "docs/*.py", "policy/*.*", "releases/*.py", "stack/*.py", "sandbox/src/**/*.py", "tools/*.py", "tests/stacks/example/*.yaml",
)  # fmt: skip
COMMAND = r"(?:\.venv/bin/|\$\(BIN\)/)?(?:sandbox|delivery|make) [a-z-]+\b[^`\n]*"
IN_WORDS = re.compile(rf"`(?:[^`\n]*(?:&&|\||;|\$\() ?)?({COMMAND})`")
IN_A_MESSAGE = re.compile(rf"(?:[Rr]un:|Example:|[Rr]un it again:) ({COMMAND})")
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = re.compile(r"\\b\n(.*?)(?:\n\n|\"\"\")", re.DOTALL)
ON_A_LINE = re.compile(rf"^ *(?:\$ )?({COMMAND})$", re.MULTILINE)
OF_A_SCRIPT = re.compile(r"^(?:- )? *(\.venv/bin/(?:sandbox|delivery) [a-z-]+\b.*)$", re.MULTILINE)
GROUPS = {"sandbox": sandbox, "delivery": delivery}


def written() -> list[str]:
    """The commands in pages, messages, examples of `--help` and the jobs."""
    found: set[str] = set()
    for pattern in (*PAGES, *OTHERS):
        for file in filter(Path.is_file, ROOT.glob(pattern)):
            text = file.read_text(encoding="utf-8").replace("\\\n", " ")
            blocks = [*BLOCK.findall(text), *EXAMPLES.findall(text)]
            for expression in (IN_WORDS, IN_A_MESSAGE, OF_A_SCRIPT):
                found.update(expression.findall(text))
            found.update(command for block in blocks for command in ON_A_LINE.findall(block))
    return sorted({_trimmed(command) for command in found})


def _trimmed(command: str) -> str:
    """Without what follows it on its line: another command, a remark, the end of the message that has it."""
    command = re.split(r" [|&>#;]|  |\d>|…", command)[0]
    return (command[: command.rindex('"')] if command.count('"') % 2 else command).rstrip(" .\\")


def problem(command: str) -> str | None:
    """Why a command would be refused before it does anything."""
    program, *words = shlex.split(re.sub(r"\$?\{[^}]*\}", "X", command))
    program = program.rpartition("/")[2]
    return of_make(words) if program == "make" else of_click(GROUPS[program], words)


def of_make(words: list[str]) -> str | None:
    text = (ROOT / "Makefile").read_text()
    for word in words:
        name, value, _ = word.partition("=")
        known = rf"\$\(?{name}\b|\$\(or \$\({name}\)" if value else rf"^{name}:"
        if re.search(known, text, re.MULTILINE) is None:
            return f"the Makefile has no {word}"
    return None


def of_click(command: click.Command, words: list[str]) -> str | None:
    if command.context_settings.get(
        "ignore_unknown_options"
    ):  # the sandbox hands the words to the program's own command
        own = GROUPS["delivery"].get_command(click.Context(GROUPS["delivery"]), str(command.name))
        assert own is not None
        return of_click(own, words)
    takes = sum(99 if each.nargs < 0 else each.nargs for each in command.params if isinstance(each, click.Argument))
    options = {
        name: option
        for option in command.params
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
    }
    given = 0
    while words:
        word = words.pop(0)
        if word == "--":  # what follows are arguments, whatever they look like
            given += 0 if isinstance(command, WithCommand) else len(words)
            break
        if word.startswith("-") and word != "-":
            if (option := options.get(word.partition("=")[0])) is None:
                return f"there is no option {word}"
            if not option.is_flag and "=" not in word and words:
                words.pop(0)
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return None if word.startswith("$") else f"there is no command {word}"
            return of_click(found, words)
        else:
            given += 1
    return f"it takes {takes} arguments, not {given}" if given > takes else None


def test_the_commands_are_found() -> None:
    """Of each kind of place: a page's sentence, table and block, a message, an example, a job."""
    there = written()
    for beginning in (
        "make bootstrap STACK=dev", ".venv/bin/sandbox ship notes", "delivery review up 12", "sandbox stop --stack",
        "sandbox up --stack dev", ".venv/bin/delivery preview-report preview.json", "make soak",
    ):  # fmt: skip
        assert any(command.startswith(beginning) for command in there), beginning


@pytest.mark.parametrize("command", written())
def test_a_command_that_is_written_somewhere_exists(command: str) -> None:
    assert problem(command) is None


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("sandbox preview-report", "there is no command preview-report"),
        ("delivery status hello --now", "there is no option --now"),
        ("delivery status hello other", "it takes 1 arguments, not 2"),
        ("make deploy", "the Makefile has no deploy"),
        ("make soak HOURS=1", "the Makefile has no HOURS=1"),
    ],
)
def test_one_that_does_not_is_found(command: str, words: str) -> None:
    assert problem(command) == words
