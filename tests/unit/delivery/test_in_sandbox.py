"""What the sandbox finds of the program by the entry points in pyproject.toml."""

import io
import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
import pytest

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.in_sandbox import LOCAL, OTHERS
from releases.errors import DeliveryError
from releases.names import aws_name
from tests.support.example import copy_program

ROOT = Path(__file__).parents[3]


def entry_point(name: str) -> Any:
    (entry,) = entry_points(group="fargate_sandbox", name=name)
    return entry.load()


def test_the_operators_commands() -> None:
    commands = entry_point("commands")().commands
    assert commands.keys() == main.commands.keys() - {*LOCAL, *OTHERS}
    assert {*LOCAL, *OTHERS} <= main.commands.keys()
    assert entry_point("local_commands")().commands.keys() == set(LOCAL)
    verbs = [
        verb
        for command in commands.values()
        for verb in (command.commands.values() if isinstance(command, click.Group) else [command])
    ]
    assert all("--stack" in {text for option in verb.params for text in option.opts} for verb in verbs)


def test_they_ask_aws_as_the_environment_says() -> None:
    group: click.Group = entry_point("commands")()
    context = click.Context(group)
    with context:
        context.invoke(group.callback)  # type: ignore[arg-type]
    assert isinstance(context.obj, Connection)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the example's stack files."""
    folder = tmp_path_factory.mktemp("repository")
    copy_program(folder)
    return folder


