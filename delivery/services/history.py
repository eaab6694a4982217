"""The releases of a service, by its record, and what CodePipeline and ECR know beside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import boto3
from botocore.exceptions import ClientError

from releases.history import History, read_history
from releases.names import record_name
from releases.pipeline import Pipeline
from releases.record import Release

LONGEST = timedelta(days=30)
"""More than an execution takes until it releases: an approval waits 7 days at most (CodePipeline, quotas), a pause of a
deployment 14 (ECS, DeploymentLifecycleHookTimeoutConfiguration)."""


@dataclass(frozen=True)
class Entry(Release):
    """A release in the history.

    Attributes:
        live: whether it is the one that is live; of several of one image the newest is.
        seconds: from the start of its execution to the end, with what it waited for; None where CodePipeline has
            forgotten it.
        back_to: an earlier release of the same image and source, where another was released between them: a rollback,
            or a push of that image again; None for any other release, as of an upload that has built the same image.
    """

    live: bool = False
    seconds: int | None = None
    back_to: int | None = None


def service_history(session: boto3.Session, stack: str, service: str) -> History:
    """Read the releases of a service; empty when there is no record.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    try:
        return read_history(session, record_name(stack, service))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        return History([])


def numbers(history: History) -> str:
    """The releases' numbers, for a message."""
    return ", ".join(dict.fromkeys(str(release.release) for release in history.releases)) or "none"


def entries(history: History, live: str | None, took: Mapping[str, int]) -> list[Entry]:
    """The releases, newest first, with what is known beside the record.

    Args:
        history: the releases.
        live: the digest that is live; of its releases the newest is.
        took: execution → seconds.
    """
    newest = history.with_digest(live) if live else None
    return [
        Entry(
            **each.document(),
            live=each is newest,
            seconds=took.get(each.execution),
            back_to=_back_to(each, history.releases[place + 1 :]),
        )
        for place, each in enumerate(history.releases)
    ]


def _back_to(release: Release, before: Sequence[Release]) -> int | None:
    """The last release before that it repeats, where it is not the one right before."""
    same = next(filter(release.repeats, before), None)
    return same.release if same is not None and same is not before[0] else None


def seconds_of(pipeline: Pipeline, releases: Iterable[Release]) -> dict[str, int]:
    """How long the executions of releases took, from their start to their end.

    Those are left out that CodePipeline has forgotten, and those that it never had, of a release without the pipeline:
    no execution is looked at that began too long before the oldest release that is missing.
    """
    left, took = {each.execution: datetime.fromisoformat(each.time) for each in releases}, dict[str, int]()
    try:
        for each in pipeline.executions():
            if left.pop(execution := each["pipelineExecutionId"], None):
                took[execution] = round((each["lastUpdateTime"] - each["startTime"]).total_seconds())
            if not left or each["startTime"] < min(left.values()) - LONGEST:
                break
    except ClientError as error:
        if error.response["Error"]["Code"] != "PipelineNotFoundException":
            raise
    return took
