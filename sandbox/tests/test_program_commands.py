"""What a program offers to the sandbox by entry points: its commands, and what `--wait` sets."""

import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from sandbox.account.credentials import ROOT_CREDENTIALS
from sandbox.cli import main, operators, stack

Offer = Callable[[str, str, Any], None]


@click.command()
@click.argument("service")
@click.option("--stack")
@click.option("--deep", is_flag=True)
def look(service: str, stack: str, deep: bool) -> None:
    """Look at SERVICE. And more of it."""
    click.echo(f"{service} {stack} {deep} {os.environ.get('AWS_ENDPOINT_URL')}")


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Offer]:
    """Makes something the only entry point of its group."""

    def only(group: str, name: str, offered: Any) -> None:
        entry = SimpleNamespace(name=name, load=lambda: lambda: offered)

        def entry_points(**asked: str) -> list[Any]:
            return [entry] if asked["group"] == group and asked.get("name", name) == name else []

        monkeypatch.setattr(operators, "entry_points", entry_points)
        monkeypatch.setattr(stack, "entry_points", entry_points)

    operators.of_programs.cache_clear()
    monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"]})
    yield only
    operators.of_programs.cache_clear()


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that is up."""
    server = SimpleNamespace(region="r", endpoint="http://sandbox")
    monkeypatch.setattr(operators, "StackFolder", lambda _: SimpleNamespace(running_server=lambda: server))
    monkeypatch.setattr(operators, "credentials", lambda *_: vars(ROOT_CREDENTIALS))


def commands(*offered: click.Command) -> click.Group:
    return click.Group(commands={str(each.name): each for each in offered})


@pytest.mark.usefixtures("running")
def test_a_command_of_the_program_is_run_in_the_sandbox(offer: Offer) -> None:
    offer("fargate_sandbox.commands", "tiny", commands(look))
    done = CliRunner().invoke(main, ["look", "chuoi", "--deep", "--stack", "dev"])
    assert (done.exit_code, done.output) == (0, "chuoi dev True http://sandbox\n")


def test_its_help_needs_no_sandbox(offer: Offer) -> None:
    offer("fargate_sandbox.commands", "tiny", commands(look))
    done = CliRunner().invoke(main, ["look", "--help"])
    assert done.exit_code == 0
    assert "--deep" in done.output


def test_it_is_listed_beside_the_sandboxs_own(offer: Offer) -> None:
    offer("fargate_sandbox.commands", "tiny", commands(look))
    listed = CliRunner().invoke(main, ["--help"]).output
    assert "Commands of the program:\n  look  Look at SERVICE." in listed


def test_a_command_that_nobody_offers(offer: Offer) -> None:
    offer("fargate_sandbox.commands", "tiny", commands(look))
    assert "No such command 'lok'" in CliRunner().invoke(main, ["lok"]).output


def test_no_program_is_installed(offer: Offer) -> None:
    offer("another.group", "tiny", commands(look))
    assert "no program that is installed offers any; run: make setup" in CliRunner().invoke(main, ["look"]).output


def test_what_wait_sets(offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    offer("fargate_sandbox.variables", "wait", {"TINY_WAITS": "60"})
    monkeypatch.setattr(stack, "_engine", lambda *_: click.get_current_context().fail(os.environ["TINY_WAITS"]))
    assert "60" in CliRunner().invoke(main, ["up", "--wait"]).output


def test_a_program_that_cannot_wait(offer: Offer) -> None:
    offer("fargate_sandbox.variables", "another", {})
    done = CliRunner().invoke(main, ["up", "--wait"])
    assert done.exit_code == 1
    assert "the program has no entry point wait in the group fargate_sandbox.variables" in done.output
