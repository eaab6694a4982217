"""The frame of the command line: the stack that is remembered, every mistake in one line, exit codes, colour, examples."""

import inspect
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import click
import pytest
from botocore import exceptions
from click.testing import CliRunner, Result
from delivery_aws import FakeAws, RefusedError, digest

from delivery.__main__ import main
from delivery.command_line import Connection
from releases.errors import explained

PROGRAM = [sys.executable, "-m", "delivery"]
REPOSITORY = Path(__file__).parents[3]
WEB = ("status", "web", "--stack", "dev")


@pytest.fixture
def aws() -> FakeAws:
    """One release, which runs."""
    aws = FakeAws()
    aws.record("none")
    arn = aws.revision(1, f"@{digest('a')}")
    aws.release(1, digest("a"), arn)
    aws.image(digest("a"), "release-1", "live")
    aws.service(arn, digest("a"))
    return aws


@pytest.fixture
def ours(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeAws:
    """The fake is what commands ask, in a folder without a project, and no variable names a stack."""
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))
    monkeypatch.chdir(tmp_path)
    for name in ("DELIVERY_STACK", "PULUMI_STACK", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return aws


def call(*arguments: str, **settings: Any) -> Result:
    result = CliRunner().invoke(main, list(arguments), **settings)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


# Which stack


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    ("arguments", "variable", "selected", "asked"),
    [
        (["--stack", "dev"], "prd", "local", "dev"),
        ([], "dev", "local", "dev"),
        ([], None, "dev", "dev"),
        ([], "", "dev", "dev"),
    ],
)
def test_the_stack_is_the_options_then_the_variables_then_the_one_that_pulumi_has_selected(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], variable: str | None, selected: str, asked: str
) -> None:
    if variable is not None:
        monkeypatch.setenv("DELIVERY_STACK", variable)
    monkeypatch.setenv("PULUMI_STACK", selected)
    done = call("live", "web", *arguments)
    assert (done.exit_code, done.stdout) == (0, f"{digest('a')}\n")


@pytest.mark.usefixtures("ours")
def test_without_any_of_them_one_line_names_all_three() -> None:
    done = call("live", "web")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "error: no stack is named: write --stack dev, set DELIVERY_STACK=dev, or run `pulumi stack select dev`; "
        "see `delivery live --help`\n"
    )


# Mistakes


def denied(message: str = "User: u is not authorized to perform: ecs:DescribeServices on resource: *") -> RefusedError:
    return RefusedError("AccessDeniedException", message)


REFUSED: list[tuple[str, RefusedError, str]] = [
    ("insufficient", denied(), "these credentials may not ecs:DescribeServices; use others, or have it allowed: User: u"),
    ("denied", denied("no"), "these credentials may not DescribeServices; use others"),
    ("expired", RefusedError("ExpiredTokenException"), "the AWS credentials have expired; log in again"),
    ("deleted", RefusedError("UnrecognizedClientException"), "AWS does not know the credentials (UnrecognizedClient"),
    ("throttled", RefusedError("ThrottlingException"), "AWS takes no more calls of DescribeServices now (ThrottlingE"),
    ("too many", RefusedError("TooManyRequestsException"), "wait a minute and run the command again"),
    ("missing", RefusedError("PipelineNotFoundException", "no"), "no (PipelineNotFoundException); check --stack, the ser"),
    ("another", RefusedError("ServerException", "a\nb"), "AWS refuses DescribeServices: a b (ServerException)"),
]  # fmt: skip


