"""What has started an execution that takes its source, and whether another one has had the same start.

Events come twice, and late (EventBridge delivers at least once).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3

from releases.executions import NO_IMAGE, NO_PUSH, NO_SOURCE, PUSHED, variable, was_given
from releases.history import History
from releases.pipeline import Pipeline


@dataclass(frozen=True)
class Start:
    """A start.

    Attributes:
        source: the version of the upload, or the digest of the pushed image; NO_SOURCE of neither.
        pushed: when that image was pushed, as the event has it; NO_PUSH of an upload, or when somebody starts it.
    """

    source: str
    pushed: str = NO_PUSH


def started_with(execution: Mapping[str, Any]) -> Start | None:
    """What an execution was started with, as GetPipelineExecution tells it; None when it takes no source."""
    revisions = execution.get("artifactRevisions", [])
    if not revisions or not was_given(execution, NO_IMAGE):
        return None
    return Start(str(revisions[0]["revisionId"]), variable(execution, PUSHED) or NO_PUSH)


def earlier(session: boto3.Session, pipeline: str, execution: str) -> list[Start]:
    """What the executions take that were started before this one and are not over, the newest first."""
    listed = session.client("codepipeline").list_pipeline_executions(pipelineName=pipeline)
    under_way = [
        str(each["pipelineExecutionId"])
        for each in listed["pipelineExecutionSummaries"]
        if each["status"] == "InProgress"
    ]
    before = under_way[under_way.index(execution) + 1 :] if execution in under_way else []
    starts = [started_with(Pipeline(session, pipeline).execution(each)) for each in before]
    return [start for start in starts if start]


def had_before(
    start: Start, history: History, earlier: Sequence[Start], start_of: Callable[[str], Start | None]
) -> str:
    """Why nothing is to be done for a start, in words; "" when something is.

    A version is uploaded once. An image that was released may be pushed again, after another one, and is released
    again; so there the start is the same only if it is of the same moment.

    Args:
        start: this execution's.
        history: the releases.
        earlier: the starts of executions that are not over, the newest first.
        start_of: asks for what an execution was started with.
    """
    if start.source == NO_SOURCE:
        return "No image was promoted"
    releases = [release for release in history.releases if release.source_version == start.source]
    if start.pushed == NO_PUSH:
        if releases:
            return f"Source {start.source} has been released already"
        is_coming = start.source in [each.source for each in earlier]
        return f"Source {start.source} is on its way in an earlier execution" if is_coming else ""
    if earlier[:1] and earlier[0].source == start.source:
        return f"Image {start.source} is on its way in an earlier execution"
    if not earlier and history.last in releases[:1]:
        return f"Image {start.source} is live"
    if start in earlier:
        return f"This push of {start.source} is on its way in an earlier execution"
    if any(start_of(release.execution) == start for release in releases):
        return f"This push of {start.source} has been released already"
    return ""
