"""This project's own events, which messages and commit statuses are made of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releases.record import UNKNOWN

SOURCE = "fargate-delivery"
"""Their source, and the namespace of the metrics."""
STARTED, PACKAGED, NOT_PACKAGED = "Release Started", "Release Packaged", "Release Not Packaged"
RELEASED, FAILED = "Service Released", "Release Failed"
JOB_FAILED, JOB_SKIPPED = "Job Failed", "Job Skipped"
"""Their detail types. The first is published before a build or a copy and as soon as a commit is known, the second when
there is an image to deploy, and the third when a build has failed, with the reason. Release publishes the fourth; its
detail is the release record with the pipeline's name. The fifth is published by what looks why an execution has ended,
the last two by what runs a service's jobs."""

SUCCEEDED_JOBS, FAILED_JOBS, SKIPPED_JOBS = "SucceededJobs", "FailedJobs", "SkippedJobs"
"""The metrics that count runs of jobs, with the dimension `PipelineName`; what is tried again does not count."""


@dataclass(frozen=True)
class Commit:
    """The commit that a release is made of.

    Attributes:
        hash: whole, or `unknown`.
        repository: where it is, such as `team/web`, or `unknown`.
    """

    hash: str = UNKNOWN
    repository: str = UNKNOWN

    @property
    def known(self) -> bool:
        """Whether somebody named it."""
        return self.hash != UNKNOWN

    def event_fields(self) -> dict[str, str]:
        """What this project's events say of it. GitHub's API takes a repository's owner and name apart."""
        owner, _, name = self.repository.partition("/")
        return {"commit": self.hash, "repository": self.repository, "owner": owner, "name": name or owner}


def publish(
    session: Any, detail_type: str, pipeline: str, execution: str, commit: Commit, detail: Mapping[str, Any]
) -> None:
    """Publish an event of an execution.

    Args:
        session: AWS.
        detail_type: one of those above.
        pipeline: the pipeline's name.
        execution: the pipeline's execution.
        commit: what is, or was to be, released.
        detail: further fields of the event's detail.

    Raises:
        RuntimeError: EventBridge does not take the event.
        botocore.exceptions.ClientError: AWS refuses.
    """
    put(session, detail_type, {"pipeline": pipeline, "execution-id": execution, **commit.event_fields(), **detail})


def put(session: Any, detail_type: str, detail: Mapping[str, Any]) -> None:
    """Publish an event.

    Args:
        session: AWS.
        detail_type: one of those above.
        detail: the event's detail.

    Raises:
        RuntimeError: EventBridge does not take the event.
        botocore.exceptions.ClientError: AWS refuses.
    """
    entry = {"Source": SOURCE, "DetailType": detail_type, "Detail": json.dumps(detail)}
    answer = session.client("events").put_events(Entries=[entry])
    if answer.get("FailedEntryCount"):
        raise RuntimeError(f"EventBridge did not take the event: {answer['Entries'][0]}")