@pytest.mark.parametrize("command", ["status", "history", "rollback", "redeploy"])
@pytest.mark.parametrize(("refused", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_aws_refuses_is_one_line(
    ours: FakeAws, monkeypatch: pytest.MonkeyPatch, command: str, refused: RefusedError, words: str
) -> None:
    monkeypatch.setattr("botocore.retryhandler.delay_exponential", lambda **_: 0)
    ours.refuse["DescribeServices"] = refused
    one_line(call(command, "web", "--stack", "dev"), 1, words)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (exceptions.UnauthorizedSSOTokenError(), "log in again"),
        (exceptions.ParamValidationError(report="r"), "check the credentials and the region"),
    ],
)
def test_more_of_botocores_own_errors(error: exceptions.BotoCoreError, words: str) -> None:
    assert words in explained(error)
    assert "\n" not in explained(error)


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["status", "wev", "--stack", "dev"], 1, "there is no service wev in stack dev; there are: web"),
        (["history", "wev", "--stack", "dev"], 1, "there is no service wev in stack dev; there are: web"),
        (["sttus", "web"], 2, "No such command 'sttus'"),
        (["status", "web", "--stak", "dev"], 2, "No such option '--stak'"),
        (["rollback"], 2, "no stack is named"),
        (["rollback", "--stack", "dev"], 2, "Missing argument 'SERVICE'; see `delivery rollback --help`"),
        (["rollback", "web", "--to", "first", "--stack", "dev"], 2, "'first' is not a release; write its number"),
        (["comment", "nothing.md", "--github"], 2, "'nothing.md': No such file or directory"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(arguments: list[str], code: int, words: str) -> None:
    one_line(call(*arguments), code, words)


def test_a_stack_that_aws_does_not_have_is_one_line(ours: FakeAws) -> None:
    ours.refuse["DescribeServices"] = RefusedError("ClusterNotFoundException")
    ours.refuse["ListServices"] = RefusedError("ClusterNotFoundException")
    words = "there are: none, so check the stack, the account and the region"
    one_line(call("status", "web", "--stack", "dve"), 1, words)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials, no profile, no region, and no network."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    ("options", "variables", "words"),
    [
        ([], KEYS, "no AWS region is set; set AWS_REGION, or name one with --region"),
        (["--region", "eu-west-1"], {}, "there are no AWS credentials; log in (`aws sso login`), set AWS_PROFILE"),
        (["--region", "eu-west-1"], {"AWS_ACCESS_KEY_ID": "key"}, "there are no AWS credentials"),
        (["--profile", "nope"], KEYS, "The config profile (nope) could not be found; `aws configure list-profiles` lis"),
        ([], {**KEYS, "AWS_PROFILE": "nope"}, "The config profile (nope) could not be found"),
        (["--region", "eu_west"], KEYS, "check the credentials and the region"),
        (["--region", "eu-west-1"], KEYS, "AWS does not answer: Could not connect to the endpoint URL"),
        ([], {**KEYS, "AWS_REGION": "eu-west-1"}, "check the network and the region, then run the command again"),
    ],
)  # fmt: skip
def test_what_stops_before_aws_is_one_line(
    monkeypatch: pytest.MonkeyPatch, options: list[str], variables: dict[str, str], words: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    one_line(call(*options, *WEB), 1, words)


def one_line(done: Result, code: int, words: str) -> None:
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.output
    assert done.stderr.startswith("error: ")
    assert words in done.stderr


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort(), EOFError()])
def test_who_interrupts_is_told_what_goes_on(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def interrupted(*_: Any) -> None:
        raise error

    monkeypatch.setattr("delivery.commands.live.live", interrupted)
    done = call("live", "web", "--stack", "dev")
    assert (done.exit_code, done.stdout) == (130, "")
    assert done.stderr.splitlines()[-1] == "interrupted; what was started at AWS goes on"


def test_a_pipe_that_is_closed_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [*PROGRAM, "completion", "bash"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize("columns", ["1", "20", "400", "none"])
@pytest.mark.parametrize(
    "arguments", [["--help"], ["rollback", "--help"], [*WEB], ["history", "web", "--stack", "dev"]]
)
def test_a_terminal_of_any_width_will_do(monkeypatch: pytest.MonkeyPatch, columns: str, arguments: list[str]) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert call(*arguments).exit_code == 0


# Colour, version, help


@pytest.mark.parametrize(
    ("terminal", "variables", "begins"),
    [
        (True, {}, "\x1b[31merror:\x1b[0m no stack"),
        (True, {"NO_COLOR": ""}, "\x1b[31merror:\x1b[0m no stack"),
        (True, {"NO_COLOR": "1"}, "error: no stack"),
        (False, {}, "error: no stack"),
    ],
)
def test_colour_is_for_terminals_that_may_have_it(terminal: bool, variables: dict[str, str], begins: str) -> None:
    reading, writing = pty.openpty() if terminal else os.pipe()
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "DELIVERY_STACK")}
    variables = {**environment, "PULUMI_HOME": "/nonexistent", **variables}
    done = subprocess.run([*PROGRAM, "live", "web"], stderr=writing, cwd=REPOSITORY, env=variables, check=False)
    os.close(writing)
    assert (done.returncode, os.read(reading, 1000).decode().partition(" is named")[0]) == (2, begins)
    os.close(reading)


def test_the_version_is_that_of_the_project() -> None:
    (version,) = re.findall(r'^version = "(.*)"$', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)
    assert call("--version").stdout.endswith(f" {version}\n")


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


EXAMPLE = re.compile(r"^(?:Example: )?(delivery .*?)(?:  .*)?$", re.MULTILINE)


@pytest.mark.parametrize(
    ("path", "command"), list(commands(main)), ids=lambda each: " ".join(each) if isinstance(each, tuple) else ""
)
def test_the_help_of_each_verb_has_examples_that_are_understood(
    path: tuple[str, ...], command: click.Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("preview.json", "preview.log", "report.md"):
        Path(name).write_text("")
    examples = [
        shlex.split(re.split(r" [|>] ", line)[0]) for line in EXAMPLE.findall(inspect.cleandoc(command.help or ""))
    ]
    own = [words for words in examples if tuple(words[1 : 1 + len(path)]) == path]
    assert own, f"`{' '.join(path)} --help` has no example"
    for words in own:
        context = click.Context(main, info_name="delivery", **main.context_settings)
        made = command.make_context(path[-1], words[1 + len(path) :], parent=context)
        made.close()


def test_a_record_of_another_kind_is_one_line(ours: FakeAws) -> None:
    ours.record("junk")
    one_line(call(*WEB), 1, "not a release record: junk")
