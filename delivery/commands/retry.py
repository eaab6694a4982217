"""Going on with a release whose build CodeBuild refused to start, because the account has no room for another one.

CodePipeline can retry a stage by itself, but once, at once, and after any failure (CodePipeline, configure a stage for
automatic retry): that would deploy a version twice that has failed, and come too early for a quota.
"""

import time
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import boto3
import click

from delivery.command_line import service_command
from releases.errors import DeliveryError
from releases.names import aws_name
from releases.pipeline import Pipeline
from releases.progress import Log

REFUSED = ("AccountLimitExceededException", "builds in queue for the account")
"""What CodePipeline says of an action whose build was refused for a quota, one of these at least."""
PAUSES = (15, 30, 60)
"""Seconds before the second try and those after it; the last one again and again."""


def retry(session: boto3.Session, stack: str, service: str, log_progress: Log, *, minutes: int) -> None:
    """Try the newest execution's stage again until its builds are taken, and follow the execution to its end.

    Raises:
        DeliveryError: the execution has not failed, or for another reason, or then fails for one; or CodeBuild has
            not taken one of its builds for so many minutes.
        botocore.exceptions.ClientError: AWS refuses.
    """
    pipeline = Pipeline(session, aws_name(stack, service))
    newest = pipeline.newest()
    if newest is None:
        raise DeliveryError(f"the pipeline {pipeline.name} never ran; upload a source first")
    execution, status = newest
    if status != "Failed":
        raise DeliveryError(f"the newest execution, {execution}, is {status}; only a failed one is tried again")
    refused = refused_build(pipeline.actions(execution))
    if refused is None:
        raise DeliveryError(
            f"execution {execution} {pipeline.failure_reason(execution)}; no build was refused for a quota, so it "
            "would fail again: mend the reason and upload once more"
        )
    deadline, pauses = _patience(minutes)
    while True:
        pipeline.retry(execution, refused[0])
        try:
            pipeline.follow(execution, log_progress)
        except DeliveryError:
            before, refused = refused, refused_build(pipeline.actions(execution))
            if refused is None:
                raise
            if refused != before:  # that one's build was taken
                deadline, pauses = _patience(minutes)
        else:
            return
        pause = next(pauses)
        if time.monotonic() + pause > deadline:
            raise DeliveryError(
                f"CodeBuild has taken no build for {minutes} minutes; `make bootstrap` says which quota to raise"
            )
        log_progress(f"CodeBuild has no room for another build; trying again in {pause} s.")
        time.sleep(pause)


def _patience(minutes: int) -> tuple[float, Iterator[int]]:
    """When to give up on a build that is not taken, and the pauses until then."""
    return time.monotonic() + minutes * 60, chain(PAUSES, repeat(PAUSES[-1]))


def refused_build(actions: list[dict[str, Any]]) -> tuple[str, str] | None:
    """The stage and the action whose build was refused for a quota, if that is what the execution ended with.

    Args:
        actions: the execution's, the oldest first.
    """
    if not actions or actions[-1]["status"] != "Failed":
        return None
    result = actions[-1].get("output", {}).get("executionResult", {})
    reason = f"{result.get('errorDetails', {}).get('message', '')} {result.get('externalExecutionSummary', '')}"
    last = str(actions[-1]["stageName"]), str(actions[-1]["actionName"])
    return last if any(words in reason for words in REFUSED) else None


@service_command("retry")
@click.option("--minutes", type=click.IntRange(0, 24 * 60), default=60, show_default=True, help="How long to try.")
def command(session: boto3.Session, service: str, stack: str, minutes: int) -> None:
    """Go on with a release of SERVICE whose build CodeBuild refused, because a quota allowed no other one.

    Example: delivery retry chuoi --stack dev
    """
    retry(session, stack, service, click.echo, minutes=minutes)
