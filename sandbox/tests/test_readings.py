"""The awkward readings of AWS's documents: what each one changes, and that nothing changes without them."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from aws_fakes import FakeAccount, eventually

from sandbox import readings
from sandbox.account.errors import AwsError
from sandbox.clock import Clock
from sandbox.codebuild.api import Builds
from sandbox.codepipeline.actions import ecs
from sandbox.codepipeline.actions.context import ActionFailure
from sandbox.readings import Readings, chosen
from sandbox.server import call_events

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", set()),
        ("awkward", set(vars(Readings())) - {"refused_builds"}),
        ("awkward,refused_builds", set(vars(Readings()))),
        ("late_roles, early_action", {"late_roles", "early_action"}),
    ],
)
def test_readings_are_chosen_by_name(text: str, names: set[str]) -> None:
    assert {name for name, on in vars(chosen(text)).items() if on} == names


def test_a_reading_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(readings.VARIABLE, "early_action,awkwardly")
    with pytest.raises(ValueError, match=r"^SANDBOX_AWS names awkwardly; there are awkward and early_action, "):
        chosen()


def deployment(state: str, running: int = 0, id: str = "mine", status: str = "PRIMARY") -> Json:
    return {
        "id": id,
        "status": status,
        "rolloutState": state,
        "rolloutStateReason": "why",
        "desiredCount": 1,
        "runningCount": running,
    }


def wait(answers: list[list[Json]], read: Readings, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the ECS action says of a service that is described so, one answer after the other, the last one for ever."""
    clock = iter(range(10_000))
    monkeypatch.setattr(ecs, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(ecs, "_last_stopped", lambda *_: "")

    def describe_services(**_: Any) -> Json:
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return {"services": [{"status": "ACTIVE", "deployments": found}]}

    account = FakeAccount(readings=read)
    context: Any = SimpleNamespace(
        configuration={}, account=account, pause=lambda _: None, scaled_deadline=lambda minutes: minutes
    )
    client: Any = SimpleNamespace(describe_services=describe_services)
    try:
        return ecs._wait(context, client, "main", "web", "mine", "web:2").summary or ""
    except ActionFailure as failure:
        return f"{failure.code}: {failure}"


OLD = deployment("COMPLETED", 1, "old")
RUNS, DONE, FAILED = (deployment(state, 1) for state in ("IN_PROGRESS", "COMPLETED", "FAILED"))
AWKWARD = chosen("awkward")
PLAIN = Readings()


@pytest.mark.parametrize(
    ("answers", "read", "said"),
    [
        ([[RUNS], [DONE]], PLAIN, "Deployment mine of web:2 completed."),
        ([[RUNS], [FAILED]], PLAIN, "JobFailed: The deployment mine failed: why"),
        ([[deployment("IN_PROGRESS")], [FAILED]], AWKWARD, "TimeoutError"),
        ([[RUNS], [FAILED]], AWKWARD, "Deployment mine of web:2 completed."),
        ([[OLD], [RUNS], [DONE]], PLAIN, "Deployment mine of web:2 completed."),
        ([[RUNS], [OLD]], PLAIN, "JobFailed: The deployment mine was superseded by old (why)"),
    ],
    ids=["completes", "fails", "hangs", "ends early", "an old answer first", "superseded"],
)
def test_when_the_ecs_action_ends(
    monkeypatch: pytest.MonkeyPatch, answers: list[list[Json]], read: Readings, said: str
) -> None:
    assert wait(answers, read, monkeypatch).startswith(said)


def test_a_project_s_first_two_builds_are_refused_and_no_other() -> None:
    builds = Builds()
    for project in ("package", "release"):
        builds.admit(project, PLAIN)
        for _ in range(2):
            with pytest.raises(AwsError, match="Cannot have more than 0 builds in queue for the account"):
                builds.admit(project, Readings(refused_builds=True))
        builds.admit(project, Readings(refused_builds=True))


def test_s3_tells_of_uploads_late_twice_and_out_of_order(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def publish(event: Json) -> Json:
        told.append(event["id"])
        return event

    account: Any = FakeAccount(clock=Clock(500))
    account.bus = SimpleNamespace(publish=publish, replay=told.append)
    monkeypatch.setattr(call_events, "_overtaking", itertools.cycle((1, 2)))
    for upload in ("first", "second"):
        call_events._publish_late(account, {"id": upload})
    assert told == []
    eventually(lambda: len(told) == 4)
    assert told == ["second", "second", "first", "first"]
