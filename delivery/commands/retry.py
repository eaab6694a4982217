"""Going on with a release whose build CodeBuild refused to start, because the account has no room for another one.

CodePipeline can retry a stage by itself, but once, at once, and after any failure (CodePipeline, configure a stage for
automatic retry): that would deploy a version twice that has failed, and come too early for a quota.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from typing import Any

import boto3
import click

from delivery.command_line import service_command, wait_option
from delivery.executions.following import follow
from delivery.output.confirmation import agreed, yes_option
from releases.errors import DeliveryError
from releases.names import aws_name
from releases.pipeline import Pipeline
from releases.progress import Log

REFUSED = ("AccountLimitExceededException", "builds in queue for the account")
"""What CodePipeline says of an action whose build was refused for a quota, one of these at least."""
PAUSES = (15, 30, 60)
"""Seconds before the second try and those after it; the last one again and again."""


@dataclass(frozen=True)
class Plan:
    """A release that can go on.

    Attributes:
        stack: the stack.
        service: the service's name in the stack file.
        execution: the pipeline's.
        refused: the stage and the action whose build was refused.
    """

    stack: str
    service: str
    execution: str
    refused: tuple[str, str]

    def lines(self) -> list[str]:
        """What will happen, for people."""
        return [
            f"{self.service}: execution {self.execution} goes on with {' / '.join(self.refused)}, whose build "
            "CodeBuild had no room for, and releases what it was started for"
        ]


def plan(session: boto3.Session, stack: str, service: str) -> Plan:
    """Find the newest execution, whose build was refused.

    Raises:
        DeliveryError: it has not failed, or for another reason.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    pipeline = Pipeline(session, aws_name(stack, service))
    newest = pipeline.newest()
    if newest is None:
        raise DeliveryError(f"the pipeline {pipeline.name} never ran; upload a source first")
    execution, status = newest
    if status != "Failed":
        raise DeliveryError(f"the newest execution, {execution}, is {status}; only a failed one can be retried")
    refused = refused_build(pipeline.actions(execution))
    if refused is None:
        raise DeliveryError(
            f"execution {execution} {pipeline.failure_reason(execution)}; no build was refused for a quota, so it "
            "would fail again: fix the cause and upload again"
        )
    return Plan(stack, service, execution, refused)


def retry(session: boto3.Session, chosen: Plan, log_progress: Log, *, minutes: int, wait: bool) -> None:
    """Try the stage again until its builds are taken, and follow the execution to its end; or once, when not asked to.

    Raises:
        DeliveryError: it fails for another reason, or CodeBuild has not taken one of its builds for so many minutes.
        KeyboardInterrupt: somebody does not want to follow it any more, and was told how to go on.
        botocore.exceptions.ClientError: AWS refuses.
    """
    pipeline, execution = Pipeline(session, aws_name(chosen.stack, chosen.service)), chosen.execution
    refused = chosen.refused
    deadline, pauses = _patience(minutes)
    while True:
        pipeline.retry(execution, refused[0])
        try:
            follow(session, chosen.stack, chosen.service, execution, log_progress, wait=wait)
            return
        except DeliveryError:
            again = refused_build(pipeline.actions(execution))
            if again is None:
                raise
            if again != refused:  # that one's build was taken
                deadline, pauses = _patience(minutes)
            refused = again
        pause = next(pauses)
        if time.monotonic() + pause > deadline:
            raise DeliveryError(
                f"CodeBuild has accepted no build for {minutes} minutes; `make bootstrap` says which quota to raise"
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
@yes_option
@wait_option
def command(session: boto3.Session, service: str, stack: str, minutes: int, yes: bool, wait: bool) -> None:
    """Continue a release of SERVICE whose build CodeBuild refused for a quota.

    With --no-wait it tries once.

    Example: delivery retry chuoi --stack dev
    """
    chosen = agreed(partial(plan, session, stack, service), "Try it again?", yes=yes)
    retry(session, chosen, click.echo, minutes=minutes, wait=wait)
