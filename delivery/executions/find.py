"""The execution that something has started which was brought to a service's pipeline."""

import time
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any

import boto3

from delivery.executions.brought import Delivering
from releases.errors import PROGRAM, DeliveryError
from releases.executions import DIGEST, IMAGE, NO_IMAGE, variable
from releases.names import UPLOADED, starting_rule
from releases.pipeline import RUNNING, SECONDS_BETWEEN_LOOKS, Pipeline
from releases.progress import Progress

SECONDS_TO_START = 30.0
"""Within which an event starts its pipeline that comes at all: S3 and ECR mostly take seconds. A bucket tells
EventBridge of nothing for about five minutes after it was told to (S3, Enabling Amazon EventBridge), so that nobody is
told of a new stack's first uploads."""
TURN = "The execution waits for the one before it"
SECONDS_OF_A_TURN = 5.0
"""That an execution is at Source without a word, if nothing is in front of it."""
MINUTES_AT_SOURCE = 60
"""For how long the execution before may be at Source (CodePipeline user guide, Quotas)."""

Ours = Callable[[dict[str, Any], dict[str, Any]], bool]
"""Whether an execution is the one, by its summary and its details."""


def of_version(version: str) -> Ours:
    """The execution that takes a version of an upload, and was started for nothing else than an upload.

    One that fails before it knows its source is taken for it, too.
    """

    def ours(summary: dict[str, Any], details: dict[str, Any]) -> bool:
        if variable(details, IMAGE) not in (None, NO_IMAGE):
            return False
        revisions = [each.get("revisionId") for each in summary.get("sourceRevisions", [])]
        return version in revisions or (not revisions and summary["status"] not in (*RUNNING, "Succeeded"))

    return ours


def of_digest(digest: str) -> Ours:
    """The execution that takes a pushed image."""
    return lambda _, details: variable(details, DIGEST) == digest


def started(delivering: Delivering, before: str | None, ours: Ours) -> str | None:
    """The first execution of what was brought, which comes twice now and then; None when nothing starts.

    Args:
        delivering: what was brought.
        before: the newest execution before it was brought; None where there was none.
        ours: tells it from others.

    Raises:
        DeliveryError: an execution has waited for its turn for longer than that may take.
    """
    began = quiet = time.monotonic()
    pipeline, progress = delivering.pipeline, Progress(delivering.log)
    while True:
        now, waits = time.monotonic(), False
        for summary in reversed([*_since(pipeline, before)]):
            execution = str(summary["pipelineExecutionId"])
            if ours(summary, pipeline.execution(execution)):
                return execution
            waits = waits or (not summary.get("sourceRevisions") and summary["status"] in RUNNING)
        if waits:
            quiet = now
        if waits and now - began > SECONDS_OF_A_TURN and progress.waits(TURN) > MINUTES_AT_SOURCE * 60:
            raise DeliveryError(
                f"an execution of {pipeline.name} has waited for its turn for {MINUTES_AT_SOURCE} minutes, and goes on "
                f"to; watch it: `{PROGRAM} status {delivering.service} --stack {delivering.stack} --watch`"
            )
        if now - quiet > SECONDS_TO_START:
            return None
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _since(pipeline: Pipeline, before: str | None) -> Iterator[dict[str, Any]]:
    return takewhile(lambda each: each["pipelineExecutionId"] != before, pipeline.executions())


def check_rule(session: boto3.Session, pipeline: Pipeline) -> None:
    """Look whether an upload or a push could start a pipeline at all.

    Raises:
        DeliveryError: EventBridge does not start it.
    """
    events, rule = session.client("events"), starting_rule(pipeline.name, UPLOADED)
    try:
        state = events.describe_rule(Name=rule)["State"]
    except events.exceptions.ResourceNotFoundException:
        state = "missing"
    if state != "ENABLED":
        raise DeliveryError(f"nothing has started: EventBridge's rule {rule} is {state.lower()}; `up` makes it anew")


def check_bucket(session: boto3.Session, bucket: str) -> None:
    """Look whether a bucket tells EventBridge of its uploads.

    Raises:
        DeliveryError: it does not.
    """
    told = session.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    if "EventBridgeConfiguration" not in told:
        raise DeliveryError(f"nothing has started: the bucket {bucket} tells EventBridge of nothing; `up` has it told")