def run(*arguments: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """The sandbox's command line in a repository whose sandbox is not up."""
    program = [sys.executable, "-c", "from sandbox.cli import main; main(prog_name='sandbox')", *arguments]
    variables = {**os.environ, **environment}
    return subprocess.run(program, capture_output=True, text=True, check=False, cwd=folder, env=variables)


def test_stack_files_are_checked_without_a_sandbox_whose_secrets_are_made_up(repository: Path) -> None:
    done = run("validate", "--stack", "dev", folder=repository)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Pulumi.dev.yaml: 2 services, no mistake\n", "")
    missing = run("validate", "--stack", "nope", folder=repository)
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("sandbox status he", "hello"), ("sandbox rollback --wit", "--without-migration"), ("sandbox val", "validate")],
)
def test_a_shell_completes_verbs_options_and_services_of_the_sandbox(
    repository: Path, typed: str, completed: str
) -> None:
    assert "_SANDBOX_COMPLETE=bash_complete" in run("completion", "bash").stdout
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1), "_SANDBOX_COMPLETE": "bash_complete"}
    assert run(folder=repository, **words).stdout == f"plain,{completed}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("up", "--nope"), "No such option '--nope'. Did you mean '--in'?; see `sandbox up --help`"),
        (("statu",), "No such command 'statu'; see `sandbox --help`"),
        (("load",), "Missing argument 'SERVICE'; see `sandbox load --help`"),
        (("status", "--stack"), "Option '--stack' requires an argument"),
    ],
)
def test_what_is_asked_wrongly_is_one_line_as_everywhere(arguments: tuple[str, ...], message: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {message}\n")


def test_their_messages_name_them_as_they_are_called() -> None:
    script = "from delivery.in_sandbox import commands; commands(); from releases.errors import PROGRAM; print(PROGRAM)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout == "sandbox\n"


def test_what_the_program_finds_in_its_environment() -> None:
    imports = (
        "from releases.errors import PROGRAM; from releases.pipeline import SECONDS_BETWEEN_LOOKS; "
        "from components.platform.delivery_store import EVENTS_AFTER"
    )
    script = f"{imports}; print(PROGRAM, SECONDS_BETWEEN_LOOKS, EVENTS_AFTER)"
    environment = {**os.environ, **entry_point("variables")()}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.stdout == "sandbox 0.4 0:00:00\n"


def test_where_a_port_of_a_load_balancer_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {"shop.example.com": "shop"}
    listeners = [
        {"port": 443, "address": "127.0.0.1:41001", "labels": {}},
        {"port": 8443, "address": "127.0.0.1:41002", "labels": labels},
    ]
    asked: list[str] = []

    def urlopen(url: str) -> io.BytesIO:
        asked.append(url)
        return io.BytesIO(json.dumps(listeners).encode())

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4000")
    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    context = click.Context(entry_point("commands")())
    with context:
        context.invoke(context.command.callback)  # type: ignore[arg-type]
    assert context.obj.address("https", "web.example.com", 8443) == "http://web.example.com.localhost:41002"
    assert context.obj.address("https", "shop.example.com", 8443) == "http://shop.localhost:41002"
    assert asked == ["http://127.0.0.1:4000/_sandbox/listeners"] * 2


def test_who_uploads_is_the_service_s_own_user(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def urlopen(url: str, question: bytes) -> io.BytesIO:
        asked.append((url, json.loads(question)))
        return io.BytesIO(b'{"access_key": "key", "secret_key": "secret", "session_token": null}')

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4000")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    context = click.Context(entry_point("commands")())
    with context:
        context.invoke(context.command.callback)  # type: ignore[arg-type]
    session = context.obj.uploader("dev-web")
    key = session.get_credentials().get_frozen_credentials()
    assert (key.access_key, key.secret_key, key.token, session.region_name) == ("key", "secret", None, "eu-west-1")
    assert asked == [("http://127.0.0.1:4000/_sandbox/credentials", {"identity": "dev-web-uploader"})]


PREVIEWS = Path(__file__).parents[2] / "previews"


def test_what_a_preview_is_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def read_states(session: Any, stack: str, services: list[str]) -> Any:
        asked.append([stack, *services])
        raise DeliveryError("nobody knows")

    monkeypatch.setattr("delivery.pull_request.live.read_states", read_states)
    document = json.loads((PREVIEWS / "memory.json").read_text())
    words = entry_point("preview_words")("dev", document, None)
    assert words.startswith(
        "dev: 3 to update, 2 to replace, 2 services, +$4.04 a month\n\nServices\n  hello: deployment"
    )
    assert words.endswith("\n\nWhat is live is not known: nobody knows")
    assert asked == [["dev", "hello", "shop"]]


def test_what_an_up_has_done_in_words() -> None:
    document = json.loads((PREVIEWS / "memory.json").read_text())
    outputs = {"hello": {"pipeline": "dev-hello", "hosts": ["hello.example.com"], "upload_to": "s3://b/k"}}
    words = entry_point("up_words")(
        "dev", {**document, "outputs": outputs}, {"hello.example.com": "http://here/"}, None
    )
    assert words.splitlines() == [
        "       changed  replaced",
        "hello  1        1",
        "shop   2        1",
        "",
        "service  at            upload to",
        "hello    http://here/  s3://b/k",
    ]


def test_what_tells_an_up_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    from releases import waiting

    for name, value in entry_point("wait_variables")().items():
        monkeypatch.setenv(name, value)
    assert waiting.minutes() == waiting.MINUTES


def test_no_command_loads_pulumi_before_it_runs() -> None:
    script = "import sys, delivery.__main__; print(sorted({'pulumi', 'pydantic'} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout == "[]\n"


def test_the_parameters_that_somebody_else_keeps() -> None:
    config = {
        "aws:region": "eu-west-1",
        "p:services": {"web": {"parameters": {"KEY": {"external": "/key", "for": ["build"]}, "HOST": {"value": "x"}}}},
        "p:list": [{"external": "/other"}, {"external": {"external": "/inner"}}],
        "p:encrypted": {"external": {"name": "/encrypted", "key": "arn:key"}},
        "p:plain": {"external": {"name": "/plain", "secret": False}},
    }
    assert entry_point("external_parameters")(config) == {
        "/key": None,
        "/other": None,
        "/inner": None,
        "/encrypted": "arn:key",
        "/plain": None,
    }


def test_the_secrets_that_somebody_else_keeps() -> None:
    parameters = {
        "WHOLE": {"secrets_manager": "arn:whole", "for": ["build"]},
        "FIELD": {"secrets_manager": {"arn": "arn:field", "json_key": "user", "key": "arn:key"}, "for": ["runtime"]},
        "OLD": {"secrets_manager": {"arn": "arn:field", "version": "v1"}, "for": ["runtime"]},
        "HOST": {"external": "/host", "for": ["runtime"]},
    }
    assert entry_point("external_secrets")({"p:services": {"web": {"parameters": parameters}}}) == {
        "arn:whole:::": None,
        "arn:field:user::": "arn:key",
        "arn:field:::v1": None,
    }


def test_a_secret_that_must_have_a_form() -> None:
    secret_value = entry_point("secret_value")
    assert secret_value("fargate-delivery:slack_webhook").startswith("https://hooks.slack.com/services/")
    assert secret_value("fargate-delivery:slack_webhook") != secret_value("fargate-delivery:slack_webhook")
    assert secret_value("fargate-delivery:secrets.web.KEY") is None


def test_what_a_thing_of_a_stack_is_called() -> None:
    assert entry_point("aws_names")("dev", "web") == ["dev-web", "dev-web"]
    long = "customer-notifications"
    assert entry_point("aws_names")("dev", long) == [f"dev-{long}", aws_name("dev", long)]
