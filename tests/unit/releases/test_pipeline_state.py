"""What GetPipelineState says: what runs, what waits for whom, what is closed, and what has failed."""

from datetime import UTC, datetime
from typing import Any

import pytest
from delivery_aws import FakeAws, RefusedError

from releases.pipeline_state import IDLE, Closed, PipelineState, Queued, Running, parse, read_pipeline_state

SINCE = datetime(2030, 1, 1, tzinfo=UTC)


def stage(name: str, execution: str = "", status: str = "", *actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    latest = {"latestExecution": {"pipelineExecutionId": execution, "status": status}} if execution else {}
    return {"stageName": name, "actionStates": list(actions), **latest, **more}


def action(name: str, status: str = "", **latest: Any) -> dict[str, Any]:
    shown = {"status": status, "lastStatusChange": SINCE, **latest}
    return {"actionName": name, **({"latestExecution": shown} if status else {})}


def queued(*executions: str) -> list[dict[str, Any]]:
    return [{"pipelineExecutionId": each, "status": "InProgress"} for each in executions]


CLOSED = {
    "enabled": False,
    "disabledReason": "sale\ntoday",
    "lastChangedBy": "arn:aws:iam::1:user/eve",
    "lastChangedAt": SINCE,
}
APPROVAL = action("Approve", "InProgress", **{"token": "t"})
FAILED = {"errorDetails": {"code": "JobFailed", "message": "no\nspace"}}


@pytest.mark.parametrize(
    ("stages", "state"),
    [
        ([], IDLE),
        ([stage("Source"), stage("Deploy")], IDLE),
        ([stage("Source", "a", "Succeeded", action("Source", "Succeeded"))], IDLE),
        ([stage("Source", "a", "Succeeded"), stage("Deploy", "a", "InProgress")], PipelineState((Running("a", "Deploy"),))),
        (
            [stage("Source", "a", "Succeeded"), stage("Deploy", "a", "Stopping", action("Migrate", "Succeeded"), action("Deploy", "InProgress"))],
            PipelineState((Running("a", "Deploy", "Deploy", SINCE),)),
        ),
        (
            [
                stage("Source", "b", "Succeeded"),
                stage("Build", "b", "InProgress", action("Build", "InProgress")),
                stage("Deploy", "a", "InProgress", action("Release", "InProgress")),
            ],
            PipelineState((Running("a", "Deploy", "Release", SINCE), Running("b", "Build", "Build", SINCE))),
        ),
        (
            [stage("Source", "a", "Succeeded"), stage("Approve", "a", "InProgress", APPROVAL, inboundExecutions=queued("b", "c"))],
            PipelineState((Running("a", "Approve", "Approve", SINCE, approval=True),), (Queued("b", "Approve", "a"), Queued("c", "Approve", "a"))),
        ),
        (
            [stage("Source", "b", "Succeeded"), stage("Deploy", "a", "Succeeded", inboundTransitionState=CLOSED, inboundExecutions=queued("b"))],
            PipelineState((), (Queued("b", "Deploy", None),), (Closed("Deploy", "sale today", "arn:aws:iam::1:user/eve", SINCE),)),
        ),
        ([stage("Deploy", inboundTransitionState={"enabled": False})], PipelineState((), (), (Closed("Deploy", "", "", None),))),
        ([stage("Deploy", inboundTransitionState={"enabled": True})], IDLE),
        (
            [stage("Source", "a", "Succeeded"), stage("Deploy", "a", "Failed", action("Migrate", "Failed", **FAILED), action("Deploy"))],
            PipelineState(failure="Deploy / Migrate: no space"),
        ),
        ([stage("Source", "a", "Failed", action("Source", "Failed"))], PipelineState(failure="Source / Source: CodePipeline gives no reason")),
        ([stage("Source", "a", "Succeeded"), stage("Build", "a", "Stopped")], PipelineState(failure="Build: Stopped")),
        ([stage("Source", "b", "Succeeded"), stage("Deploy", "a", "Failed", action("Deploy", "Failed", **FAILED))], IDLE),
    ],
)  # fmt: skip
def test_what_a_pipeline_is_at(stages: list[dict[str, Any]], state: PipelineState) -> None:
    assert parse(stages) == state


def test_what_is_in_deploy() -> None:
    assert parse([stage("Deploy", "a", "InProgress")]).deploying == "a"
    assert parse([stage("Build", "a", "InProgress"), stage("Deploy", "b", "Succeeded")]).deploying is None


def test_a_pipeline_that_there_is_not() -> None:
    assert read_pipeline_state(FakeAws().session().client("codepipeline"), "dev-other") == IDLE
    aws = FakeAws()
    aws.refuse["GetPipelineState"] = RefusedError("AccessDeniedException")
    codepipeline = aws.session().client("codepipeline")
    with pytest.raises(codepipeline.exceptions.ClientError, match="AccessDenied"):
        read_pipeline_state(codepipeline, "dev-web")
