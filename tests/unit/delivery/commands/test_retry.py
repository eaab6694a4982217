"""A build that CodeBuild refused for a quota is tried again; nothing else is."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from delivery.commands import retry as module
from delivery.commands.retry import plan, refused_build, retry
from releases import pipeline
from releases.errors import DeliveryError

Json = dict[str, Any]
LIMIT = (
    "Error calling startBuild: Cannot have more than 0 builds in queue for the account (Service: AWSCodeBuild; "
    "Status Code: 400; Error Code: AccountLimitExceededException)"
)


def action(stage: str, status: str, message: str = "") -> Json:
    result = {"errorDetails": {"code": "JobFailed", "message": message}} if message else {}
    return {"stageName": stage, "actionName": "A", "status": status, "output": {"executionResult": result}}


@pytest.mark.parametrize(
    ("actions", "stage"),
    [
        ([], None),
        ([action("Source", "Succeeded"), action("Package", "Failed", LIMIT)], "Package"),
        ([action("Deploy", "Failed", "AccountLimitExceededException")], "Deploy"),
        ([action("Package", "Failed", "Build terminated with state: FAILED")], None),
        ([action("Package", "Failed", LIMIT), action("Package", "Failed", "Build terminated")], None),
        ([action("Package", "Failed", LIMIT), action("Package", "Succeeded")], None),
    ],
)
def test_which_stage_was_refused(actions: list[Json], stage: str | None) -> None:
    assert refused_build(actions) == (stage and (stage, "A"))


class Account:
    """A pipeline whose Package is refused some times, and ends with `end` then."""

    def __init__(self, refusals: int, status: str = "Failed", end: Json | None = None) -> None:
        self.status, self.refusals, self.end = status, refusals, end or action("Release", "Succeeded")
        self.actions = [action("Package", "Failed", LIMIT if refusals else "Build terminated")]
        self.retried: list[Json] = []
        self.slept: list[float] = []

    def client(self, name: str) -> Any:
        assert name == "codepipeline"
        return self

    def get_paginator(self, operation: str) -> Any:
        if operation == "list_pipeline_executions":
            found = [{"pipelineExecutionId": "e1", "status": self.status}] if self.status else []
            return SimpleNamespace(paginate=lambda **_: [{"pipelineExecutionSummaries": found}])
        return SimpleNamespace(paginate=self._actions)

    def _actions(self, **_: Any) -> list[Json]:
        common = {"input": {"actionTypeId": {"category": "Build"}}}
        found = [
            {
                **each,
                **common,
                "actionExecutionId": str(number),
                "startTime": datetime(2030, 1, 1, 0, number, tzinfo=UTC),
            }
            for number, each in enumerate(self.actions)
        ]
        return [{"actionExecutionDetails": found[::-1]}]

    def get_pipeline_execution(self, **_: Any) -> Json:
        return {"pipelineExecution": {"status": self.status}}

    def retry_stage_execution(self, **given: Any) -> None:
        self.retried.append(given)
        self.refusals -= 1
        self.actions.append(action("Package", "Failed", LIMIT) if self.refusals > 0 else self.end)
        self.status = "Succeeded" if self.actions[-1]["status"] == "Succeeded" else "Failed"


def only_the_pipeline(session: Any, stack: str, service: str, execution: str, log_progress: Any, *, wait: bool) -> None:
    """Follow it without its deployment."""
    pipeline.Pipeline(session, f"{stack}-{service}").follow(execution, log_progress)


def run(account: Account, monkeypatch: pytest.MonkeyPatch, minutes: int = 60) -> list[str]:
    clock = SimpleNamespace(monotonic=lambda: sum(account.slept), sleep=account.slept.append)
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(pipeline, "time", clock)
    logged: list[str] = []
    session: Any = account
    monkeypatch.setattr(module, "follow", only_the_pipeline)
    retry(session, plan(session, "dev", "web"), logged.append, minutes=minutes, wait=True)
    return logged


def test_it_is_tried_until_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(refusals=6)
    logged = run(account, monkeypatch)
    wanted = {
        "pipelineName": "dev-web",
        "stageName": "Package",
        "pipelineExecutionId": "e1",
        "retryMode": "FAILED_ACTIONS",
    }
    assert account.retried == [wanted] * 6
    assert account.slept == [15, 30, 60, 60, 60]
    assert logged[-1] == "Execution e1: Succeeded"
    assert logged.count("CodeBuild has no room for another build; trying again in 60 s.") == 3


def test_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(refusals=1000)
    with pytest.raises(
        DeliveryError, match="CodeBuild has accepted no build for 3 minutes; `make bootstrap` says which"
    ):
        run(account, monkeypatch, minutes=3)
    assert account.slept == [15, 30, 60, 60]


def test_a_build_that_was_taken_starts_the_time_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(refusals=3, end=action("Deploy", "Failed", LIMIT))
    with pytest.raises(DeliveryError, match="CodeBuild has accepted no build for 1 minutes"):
        run(account, monkeypatch, minutes=1)
    assert [given["stageName"] for given in account.retried] == ["Package"] * 3 + ["Deploy"] * 2
    assert account.slept == [15, 30, 15, 30]


def test_what_then_fails_for_another_reason_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(refusals=1, end=action("Deploy", "Failed", "unhealthy"))
    with pytest.raises(DeliveryError, match="Deploy / A: unhealthy"):
        run(account, monkeypatch)
    assert (len(account.retried), account.slept) == (1, [])


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (Account(0, status=""), "the pipeline dev-web never ran; upload a source first"),
        (Account(1, status="InProgress"), "the newest execution, e1, is InProgress; only a failed one can be retried"),
        (Account(1, status="Succeeded"), "is Succeeded; only a failed one"),
        (Account(0), r"Build terminated; no build was refused for a quota, so it would fail again"),
    ],
)
def test_what_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, account: Account, words: str) -> None:
    with pytest.raises(DeliveryError, match=words):
        run(account, monkeypatch)
    assert account.retried == []
