"""A job by hand: what is asked for, what is shown, and how the command ends."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from click.testing import CliRunner
from pipeline_steps_fakes import FakeSession, error

from delivery.commands import run as module
from delivery.tasks import one_off
from releases.command_task import JOB_LABEL
from releases.errors import DeliveryError
from releases.record import Release

Json = dict[str, Any]
TASK = "arn:aws:ecs:eu-west-1:123456789012:task/dev/abc"
LOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/dev-web", "awslogs-stream-prefix": "web"}}
DEFINITION = {"containerDefinitions": [
    {"name": "otel"}, {"name": "app", "dockerLabels": {JOB_LABEL: "x"}, "logConfiguration": LOGS},
]}  # fmt: skip


class Aws:
    """A function of jobs, and the task that it starts, as it is at each look."""

    def __init__(
        self, *looks: Json | None, answer: Any = None, lines: tuple[str, ...] = (), failed: bool = False
    ) -> None:
        self.looks, self.lines = list(looks), list(lines)
        payload = {"task": TASK} if answer is None else answer
        invoked = payload if not isinstance(payload, dict) else {
            "Payload": io.BytesIO(json.dumps(payload).encode()), **({"FunctionError": "Unhandled"} if failed else {}),
        }  # fmt: skip
        self.aws = FakeSession({
            "Invoke": lambda _: invoked,
            "DescribeTasks": lambda _: {"tasks": [found] if (found := self.looks.pop(0)) else []},
            "DescribeTaskDefinition": lambda _: {"taskDefinition": DEFINITION},
            "GetLogEvents": self._events,
        })  # fmt: skip

    def _events(self, given: Json) -> Any:
        seen = int(given.get("nextToken", "0"))
        if not self.lines:
            return error("ResourceNotFoundException")
        new = self.lines[seen : seen + 1]
        return {"events": [{"message": line} for line in new], "nextForwardToken": str(seen + len(new))}


def task(status: str, code: int | None = None, stop: str = "EssentialContainerExited", **fields: Any) -> Json:
    container = {"name": "app", "lastStatus": status, **({"exitCode": code} if code is not None else {})}
    over = {"stopCode": stop, "desiredStatus": "STOPPED"} if status == "STOPPED" else {"desiredStatus": "RUNNING"}
    return {
        "taskArn": TASK, "taskDefinitionArn": "dev-web_clean:1", "lastStatus": status, "containers": [{"name": "otel"}, container],
        "createdAt": datetime.now(UTC), **over, **fields,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)
    monkeypatch.setattr(module, "read_state", lambda *_: SimpleNamespace(release=None))


def run(aws: Aws) -> tuple[int, list[str], list[str]]:
    """The exit code, the progress, and the log."""
    said, shown = list[str](), list[str]()
    session = cast(boto3.Session, aws.aws)
    chosen = module.plan(session, "dev", "web", "clean")
    code = module.run(session, chosen, said.append, shown.append, wait=True)
    return code, said, shown


def test_a_run_is_followed_to_its_end() -> None:
    aws = Aws(None, task("PROVISIONING"), task("RUNNING"), task("STOPPED", 0), lines=("one", "two\n"))
    code, said, shown = run(aws)
    assert (code, shown) == (0, ["one", "two"])
    assert said == [
        f"Started clean in {TASK}.",
        "The task is PROVISIONING", "The task is RUNNING", "The task is STOPPED",
    ]  # fmt: skip
    (asked,) = aws.aws.called("Invoke")
    wanted = json.loads(asked["Payload"])
    assert (asked["FunctionName"], wanted.pop("token").isalnum(), wanted) == (
        "dev-web-jobs",
        True,
        {"job": "clean", "by": "hand"},
    )
    assert aws.aws.called("GetLogEvents")[0]["logStreamName"] == "web/app/abc"


def test_a_service_that_there_is_not_is_named_as_by_any_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise DeliveryError("there is no service web in stack dev; there are: api")

    monkeypatch.setattr(module, "read_state", refuse)
    with pytest.raises(DeliveryError, match="there are: api"):
        run(Aws(answer=error("ResourceNotFoundException")))


@pytest.mark.parametrize(
    ("ended", "code", "words"),
    [
        (task("STOPPED", 7), 7, "clean ended with exit code 7"),
        (task("STOPPED", 137, "UserInitiated", stoppedReason="The job did not end in 5 min"), 137, "clean ended with exit code 137: The job did not end in 5 min"),
        (task("STOPPED", 0, "UserInitiated", stoppedReason="Task stopped by user"), 1, "clean ended with exit code 0: Task stopped by user"),
    ],
)  # fmt: skip
def test_its_exit_code_is_the_commands(ended: Json, code: int, words: str) -> None:
    found, said, _ = run(Aws(ended))
    assert (found, said[-2:]) == (
        code,
        [f"error: {words}", "Its log is above. Mend it, release that, and run it again."],
    )


@pytest.mark.parametrize(
    ("aws", "words"),
    [
        (Aws(answer={"reason": "Nothing was released yet"}), "clean was not started: Nothing was released yet"),
        (Aws(answer={"errorMessage": "Timed out"}, failed=True), "the function that runs the jobs has failed: Timed out"),
        (Aws(answer=error("ResourceNotFoundException")), "web of stack dev has no jobs; declare one in its `jobs` in the stack file"),
        (Aws(task("STOPPED", None, "TaskFailedToStart", stoppedReason="CannotPull")), "clean did not run: CannotPull"),
        (Aws(*[None] * 5), f"ECS does not know the task {TASK}"),
    ],
)  # fmt: skip
def test_what_did_not_run_is_an_error(aws: Aws, words: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        run(aws)
    assert str(caught.value) == words


def test_the_command_prints_the_log_on_standard_output_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from delivery.command_line import Connection

    aws = Aws(task("STOPPED", 3), lines=("a line",))
    monkeypatch.setattr(Connection, "session", aws.aws)
    ended = CliRunner().invoke(module.command, ["web", "clean", "--stack", "dev", "--yes"], obj=Connection(None, None))
    assert (ended.exit_code, ended.stdout) == (3, "a line\n")
    assert "clean ended with exit code 3" in ended.stderr


RELEASE = Release(3, "sha256:released", "dev-web:7", "print", "v1", "execution", "2026-11-01T00:00:00Z")


def test_a_command_runs_without_the_function_of_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[Any, ...]] = []
    monkeypatch.setattr(module, "read_state", lambda *_: SimpleNamespace(release=RELEASE))

    def start(*given: Any) -> str:
        started.append(given[1:])
        return TASK

    monkeypatch.setattr(one_off, "start", start)
    aws = Aws(task("STOPPED", 3), lines=("no such month\n",))
    session, said, shown = cast(boto3.Session, aws.aws), list[str](), list[str]()
    chosen = module.plan(session, "dev", "web", None, ("bin/report", "--month", "the 11th"))
    assert chosen.lines() == [
        "web: runs `bin/report --month 'the 11th'` now, with the image of release-3, sha256:released"
    ]
    assert module.run(session, chosen, said.append, shown.append, wait=True) == 3
    assert started == [("dev", "web", RELEASE, ("bin/report", "--month", "the 11th"))]
    assert (said[0], shown) == (f"Started bin/report in {TASK}.", ["no such month"])
    assert "error: bin/report ended with exit code 3" in said
    assert aws.aws.called("Invoke") == []


def test_before_a_release_there_is_no_image_for_a_command() -> None:
    with pytest.raises(
        DeliveryError, match=r"^web has no release yet, so there is no image in which a command could run$"
    ):
        module.plan(cast(boto3.Session, Aws().aws), "dev", "web", None, ("ls",))


@pytest.mark.parametrize(
    ("words", "job", "command"),
    [
        (["web", "clean"], "clean", ()),
        (["web", "--", "ls", "-l", "--stack", "x"], None, ("ls", "-l", "--stack", "x")),
        (["web", "--yes", "--", "sh", "-c", "echo -- a"], None, ("sh", "-c", "echo -- a")),
        (["web", "--", "--", "a"], None, ("--", "a")),
    ],
)
def test_a_command_is_what_stands_after_two_hyphens(
    words: list[str], job: str | None, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(module, "agreed", lambda look, *_, **__: asked.append(look.args[1:]))
    monkeypatch.setattr(module, "run", lambda *_, **__: 0)
    connection = SimpleNamespace(session=None)
    done = CliRunner().invoke(module.command, [*words[:1], "--stack", "dev", *words[1:]], obj=connection)
    assert done.exit_code == 0, done.output
    assert asked == [("dev", "web", job, command)]


@pytest.mark.parametrize("words", [["web"], ["web", "clean", "--", "ls"], ["web", "--"]])
def test_it_is_either_a_job_or_a_command(words: list[str]) -> None:
    done = CliRunner().invoke(
        module.command, [*words[:1], "--stack", "dev", *words[1:]], obj=SimpleNamespace(session=None)
    )
    assert done.exit_code == 2
    assert "write the name of a job, or a command after `--`" in done.output
