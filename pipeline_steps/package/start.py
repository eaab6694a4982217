"""What has started an execution that takes its source, and whether another one has had the same start.

Events come twice, late, and in another order (EventBridge delivers at least once, and tries for a day).
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3

from pipeline_steps.job import StepError
from releases.executions import DIGEST, NO_IMAGE, NO_PUSH, NO_SOURCE, PUSHED, variable, was_given
from releases.history import History, read_history
from releases.pipeline import Pipeline

IMAGE_SOURCE = "sha256:"
"""How the source of a pushed image begins, and no version of an upload."""


@dataclass(frozen=True)
class Start:
    """A start.

    Attributes:
        source: the version of the upload, or the digest of the pushed image; NO_SOURCE of neither.
        pushed: when that image was pushed, as the event has it, so that texts compare as moments; NO_PUSH of an upload,
            or when somebody starts it.
    """

    source: str
    pushed: str = NO_PUSH


StartOf = Callable[[str], Start | None]
"""Asks for what an execution was started with; None when it took no source, or is forgotten."""


def started_with(execution: Mapping[str, Any]) -> Start | None:
    """What an execution was started with, as GetPipelineExecution tells it; None when it takes no source.

    A pushed image is named by a variable; until December 2026 it was the source's revision.
    """
    revisions = execution.get("artifactRevisions", [])
    if not revisions or not was_given(execution, NO_IMAGE):
        return None
    return Start(variable(execution, DIGEST) or str(revisions[0]["revisionId"]), variable(execution, PUSHED) or NO_PUSH)


def nothing_to_do(session: boto3.Session, pipeline: str, execution: str, record: str, start: Start) -> str:
    """Why an execution has nothing to do, in words; "" when it has.

    Args:
        session: AWS.
        pipeline: the pipeline's name.
        execution: its execution, which takes its source.
        record: the release record's Parameter Store name.
        start: what the execution was started with.

    Raises:
        StepError: the newest release cannot be read.
    """
    # Executions are asked for before the record is read: one that ends in between is in the record.
    before = earlier(session, pipeline, execution)
    return had_before(start, readable_history(session, record), before, functools.cache(_asking(session, pipeline)))


def readable_history(session: boto3.Session, record: str) -> History:
    """The releases of a record.

    Raises:
        StepError: the newest one is none that this program reads.
    """
    history = read_history(session, record)
    if history.newest in history.unreadable:
        raise StepError(f"Version {history.newest} of {record} is no release record that this program reads.")
    return history


def _asking(session: boto3.Session, name: str) -> StartOf:
    pipeline = Pipeline(session, name)

    def ask(execution: str) -> Start | None:
        try:
            return started_with(pipeline.execution(execution))
        except session.client("codepipeline").exceptions.PipelineExecutionNotFoundException:
            return None  # CodePipeline forgets executions after a year

    return ask


def earlier(session: boto3.Session, pipeline: str, execution: str) -> list[Start | None]:
    """What the executions take that were started before this one and are not over, the newest first.

    One that takes no source is None: an edit, or a rollback, which makes another image live.
    """
    listed = session.client("codepipeline").list_pipeline_executions(pipelineName=pipeline)
    under_way = [
        str(each["pipelineExecutionId"])
        for each in listed["pipelineExecutionSummaries"]
        if each["status"] == "InProgress"
    ]
    before = under_way[under_way.index(execution) + 1 :] if execution in under_way else []
    return [started_with(Pipeline(session, pipeline).execution(each)) for each in before]


def had_before(start: Start, history: History, earlier: Sequence[Start | None], start_of: StartOf) -> str:
    """Why nothing is to be done for a start, in words; "" when something is.

    A version is uploaded once. An image that was released may be pushed again, after another one, and is released
    again; so there the start is the same only if it is of the same moment.

    Args:
        start: this execution's.
        history: the releases.
        earlier: the starts of executions that are not over, the newest first.
        start_of: asks for another execution's.
    """
    source = start.source
    if source == NO_SOURCE:
        return "No image was pushed or promoted"
    if not source.startswith(IMAGE_SOURCE):
        if history.with_source(source):
            return f"Source {source} has been released already"
        is_coming = start in earlier
        return f"Source {source} is on its way in an earlier execution" if is_coming else ""
    if not earlier and history.last is not None and source in (history.last.image_digest, history.last.source_version):
        return f"Image {source} is live"
    if start.pushed == NO_PUSH:
        return ""
    newest = earlier[0] if earlier else None
    if newest and newest.source == source and not had_before(newest, history, earlier[1:], start_of):
        return f"Image {source} is on its way in an earlier execution"
    if start in earlier or start in _released(source, history, start_of):
        return f"This push of {source} has been released already, or is on its way"
    if any(each.pushed > start.pushed for each in _pushes(history, earlier, start_of)):
        return f"After this push of {source} a later one has been taken"
    return ""


def _released(source: str, history: History, start_of: StartOf) -> Iterator[Start | None]:
    """The starts that have released a source."""
    return (start_of(release.execution) for release in history.releases if release.source_version == source)


def _pushes(history: History, earlier: Sequence[Start | None], start_of: StartOf) -> Iterator[Start]:
    """The pushes that are on their way, and the newest one that was released."""
    yield from (each for each in earlier if each and each.pushed != NO_PUSH)
    starts = (start_of(release.execution) for release in history.releases)
    yield from [next((each for each in starts if each and each.pushed != NO_PUSH), Start(NO_SOURCE, ""))]
