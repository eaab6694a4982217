"""What became of something that was brought to a service's pipeline: for a machine, and for a person."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3

from delivery.executions.approval import Pending, pending
from delivery.executions.build_logs import BuildLogs
from releases.errors import PROGRAM, DeliveryError
from releases.failure import cause_of, one_line
from releases.names import aws_name
from releases.pipeline import Pipeline
from releases.pipeline_state import read_pipeline_state
from releases.progress import Log

Json = Mapping[str, Any]
NOT_STARTED = "NotStarted"


@dataclass(frozen=True)
class DeliveredAction:
    """An action of a pipeline in an execution.

    Attributes:
        name: the action's.
        status: CodePipeline's word, such as `Succeeded`.
        summary: what it says of its result; None where it says nothing.
        error: why it has failed; None where it has not.
        seconds: from its start to its last change, which is its end once it is over.
    """

    name: str
    status: str
    summary: str | None
    error: str | None
    seconds: float

    @classmethod
    def parse(cls, action: Json) -> "DeliveredAction":
        """Of ListActionExecutions."""
        result = action.get("output", {}).get("executionResult", {})
        return cls(
            action["actionName"],
            action["status"],
            result.get("externalExecutionSummary"),
            result.get("errorDetails", {}).get("message"),
            (action["lastUpdateTime"] - action["startTime"]).total_seconds(),
        )


@dataclass(frozen=True)
class DeliveredStage:
    """A stage of a pipeline in an execution.

    Attributes:
        name: the stage's.
        status: CodePipeline's word, such as `Succeeded` or `Skipped`; `NotStarted` where the execution has not come.
        actions: those that have begun, the oldest first.
    """

    name: str
    status: str
    actions: list[DeliveredAction]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """An execution of a service's pipeline.

    Attributes:
        pipeline: its name.
        execution: the execution's id.
        status: CodePipeline's word, such as `Succeeded` or `Failed`; `InProgress` while it waits for an approval.
        summary: what CodePipeline says of that; None where it says nothing.
        stages: of the pipeline, in their order.
        variables: what it was started with and its actions have told, such as `Package.IMAGE_DIGEST`.
    """

    pipeline: str
    execution: str
    status: str
    summary: str | None
    stages: list[DeliveredStage]
    variables: dict[str, str]


def nothing_to_deploy(variables: Mapping[str, str]) -> str:
    """Why an execution has deployed nothing, by what its actions have told; "" where it has deployed something."""
    return one_line(variables.get("Package.SUMMARY", "")) if variables.get("Package.DEPLOY") == "no" else ""


def delivery_of(session: boto3.Session, pipeline: Pipeline, execution: str) -> dict[str, Any]:
    """The fields of a `Delivery`, as they are now."""
    details, actions = pipeline.execution(execution), pipeline.actions(execution)
    state = session.client("codepipeline").get_pipeline_state(name=pipeline.name)
    statuses = {action["stageName"]: action["status"] for action in actions}
    for stage in state["stageStates"]:
        latest = stage.get("latestExecution", {})
        if latest.get("pipelineExecutionId") == execution:
            statuses[stage["stageName"]] = latest["status"]
    variables = {f"variables.{each['name']}": each["resolvedValue"] for each in details.get("variables", [])}
    for action in actions:
        if namespace := action["input"].get("namespace"):
            told = action.get("output", {}).get("outputVariables", {})
            variables |= {f"{namespace}.{name}": value for name, value in told.items()}
    return {
        "pipeline": pipeline.name,
        "execution": execution,
        "status": details["status"],
        "summary": details.get("statusSummary"),
        "stages": [
            DeliveredStage(
                name,
                statuses.get(name, NOT_STARTED),
                [DeliveredAction.parse(action) for action in actions if action["stageName"] == name],
            )
            for name in pipeline.stages
        ],
        "variables": variables,
    }


def print_last(session: boto3.Session, pipeline: Pipeline, show: Log) -> None:
    """Show each action of the newest execution, how it went or where it is, and the logs of its builds.

    Raises:
        DeliveryError: there is none.
    """
    newest = pipeline.newest()
    if newest is None:
        raise DeliveryError(f"{pipeline.name} never ran, so there is no delivery to show")
    show(f"Execution {newest[0]} of {pipeline.name}: {newest[1]}")
    builds = BuildLogs(session, show)
    for action in pipeline.actions(newest[0]):
        why = f", {cause_of(session, action)}" if action["status"] == "Failed" else ""
        show(f"{action['stageName']} / {action['actionName']}: {action['status']}{why}")
        builds.look([action])


def asked(session: boto3.Session, stack: str, service: str, execution: str) -> Iterator[Pending]:
    """The approval that an execution waits for, its own or that of the one in front of it."""
    state = read_pipeline_state(session.client("codepipeline"), aws_name(stack, service))
    ahead = {execution, *(each.ahead for each in state.queued if each.execution == execution)}
    if any(each.approval and each.execution in ahead for each in state.running):
        with suppress(DeliveryError):  # it was answered a moment ago
            yield pending(session, stack, service)


def how_to_answer(stack: str, service: str, execution: str, approval: Pending) -> Iterator[str]:
    """That an execution waits for an approval, and the commands that answer it."""
    in_front = f"Execution {approval.execution}, in front of it,"
    who = "The execution" if approval.execution == execution else in_front
    yield f"{who} waits for approval: {approval.details}"
    yield from (f"  {PROGRAM} {verb} {service} --stack {stack}" for verb in ("approve", "reject"))
