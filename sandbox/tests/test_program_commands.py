"""What a program offers to the sandbox by entry points: its commands, and what `--wait` sets."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from sandbox import program_hooks
from sandbox.account.credentials import ROOT_CREDENTIALS
from sandbox.cli import main, operators, stack

Offer = Callable[[str, Any], None]


@click.command()
@click.argument("service")
@click.option("--stack")
@click.option("--deep", is_flag=True)
def look(service: str, stack: str, deep: bool) -> None:
    """Look at SERVICE. And more of it."""
    click.echo(f"{service} {stack} {deep} {os.environ.get('AWS_ENDPOINT_URL')}")


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Offer]:
    """Makes a function with this answer the only entry point."""

    def only(name: str, offered: Any) -> None:
        entry = SimpleNamespace(load=lambda: lambda: offered)

        def entry_points(*, group: str, name: str, only: str = name) -> list[Any]:
            return [entry] if (group, name) == ("fargate_sandbox", only) else []

        monkeypatch.setattr(program_hooks, "entry_points", entry_points)

    operators.of_programs.cache_clear()
    monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"]})
    yield only
    operators.of_programs.cache_clear()


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A sandbox that is up."""
    server = SimpleNamespace(region="r", endpoint="http://sandbox")
    folder = SimpleNamespace(running_server=lambda: server, folder=tmp_path)
    monkeypatch.setattr(operators, "StackFolder", lambda _: folder)
    monkeypatch.setattr(operators, "credentials", lambda *_: vars(ROOT_CREDENTIALS))


def commands(*offered: click.Command) -> click.Group:
    return click.Group(commands={str(each.name): each for each in offered})


@pytest.mark.usefixtures("running")
def test_a_command_of_the_program_is_run_in_the_sandbox(offer: Offer) -> None:
    offer("commands", commands(look))
    done = CliRunner().invoke(main, ["look", "chuoi", "--deep", "--stack", "dev"])
    assert (done.exit_code, done.output) == (0, "chuoi dev True http://sandbox\n")


@pytest.mark.usefixtures("running")
def test_it_has_the_sandboxs_docker_before_any_other(offer: Offer, tmp_path: Path) -> None:
    @click.command()
    @click.option("--stack")
    def called(stack: str) -> None:
        click.echo(os.environ["PATH"])
        done = subprocess.run(["docker", "images"], capture_output=True, text=True, check=False, env=dict(os.environ))
        click.echo(done.stdout + done.stderr)

    offer("commands", commands(called))
    path, shown, *_ = CliRunner().invoke(main, ["called"]).output.splitlines()
    assert path.startswith(f"{tmp_path}/docker/bin{os.pathsep}")
    assert shown.split() == ["REPOSITORY:TAG", "DIGEST"]


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("option", ["--stack", "--onto"])
def test_a_command_may_have_another_name_for_the_stack(offer: Offer, option: str) -> None:
    @click.command()
    @click.option("--onto", "--stack", "target")
    def move(target: str) -> None:
        click.echo(target)

    offer("commands", commands(move))
    assert CliRunner().invoke(main, ["move", option, "dev"]).output == "dev\n"
    assert CliRunner().invoke(main, ["move"]).output == "local\n"


@pytest.mark.usefixtures("running")
def test_what_stands_after_two_dashes_is_left_alone(offer: Offer) -> None:
    @click.command()
    @click.option("--stack")
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def say(stack: str, words: tuple[str, ...]) -> None:
        click.echo(f"{stack} {words}")

    offer("commands", commands(say))
    done = CliRunner().invoke(main, ["say", "--stack", "dev", "--", "ls", "-c", "--stack", "--help", "--", "x"])
    assert done.output == "dev ('ls', '-c', '--stack', '--help', '--', 'x')\n"


def test_its_help_needs_no_sandbox(offer: Offer) -> None:
    offer("commands", commands(look))
    done = CliRunner().invoke(main, ["look", "--help"])
    assert done.exit_code == 0
    assert "--deep" in done.output


def test_a_command_that_asks_no_aws_needs_no_sandbox(offer: Offer) -> None:
    offer("local_commands", commands(look))
    done = CliRunner().invoke(main, ["look", "chuoi", "--deep"])
    assert (done.exit_code, done.output) == (0, "chuoi None True None\n")


def test_it_is_listed_beside_the_sandboxs_own(offer: Offer) -> None:
    offer("commands", commands(look))
    listed = CliRunner().invoke(main, ["--help"]).output
    assert "Commands of the program:\n  look  Look at SERVICE." in listed


def test_a_command_that_nobody_offers(offer: Offer) -> None:
    offer("commands", commands(look))
    assert "No such command 'lok'" in CliRunner().invoke(main, ["lok"]).output


def test_no_program_is_installed(offer: Offer) -> None:
    offer("other_commands", commands(look))
    assert "no program that is installed offers any; run: make setup" in CliRunner().invoke(main, ["look"]).output


def test_what_wait_sets(offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    offer("wait_variables", {"TINY_WAITS": "60"})
    monkeypatch.setattr(stack, "_engine", lambda *_: click.get_current_context().fail(os.environ["TINY_WAITS"]))
    assert "60" in CliRunner().invoke(main, ["up", "--wait"]).output


def test_a_program_that_cannot_wait(offer: Offer) -> None:
    offer("other_variables", {})
    done = CliRunner().invoke(main, ["up", "--wait"])
    assert done.exit_code == 1
    assert "no entry point wait_variables of the program, group fargate_sandbox" in done.output


def test_what_a_program_says_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = {
        "aws_names": lambda stack, name: [f"{stack}.{name}"],
        "variables": lambda: {"TINY": "here"},
        "external_parameters": lambda config: {config["name"]: None},
        "external_secrets": lambda config: {f"arn{config['name']}": "arn:key"},
        "preview_words": lambda stack, document, width: f"{stack}: {document['x']}, {width}",
        "up_words": lambda stack, document, opens, width: f"{stack}: {document['x']}, {opens['h']}, {width}",
        "secret_value": lambda path: "https://chat" if path == "tiny:chat" else None,
    }
    entries = {name: [SimpleNamespace(load=lambda function=function: function)] for name, function in functions.items()}
    monkeypatch.setattr(program_hooks, "entry_points", lambda group, name: entries.get(name, []))
    assert program_hooks.names_in_aws("dev", "web") == ["web", "dev.web"]
    assert program_hooks.variables() == {"TINY": "here"}
    assert program_hooks.preview_words("dev", {"x": 1}, 80) == "dev: 1, 80"
    assert program_hooks.up_words("dev", {"x": 1}, {"h": "http://h"}, None) == "dev: 1, http://h, None"
    assert program_hooks.external_parameters({"name": "/key"}) == {"/key": None}
    assert program_hooks.external_secrets({"name": "/key"}) == {"arn/key": "arn:key"}
    assert [program_hooks.secret_value(path) for path in ("tiny:chat", "tiny:other")] == ["https://chat", None]


def test_a_program_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_hooks, "entry_points", lambda **_: [])
    assert program_hooks.names_in_aws("dev", "web") == ["web"]
    assert program_hooks.variables() == {}
    assert program_hooks.preview_words("dev", {}, None) is None
    assert program_hooks.up_words("dev", {}, {}, None) is None
    assert program_hooks.external_parameters({"name": "/key"}) == {}
    assert program_hooks.external_secrets({"name": "/key"}) == {}
    assert program_hooks.secret_value("tiny:chat") is None
    assert program_hooks.wait_variables() is None
