"""Finding the approval that waits, and deciding about it."""

import re
from typing import Any

import pytest
from delivery_aws import STACK, FakeAws, action

from delivery.executions.approval import choice, decide, pending
from releases.errors import DeliveryError


def waiting(category: str = "Approval", **configuration: str) -> FakeAws:
    """A pipeline whose newest execution waits in Approve."""
    aws = FakeAws()
    aws.executing("Succeeded", action("Approve", "Approve", "Approval", configuration={"CustomData": "the one before"}))
    run = aws.executing(
        "InProgress",
        action("Package", "Package", "Build"),
        action("Approve", "Approve", category, "InProgress", configuration=configuration),
    )
    aws.pipeline["token"] = "token"  # noqa: S105
    latest = {"pipelineExecutionId": run, "status": "InProgress"}
    shown = {"actionName": "Approve", "latestExecution": {"status": "InProgress", "token": "token"}}
    aws.pipeline["stages"] = [
        {"stageName": "Source", "actionStates": [{"actionName": "Source"}]},
        {"stageName": "Approve", "latestExecution": latest, "actionStates": [shown]},
    ]
    return aws


def test_what_waits_is_found_with_its_words() -> None:
    found = pending(
        waiting(CustomData="sha256:b, release-7 now", ExternalEntityLink="https://x").session(), STACK, "web"
    )
    assert (found.stage, found.action, found.execution, found.token) == ("Approve", "Approve", "run-2", "token")
    assert found.details == "sha256:b, release-7 now\nhttps://x"


@pytest.mark.parametrize(
    ("status", "reason", "summary"),
    [("Approved", "", "Approved with the delivery command"), ("Rejected", "not today", "not today")],
)
def test_the_decision_is_put(status: Any, reason: str, summary: str) -> None:
    aws = waiting()
    session = aws.session()
    decide(session, "dev-web", pending(session, STACK, "web"), status, reason)
    assert aws.calls[-1] == (
        "codepipeline",
        "PutApprovalResult",
        {
            "pipelineName": "dev-web",
            "stageName": "Approve",
            "actionName": "Approve",
            "token": "token",
            "result": {"status": status, "summary": summary},
        },
    )


def test_somebody_else_has_decided() -> None:
    aws = waiting()
    session = aws.session()
    found = pending(session, STACK, "web")
    aws.pipeline["token"] = "another"  # noqa: S105
    with pytest.raises(DeliveryError, match="has been decided or has ended meanwhile"):
        decide(session, "dev-web", found, "Approved", "")


def test_a_reason_that_is_too_long() -> None:
    with pytest.raises(DeliveryError, match="--reason has 513 characters; CodePipeline takes 512"):
        choice(waiting().session(), STACK, "web", "Rejected", "x" * 513, None)


def never() -> FakeAws:
    return FakeAws()


def over() -> FakeAws:
    aws = FakeAws()
    aws.executing("Failed")
    return aws


def building() -> FakeAws:
    aws = over()
    aws.executing("InProgress", action("Package", "Package", "Build", "InProgress"))
    return aws


@pytest.mark.parametrize(
    ("aws", "service", "words"),
    [
        (never(), "web", "no approval is pending in dev-web: the pipeline never ran"),
        (over(), "web", "nothing runs, and the last execution run-1 ended as Failed"),
        (building(), "web", "no approval is pending in dev-web: execution run-2 is in Package, action Package"),
        (waiting("Build"), "web", "no approval is pending"),
        (never(), "nope", "there is no pipeline dev-nope"),
    ],
)
def test_nothing_waits(aws: FakeAws, service: str, words: str) -> None:
    with pytest.raises(DeliveryError, match=re.escape(words)):
        pending(aws.session(), STACK, service)
