"""What a service's containers have logged, those of tasks that have stopped too."""

import heapq
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from releases.ecs import describe_revision, log_stream, tasks_of
from releases.errors import DeliveryError
from releases.names import aws_name, log_group
from releases.record import Release
from releases.service_state import ServiceState

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DIGITS_OF_A_TASK = 8
"""Of a task's id, that tell it from the others."""
MOST_STREAMS = 100
"""That one call searches by name (CloudWatch Logs, FilterLogEvents: logStreamNames)."""
PAUSE = 2.0
"""Seconds between two looks."""
LATE = timedelta(seconds=30)
"""So much later than it was written an event may be found (CloudWatch Logs ingests by its own clock)."""


@dataclass(frozen=True)
class Line:
    """A line of a log.

    Attributes:
        time: when it was written, in UTC.
        task: the id of the task.
        container: its name.
        message: what was written.
    """

    time: str
    task: str
    container: str
    message: str

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "Line":
        """An event of FilterLogEvents; its stream is `prefix/container/task` (ECS, using the awslogs log driver)."""
        _, container, task = f"//{event['logStreamName']}".rsplit("/", 2)
        written = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
        return cls(written.isoformat(timespec="milliseconds"), task, container, event["message"].rstrip("\n"))

    def text(self) -> str:
        """For people: the time, which task and container, and the message."""
        return f"{self.time[11:19]} {self.task[:DIGITS_OF_A_TASK]} {self.container} | {self.message}"


def duration(text: str) -> timedelta:
    """How long `10m` is, or `30s`, `2h`, `1d`.

    Raises:
        ValueError: it is no such thing.
    """
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None:
        raise ValueError(f"{text!r} is no duration; write 30s, 10m, 2h or 1d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def streams_of(session: boto3.Session, state: ServiceState, release: Release) -> dict[str, list[str]]:
    """Log group → the streams of a release's tasks, as far as ECS knows them: it forgets a stopped one after an hour.

    A container that has written nothing has no stream, and FilterLogEvents takes none that is not there.

    Raises:
        DeliveryError: it knows no task, or none of them has written anything.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    ecs, revision = session.client("ecs"), release.task_definition
    tasks = [
        str(task["taskArn"])
        for task in tasks_of(ecs, state.cluster, state.name)
        if task["taskDefinitionArn"] == revision
    ]
    if not tasks:
        raise DeliveryError(
            f"ECS knows no task of release {release.release} any more, an hour after it has stopped; --since shows "
            f"what all tasks have said, from {release.time} on that one's"
        )
    containers = describe_revision(ecs, revision)["containerDefinitions"]
    places = [log_stream(container, task) for task in tasks for container in containers]
    found, gone, logs = dict[str, list[str]](), set[str](), session.client("logs")
    for group, stream in (place for place in places if place is not None):
        if group in gone or len(found.get(group, [])) == MOST_STREAMS:
            continue
        try:
            listed = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]
        except logs.exceptions.ResourceNotFoundException:
            gone.add(group)
            continue
        if stream in [each["logStreamName"] for each in listed]:
            found.setdefault(group, []).append(stream)
    if not found:
        raise DeliveryError(
            no_log(min(gone))
            if gone
            else f"the tasks of release {release.release} have written nothing to CloudWatch Logs yet"
        )
    return found


def no_log(group: str) -> str:
    """What is said of a log group that is not there."""
    return f"there is no log {group}; check --stack and the service's name"


@dataclass(frozen=True)
class Search:
    """What of a service's log is looked for.

    Attributes:
        logs: a client of CloudWatch Logs.
        name: the service's name in AWS.
        container: only this one's; None for all.
        streams: log group → only these streams of it; none for all that the service's own group has.
    """

    logs: Any
    name: str
    container: str | None = None
    streams: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def since(self, moment: datetime) -> Iterator[Line]:
        """What was written since then, the oldest first; as it is found, a page after the other.

        Raises:
            DeliveryError: the service has no log.
            botocore.exceptions.ClientError: AWS refuses to tell.
        """
        return (line for _, line in self._lines(moment) if self.container in (None, line.container))

    def _lines(self, moment: datetime) -> Iterator[tuple[str, Line]]:
        """What all containers have written, by an id of its own."""
        groups = self.streams or {log_group(self.name): []}
        found = [self._events(group, streams, moment) for group, streams in groups.items()]
        for event in heapq.merge(*found, key=lambda event: event["timestamp"]):
            yield event["eventId"], Line.parse(event)

    def _events(self, group: str, streams: Sequence[str], moment: datetime) -> Iterator[dict[str, Any]]:
        only = {"logStreamNames": list(streams)} if streams else {}
        pages = self.logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(moment.timestamp() * 1000), **only
        )
        try:
            for page in pages:
                yield from sorted(page["events"], key=lambda event: event["timestamp"])
        except self.logs.exceptions.ResourceNotFoundException:
            raise DeliveryError(no_log(group)) from None

    def follow(self, moment: datetime, show: Callable[[Line], None]) -> None:
        """Show what is written, from then on, until the process is interrupted."""
        seen: dict[str, Line] = {}
        while True:
            for event, line in self._lines(moment):
                if event not in seen:
                    seen[event] = line
                    if self.container in (None, line.container):
                        show(line)
            if seen:
                newest = max(datetime.fromisoformat(line.time) for line in seen.values())
                moment = max(moment, newest - LATE)
                seen = {event: line for event, line in seen.items() if datetime.fromisoformat(line.time) >= moment}
            time.sleep(PAUSE)


def search(
    session: boto3.Session,
    stack: str,
    service: str,
    container: str | None = None,
    streams: Mapping[str, Sequence[str]] | None = None,
) -> Search:
    """What of a service's log is looked for."""
    return Search(session.client("logs"), aws_name(stack, service), container, streams or {})
