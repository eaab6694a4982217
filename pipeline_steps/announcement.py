"""Who listens is told of a release from its start, and it is counted. A release goes on whether or not this works."""

import time
from collections.abc import Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from releases.events import RELEASED, SOURCE, Commit, publish
from releases.record import SCHEMA, Release


def announce_progress(
    session: boto3.Session, detail_type: str, pipeline: str, execution: str, commit: Commit, **more: str
) -> bool:
    """Publish an event of Build or Package, with `more` in its detail; whether EventBridge has it."""
    try:
        publish(session, detail_type, pipeline, execution, commit, {"summary": "", **more})
    except (BotoCoreError, ClientError, RuntimeError) as error:
        print(f"{detail_type} was not announced: {error}")
        return False
    return True


def announce(session: boto3.Session, pipeline: str, release: Release, uploaded: int, changed: Sequence[str]) -> None:
    """Publish the event that the messages to Slack and the commit's status are made of.

    Args:
        session: AWS.
        pipeline: the pipeline's name.
        release: the release.
        uploaded: when its source was uploaded, in seconds since 1970; 0 without an upload.
        changed: what its sidecars run now instead of before.
    """
    took = f"{duration(int(time.time()) - uploaded)} after its upload" if uploaded else "without a new source"
    detail: dict[str, Any] = {
        "took": f"{took}, its migration left out" if release.without_migration else took,
        "changed": "".join(f". Sidecar changed: {change}" for change in changed),
        "schema": SCHEMA,
        **release.document(),
    }
    try:
        publish(session, RELEASED, pipeline, release.execution, Commit(release.commit, release.repository), detail)
    except Exception as error:
        print(f"The release was not announced: {error}")


def measure(session: boto3.Session, pipeline: str, uploaded: int, now: float, began: float) -> None:
    """Count the release, and measure how long its deployment took, and how long it took from its upload if it had one.

    Args:
        session: AWS.
        pipeline: the pipeline's name.
        uploaded: in seconds since 1970; 0 without an upload.
        now: in seconds since 1970.
        began: when the deployment began, in seconds since 1970.
    """
    metrics = [("Releases", "Count", 1.0), ("DeploymentDuration", "Seconds", now - began)]
    if uploaded:
        metrics.append(("LeadTime", "Seconds", now - uploaded))
    dimensions = [{"Name": "PipelineName", "Value": pipeline}]
    data = [
        {"MetricName": name, "Unit": unit, "Value": value, "Dimensions": dimensions} for name, unit, value in metrics
    ]
    try:
        session.client("cloudwatch").put_metric_data(Namespace=SOURCE, MetricData=data)
    except Exception as error:
        print(f"The release was not measured: {error}")


def duration(seconds: int) -> str:
    """For people: `1 h 2 min 3 s`."""
    hours, minutes = divmod(seconds // 60, 60)
    parts = [(hours, "h", hours > 0), (minutes, "min", seconds >= 60), (seconds % 60, "s", True)]
    return " ".join(f"{number} {unit}" for number, unit, shown in parts if shown)
