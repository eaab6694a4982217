"""The manual approval that a service's pipeline waits for."""

from dataclasses import dataclass
from typing import Literal

import boto3
import click

from delivery.command_line import service_command
from releases.errors import PROGRAM, DeliveryError
from releases.names import aws_name
from releases.pipeline import Pipeline

Decision = Literal["Approved", "Rejected"]
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
        DeliveryError: the reason is too long, or somebody else has decided.
        botocore.exceptions.ClientError: AWS refuses.
    """
    if len(reason) > MOST_CHARACTERS:
        raise DeliveryError(f"--reason has {len(reason)} characters; CodePipeline takes {MOST_CHARACTERS}")
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


def decision_command(name: str, decision: Decision, help_text: str) -> click.Command:
    """The command that decides so about what a service's pipeline waits for."""

    @service_command(name, help=help_text)
    @click.option("--reason", default="", metavar="TEXT", help="Kept with the decision in CodePipeline.")
    @click.option("--execution", metavar="ID", help="Decide only if this execution is the one waiting.")
    def command(session: boto3.Session, service: str, stack: str, reason: str, execution: str | None) -> None:
        waiting = pending(session, stack, service)
        click.echo(f"Execution {waiting.execution} waits in {waiting.stage}.")
        if waiting.details:
            click.echo(waiting.details)
        if execution not in (None, waiting.execution):
            raise DeliveryError(f"execution {waiting.execution} is waiting, not {execution}; nothing was decided")
        decide(session, aws_name(stack, service), waiting, decision, reason)
        click.echo(f"{decision}.")

    return command
