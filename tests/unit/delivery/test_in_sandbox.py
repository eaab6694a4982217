"""What the sandbox finds of the program by the entry points in pyproject.toml."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
import pytest

from delivery.command_line import Connection
from delivery.in_sandbox import COMMANDS

ROOT = Path(__file__).parents[3]


def offered(kind: str) -> Any:
    (entry,) = entry_points(group=f"fargate_sandbox.{kind}")
    return entry.load()()


def test_the_operators_commands() -> None:
    commands = offered("commands").commands
    assert tuple(commands) == COMMANDS
    assert all("stack" in {option.name for option in command.params} for command in commands.values())


def test_they_ask_aws_as_the_environment_says() -> None:
    group: click.Group = offered("commands")
    context = click.Context(group)
    with context:
        context.invoke(group.callback)  # type: ignore[arg-type]
    assert isinstance(context.obj, Connection)


def test_their_messages_name_them_as_they_are_called() -> None:
    script = "from delivery.in_sandbox import commands; commands(); from releases.errors import PROGRAM; print(PROGRAM)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout == "sandbox\n"


def test_what_tells_an_up_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    from releases import waiting

    for name, value in offered("variables").items():
        monkeypatch.setenv(name, value)
    assert waiting.minutes() == waiting.MINUTES


def test_no_command_loads_pulumi_before_it_runs() -> None:
    script = "import sys, delivery.__main__; print(sorted({'pulumi', 'pydantic'} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout == "[]\n"
