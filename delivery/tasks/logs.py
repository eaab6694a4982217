"""What a service's containers have logged, those of tasks that have stopped too."""

import heapq
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
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
LOOKS = 10
"""Before the last of so many looks the streams of tasks that have started meanwhile are found."""
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
        raise ValueError(f"{text!r} is not a duration; write 30s, 10m, 2h or 1d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


Streams = Mapping[str, Sequence[str]]
"""Log group → streams of it."""


def streams_of(session: boto3.Session, state: ServiceState, release: Release) -> Streams:
    """The streams of a release's tasks, as far as ECS knows them: it forgets a stopped one after an hour.

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
            f"ECS no longer knows a task of release {release.release}, because it forgets tasks an hour after they "
            f"have stopped; use --since for the logs of all tasks: this release's begin at {release.time}"
        )
    whose = f"the tasks of release {release.release} have"
    return _streams(session, describe_revision(ecs, revision), tasks, whose)


def streams_of_task(session: boto3.Session, definition: Mapping[str, Any], task: str) -> Streams:
    """The streams of a task, whether ECS knows it still or not.

    Args:
        session: AWS.
        definition: its task definition, or another one with the same containers.
        task: its id, or the beginning of it.

    Raises:
        DeliveryError: it has written nothing, or there is no such task.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    return _streams(session, definition, [task], f"task {task} has", beginnings=True)


def _streams(
    session: boto3.Session, definition: Mapping[str, Any], tasks: Sequence[str], whose: str, *, beginnings: bool = False
) -> Streams:
    """Those of tasks, by their ARNs, or by beginnings of their ids, that are there: a container that has written
    nothing has none, and FilterLogEvents takes none that is not there.
    """
    places = [log_stream(container, task) for task in tasks for container in definition["containerDefinitions"]]
    found, gone, logs = dict[str, list[str]](), set[str](), session.client("logs")
    for group, stream in (place for place in places if place is not None):
        if group in gone or len(found.get(group, [])) == MOST_STREAMS:
            continue
        try:
            listed = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]
        except logs.exceptions.ResourceNotFoundException:
            gone.add(group)
            continue
        names = [str(each["logStreamName"]) for each in listed]
        if wanted := [name for name in names if beginnings or name == stream]:
            found[group] = [*found.get(group, []), *wanted][:MOST_STREAMS]
    if not found:
        raise DeliveryError(no_log(min(gone)) if gone else f"{whose} written nothing to CloudWatch Logs yet")
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
    streams: Streams = field(default_factory=dict)

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

    def follow(
        self, moment: datetime, show: Callable[[Line], None], streams: Callable[[], Streams] | None = None
    ) -> None:
        """Show what is written, from then on, until the process is interrupted.

        Args:
            moment: the first.
            show: takes a line.
            streams: finds the streams anew, as tasks start; None where there are no others to come.
        """
        seen: dict[str, Line] = {}
        search, looks = self, 0
        while True:
            if streams is not None and looks % LOOKS == LOOKS - 1:
                with suppress(DeliveryError):  # those that are known go on
                    search = replace(self, streams=streams())
            for event, line in search._lines(moment):
                if event not in seen:
                    seen[event] = line
                    if self.container in (None, line.container):
                        show(line)
            if seen:
                newest = max(datetime.fromisoformat(line.time) for line in seen.values())
                moment = max(moment, newest - LATE)
                seen = {event: line for event, line in seen.items() if datetime.fromisoformat(line.time) >= moment}
            looks += 1
            time.sleep(PAUSE)


def search(
    session: boto3.Session,
    stack: str,
    service: str,
    container: str | None = None,
    streams: Streams | None = None,
) -> Search:
    """What of a service's log is looked for."""
    return Search(session.client("logs"), aws_name(stack, service), container, streams or {})
