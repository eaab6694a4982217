"""The manual approval that a service's pipeline waits for."""

from dataclasses import dataclass
from typing import Literal

import boto3
import click

from releases.errors import PROGRAM, DeliveryError
from releases.names import aws_name
from releases.pipeline import Pipeline

Decision = Literal["Approved", "Rejected"]
GOES: dict[Decision, str] = {"Approved": "goes on", "Rejected": "ends as failed; what runs stays"}
"""Decision → what becomes of what waits."""
MOST_CHARACTERS = 512
"""Of a decision's summary (CodePipeline, ApprovalResult)."""


@dataclass(frozen=True)
class Pending:
    """An approval that somebody waits for.

    Attributes:
        stage: the pipeline's stage.
        action: the stage's action.
        execution: the pipeline execution.
        token: what CodePipeline knows this one request by.
        details: what is to be approved, in the pipeline's words; "" when it says nothing.
    """

    stage: str
    action: str
    execution: str
    token: str
    details: str


def pending(session: boto3.Session, stack: str, service: str) -> Pending:
    """Find the approval that the pipeline waits for.

    Raises:
        DeliveryError: there is no such pipeline, or it waits for none; the message says what it does.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    codepipeline, name = session.client("codepipeline"), aws_name(stack, service)
    pipeline = Pipeline(session, name)
    try:
        stages = codepipeline.get_pipeline_state(name=name)["stageStates"]
    except codepipeline.exceptions.PipelineNotFoundException:
        raise DeliveryError(f"there is no pipeline {name}; check --stack and the service's name") from None
    for stage in stages:
        for action in stage.get("actionStates", []):
            latest = action.get("latestExecution", {})
            execution = stage.get("latestExecution", {}).get("pipelineExecutionId")
            if latest.get("status") != "InProgress" or not latest.get("token") or not execution:
                continue
            details = _details(pipeline, execution, stage["stageName"], action["actionName"])
            if details is not None:
                return Pending(stage["stageName"], action["actionName"], execution, latest["token"], details)
    raise DeliveryError(f"no approval is pending in {name}: {pipeline.summary()}")


def decide(session: boto3.Session, pipeline: str, waiting: Pending, decision: Decision, reason: str) -> None:
    """Answer an approval.

    Args:
        session: whose credentials CodePipeline records as the decider.
        pipeline: its name.
        waiting: the approval.
        decision: `Approved` lets the execution go on, `Rejected` ends it as failed.
        reason: kept with the decision; "" says only which command it was.

    Raises:
        DeliveryError: somebody else has decided.
        botocore.exceptions.ClientError: AWS refuses.
    """
    codepipeline = session.client("codepipeline")
    try:
        codepipeline.put_approval_result(
            pipelineName=pipeline,
            stageName=waiting.stage,
            actionName=waiting.action,
            token=waiting.token,
            result={"status": decision, "summary": reason or f"{decision} with the delivery command"},
        )
    except (
        codepipeline.exceptions.ApprovalAlreadyCompletedException,
        codepipeline.exceptions.InvalidApprovalTokenException,
    ):
        raise DeliveryError(
            f"the approval of execution {waiting.execution} has been decided or has ended meanwhile; "
            f"`{PROGRAM} status` says what runs"
        ) from None


def _details(pipeline: Pipeline, execution: str, stage: str, action: str) -> str | None:
    """What an approval action says; None when the action is no approval (CodePipeline resolves the variables in
    ListActionExecutions' resolvedConfiguration only)."""
    for ran in reversed(pipeline.actions(execution)):
        if (ran["stageName"], ran["actionName"]) != (stage, action):
            continue
        if ran["input"]["actionTypeId"]["category"] != "Approval":
            return None
        configuration = ran["input"].get("resolvedConfiguration") or ran["input"].get("configuration", {})
        texts = [configuration.get(key, "") for key in ("CustomData", "ExternalEntityLink")]
        return "\n".join(text for text in texts if text)
    return ""


@dataclass(frozen=True)
class Choice:
    """What is about to be decided.

    Attributes:
        service: the service's name in the stack file.
        decision: what it is.
        waiting: what it is about.
    """

    service: str
    decision: Decision
    waiting: Pending

    def lines(self) -> list[str]:
        """What waits, and what becomes of it, for people."""
        what = f"{self.service}: execution {self.waiting.execution} waits in {self.waiting.stage}"
        return [f"{what}, and {GOES[self.decision]}", *self.waiting.details.splitlines()]


def choice(
    session: boto3.Session, stack: str, service: str, decision: Decision, reason: str, execution: str | None
) -> Choice:
    """What would be decided now.

    Raises:
        DeliveryError: nothing waits, or another execution, or the reason is too long.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    if len(reason) > MOST_CHARACTERS:
        raise DeliveryError(f"--reason has {len(reason)} characters; CodePipeline takes {MOST_CHARACTERS}")
    waiting = pending(session, stack, service)
    if execution not in (None, waiting.execution):
        raise DeliveryError(f"execution {waiting.execution} is waiting, not {execution}; nothing was decided")
    return Choice(service, decision, waiting)


reason_option = click.option("--reason", default="", metavar="TEXT", help="Kept with the decision in CodePipeline.")
execution_option = click.option("--execution", metavar="ID", help="Decide only if this execution is the one waiting.")
