"""The logs of builds, as a client shows them: line by line, without a buildspec's scripts, or only the last lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from sandbox.clients.session import Session

Json = dict[str, Any]
CODEBUILD_LINE = "[Container]"
"""How each line of a build's log begins that is not a command's."""
COMMAND_FAILED = "COMMAND_EXECUTION_ERROR"
"""CodeBuild's status code of a phase whose command has failed: its message has the command, and not the cause."""
SCRIPT = re.compile(r"\[Container\] .* Running command .*<<-?\s*'?(?P<end>\w+)'?\s*$")
"""How CodeBuild logs a command that writes a script: the whole of it follows, line by line."""


@dataclass
class LogReader:
    """Reads a log stream from where it stopped the last time."""

    logs: Any
    group: str
    stream: str
    _token: str | None = None

    def new_lines(self) -> list[str]:
        """The lines since the last call; none while the stream does not exist."""
        lines: list[str] = []
        while True:
            position = {"nextToken": self._token} if self._token else {}
            try:
                answer = self.logs.get_log_events(
                    logGroupName=self.group, logStreamName=self.stream, startFromHead=True, **position
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                return lines
            lines += [event["message"].rstrip("\n") for event in answer["events"]]
            if answer["nextForwardToken"] == self._token or not answer["events"]:
                return lines
            self._token = answer["nextForwardToken"]


@dataclass
class Folding:
    """Leaves out of a build's log the scripts that the buildspec has, up to the word that ends each."""

    _end: str | None = None

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


def build_log(session: Session, build: str) -> LogReader | None:
    """The log of a build; None when it keeps none or does not exist."""
    builds = session.client("codebuild").batch_get_builds(ids=[build])["builds"]
    logs = (builds[0].get("logs") or {}) if builds else {}
    if not logs.get("groupName") or not logs.get("streamName"):
        return None
    return LogReader(session.client("logs"), logs["groupName"], logs["streamName"])


def cause(session: Session, action: Json) -> str:
    """Why an action has failed, in one line: CodePipeline's, or the last that a build's failed command has printed."""
    result = (action.get("output") or {}).get("executionResult") or {}
    message = one_line(
        (result.get("errorDetails") or {}).get("message") or result.get("externalExecutionSummary") or ""
    )
    build = result.get("externalExecutionId")
    if COMMAND_FAILED not in message or not build:
        return message or "CodePipeline gives no reason"
    reader = build_log(session, build)
    lines = [line for event in (reader.new_lines() if reader else []) for line in event.split("\n")]
    printed = [line for line in lines if line.strip() and not line.startswith(CODEBUILD_LINE)]
    return one_line(printed[-1]) if printed else message


def one_line(text: str) -> str:
    """A text with one space for whatever is between its words."""
    return " ".join(text.split())
