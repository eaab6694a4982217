"""The logs of the builds of an execution, line by line as they come, without the scripts of their buildspecs."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import boto3

from releases.failure import CODEBUILD_LINE
from releases.progress import Log

SCRIPT = re.compile(r"\[Container\] .* Running command .*<<-?\s*'?(?P<end>\w+)'?\s*$")
"""How CodeBuild logs a command that writes a script: the whole of it follows, line by line."""


class BuildLogs:
    """What an execution's builds have logged since the last look.

    Args:
        session: AWS.
        show: takes a line.
    """

    def __init__(self, session: boto3.Session, show: Log) -> None:
        self._session, self._show = session, show
        self._positions: dict[str, str] = {}
        self._folding: dict[str, Folding] = {}

    def look(self, actions: Iterable[dict[str, Any]]) -> None:
        """Show what is new.

        Raises:
            botocore.exceptions.ClientError: AWS refuses to tell.
        """
        for action in actions:
            build = action.get("output", {}).get("executionResult", {}).get("externalExecutionId")
            if build and action["input"]["actionTypeId"]["provider"] == "CodeBuild":
                for line in self._folding.setdefault(build, Folding()).shown(self._new(build)):
                    self._show(f"  | {line}")

    def _new(self, build: str) -> Iterator[str]:
        found = self._session.client("codebuild").batch_get_builds(ids=[build])["builds"]
        place, logs = found[0].get("logs", {}) if found else {}, self._session.client("logs")
        while place.get("streamName"):
            position = {"nextToken": self._positions[build]} if build in self._positions else {}
            try:
                answer = logs.get_log_events(
                    logGroupName=place["groupName"], logStreamName=place["streamName"], startFromHead=True, **position
                )
            except logs.exceptions.ResourceNotFoundException:
                return
            yield from (event["message"].rstrip("\n") for event in answer["events"])
            if answer["nextForwardToken"] == self._positions.get(build):
                return
            self._positions[build] = answer["nextForwardToken"]


class Folding:
    """Leaves out of a build's log the scripts that the buildspec has, up to the word that ends each."""

    def __init__(self) -> None:
        self._end: str | None = None

    def shown(self, events: Iterable[str]) -> Iterator[str]:
        """The lines of the next events that are shown; CodeBuild's own event of several lines repeats a command."""
        for line in (line for event in events for line in _lines(event)):
            if self._end is not None:
                if line.strip() == self._end:
                    self._end = None
                continue
            begins = SCRIPT.match(line)
            self._end = begins["end"] if begins else None
            yield f"{line} …" if begins else line


def _lines(event: str) -> list[str]:
    first, *more = event.split("\n")
    return [f"{first} …"] if more and event.startswith(CODEBUILD_LINE) else [first, *more]
