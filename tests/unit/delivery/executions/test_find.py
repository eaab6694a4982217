"""Which execution something has started that was brought, and what is said where nothing starts."""

from collections.abc import Callable
from typing import Any

import pytest
from delivery_aws import FakeAws, RefusedError, digest

from delivery.command_line import Connection
from delivery.executions import find as started
from delivery.executions.brought import Delivering
from delivery.executions.find import check_bucket, check_rule, of_digest, of_version
from releases.errors import DeliveryError
from releases.pipeline import Pipeline

A, B = digest("a"), digest("b")


class Aws(FakeAws):
    """One whose executions have sources, and whose rule and bucket are so."""

    rule: str | None = "ENABLED"
    told: bool = True

    def took(self, status: str, *revisions: str, **variables: str) -> str:
        execution = self.executing(status, variables=variables)
        found = next(e for e in self.pipeline["executions"] if e["pipelineExecutionId"] == execution)
        found["sourceRevisions"] = [{"actionName": "Source", "revisionId": each} for each in revisions]
        return execution

    def _DescribeRule(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given == {"Name": "dev-web-upload"}
        if self.rule is None:
            raise RefusedError("ResourceNotFoundException")
        return {"State": self.rule}

    def _GetBucketNotificationConfiguration(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given == {"Bucket": "bucket"}
        return {"EventBridgeConfiguration": {}} if self.told else {}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    """Time passes only while somebody sleeps, 10 seconds at a time."""
    aws, clock = Aws(), [0.0]

    def sleep(_: float) -> None:
        clock[0] += 10.0

    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    monkeypatch.setattr("time.sleep", sleep)
    return aws


def found(aws: Aws, ours: started.Ours, before: str | None = None) -> str | None:
    connection = Connection(None, None)
    connection.session = aws.session()
    return started.started(Delivering(connection, "dev", "web"), before, ours)


@pytest.mark.parametrize(
    ("executions", "place"),
    [
        ([("InProgress", "v", {})], 0),
        ([("InProgress", "v", {"image": "none"}), ("InProgress", "v", {"image": "none"})], 0),
        ([("InProgress", "other", {}), ("Succeeded", "v", {})], 1),
        ([("InProgress", "v", {"image": "live"}), ("InProgress", "v", {"image": "none"})], 1),
        ([("Failed", "", {}), ("InProgress", "v", {})], 0),
        ([("Failed", "", {"image": A}), ("InProgress", "v", {})], 1),
        ([("Succeeded", "", {}), ("InProgress", "v", {})], 1),
        ([("InProgress", "other", {})], None),
        ([], None),
    ],
    ids=["one", "twice", "another upload", "an edit that found it", "failed at Source", "a rollback that failed", "without a source", "another's", "none"],
)  # fmt: skip
def test_the_execution_of_an_upload(aws: Aws, executions: list[Any], place: int | None) -> None:
    before = aws.took("InProgress", "v")
    names = [aws.took(status, *([revision] if revision else []), **given) for status, revision, given in executions]
    assert found(aws, of_version("v"), before=before) == (None if place is None else names[place])


def test_the_execution_of_a_push(aws: Aws) -> None:
    aws.took("InProgress", "steps", digest=B)
    pushed = aws.took("InProgress", "steps", digest=A)
    assert found(aws, of_digest(A)) == pushed


def later(aws: Aws, looks: int, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    answer, left = aws._ListPipelineExecutions, [looks]

    def look(given: dict[str, Any]) -> dict[str, Any]:
        left[0] -= 1
        if left[0] == 0:
            happens()
        return answer(given)

    monkeypatch.setattr(aws, "_ListPipelineExecutions", look)


def test_one_that_waits_for_its_turn_is_waited_for(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = aws.took("InProgress")

    def turn() -> None:
        aws.pipeline["executions"][0]["sourceRevisions"] = [{"revisionId": "v"}]

    later(aws, 30, monkeypatch, turn)
    assert found(aws, of_version("v")) == waiting
    assert capsys.readouterr().out.splitlines()[:2] == [started.TURN, f"{started.TURN}, 60 s so far"]


def test_a_turn_that_never_comes_is_told(aws: Aws) -> None:
    aws.took("InProgress")
    with pytest.raises(DeliveryError) as told:
        found(aws, of_version("v"))
    assert str(told.value) == (
        "an execution of dev-web has waited for its turn for 60 minutes, and goes on to; watch it: `delivery status web "
        "--stack dev --watch`"
    )


def test_an_event_may_be_late(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    later(aws, 3, monkeypatch, lambda: bool(aws.took("InProgress", "v")))
    assert found(aws, of_version("v")) == "run-1"


@pytest.mark.parametrize(("rule", "words"), [(None, "missing"), ("DISABLED", "disabled"), ("ENABLED", None)])
def test_a_rule_that_starts_nothing(rule: str | None, words: str | None) -> None:
    aws = Aws()
    aws.rule = rule
    session = aws.session()
    if words is None:
        check_rule(session, Pipeline(session, "dev-web"))
        return
    with pytest.raises(DeliveryError) as refused:
        check_rule(session, Pipeline(session, "dev-web"))
    said = f"nothing has started: EventBridge's rule dev-web-upload is {words}; `up` makes it anew"
    assert str(refused.value) == said


def test_a_bucket_that_tells_nobody() -> None:
    aws = Aws()
    check_bucket(aws.session(), "bucket")
    aws.told = False
    with pytest.raises(DeliveryError, match="the bucket bucket tells EventBridge of nothing; `up` has it told"):
        check_bucket(aws.session(), "bucket")
