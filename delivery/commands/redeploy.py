"""Deploying an image that is there, through the pipeline and without a build."""

import boto3
import click

from delivery.command_line import service_command, wait_option
from delivery.following import follow
from delivery.freeze import words
from releases.errors import PROGRAM, DeliveryError
from releases.names import LIVE, aws_name
from releases.pipeline import Pipeline
from releases.pipeline_state import read_pipeline_state
from releases.progress import Log
from releases.repository import Repository
from releases.service_state import read_state


def redeploy(session: boto3.Session, stack: str, service: str, log_progress: Log, *, wait: bool) -> None:
    """Deploy the image that is live once more: with the newest template, where CodeDeploy deploys.

    While something else is on its way, the image that is live now would undo what comes before its turn.

    Raises:
        DeliveryError: nothing was released yet, something is on its way, or the execution did not succeed.
        botocore.exceptions.ClientError: AWS refuses.
    """
    read_state(session, stack, service).refuse_in_flight(stack)
    if waiting := Pipeline(session, aws_name(stack, service)).running():
        raise DeliveryError(
            f"execution {waiting[0]} of the pipeline is not over, and may make another image live; wait for its end, "
            f"or decide about it with `{PROGRAM} approve` or `reject`, then run this again"
        )
    live = Repository(session, aws_name(stack, service)).digest(LIVE)
    if live is None:
        raise DeliveryError(f"no image of {service} is live yet, so there is nothing to deploy; upload a source first")
    deploy(session, stack, service, live, log_progress, wait=wait)


def deploy(
    session: boto3.Session,
    stack: str,
    service: str,
    digest: str,
    log_progress: Log,
    *,
    wait: bool,
    without_migration: bool = False,
) -> None:
    """Start the pipeline with an image, and follow it when asked.

    Raises:
        DeliveryError: the execution did not succeed; or it is to be followed, and its releases are frozen; or the
            migration is to be left out, and the pipeline has no variable for that yet.
    """
    pipeline = Pipeline(session, aws_name(stack, service))
    skips = without_migration and pipeline.migrates
    if skips and not pipeline.may_skip_migration:
        raise DeliveryError(
            f"the pipeline {pipeline.name} was made by a program that could leave no migration out; `up` gives it the "
            "variable for that"
        )
    execution = pipeline.start(digest, without_migration=skips)
    log_progress(f"Started execution {execution} of {pipeline.name}.")
    if why := words(stack, service, read_pipeline_state(session.client("codepipeline"), pipeline.name)):
        if wait:
            raise DeliveryError(f"execution {execution} of {pipeline.name} waits, and this does not: {why}")
        log_progress(f"It waits: {why}.")
    elif wait:
        follow(session, stack, service, pipeline, execution, log_progress)
        return
    log_progress(
        f"Watch it: `aws codepipeline list-action-executions --pipeline-name {pipeline.name} --filter "
        f"pipelineExecutionId={execution} --query 'actionExecutionDetails[].[stageName,actionName,status]' "
        f"--output table`, or `{PROGRAM} status {service} --stack {stack}`"
    )


@service_command("redeploy")
@wait_option
def command(session: boto3.Session, service: str, stack: str, wait: bool) -> None:
    """Deploy the live image of SERVICE once more, without a build.

    Where CodeDeploy deploys, it takes the newest template: so an edit is tried again that has failed.

    Example: delivery redeploy chuoi --stack dev --wait
    """
    redeploy(session, stack, service, click.echo, wait=wait)
