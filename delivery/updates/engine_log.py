"""What Pulumi's engine says of an operation while it runs, by the log that the option `--event-log` writes.

An event is a line of JSON (pulumi/pulumi, sdk/go/common/apitype/events.go: EngineEvent).
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from delivery.output.terminal import StatusLine, width
from delivery.pull_request.preview import COLOURS, Change, changes_of, judged, readable
from releases.progress import SECONDS_BETWEEN_LINES, Log

STACK = "pulumi:pulumi:Stack"
REFRESH = "refresh"
SECONDS_OF_A_REMARK = 20.0
"""After which what a resource waits for is no longer news."""


class EngineLog:
    """Reads the log of one operation, says what it says, and shows how far it is.

    Args:
        path: the log, which there need not be yet.
        operation: such as `up`.
        say: takes warnings and what the program says.
        total: resources that it has to look at; 0 where nobody knows.

    Attributes:
        path: the log.
        lines: all events, as they are written.
        errors: what the program, the providers and the policies refuse, each with its resource.
    """

    def __init__(self, path: Path, operation: str, say: Log, *, total: int = 0) -> None:
        self.lines: list[str] = []
        self.errors: list[str] = []
        self.path, self._operation, self._say, self._line, self._total = path, operation, say, StatusLine(), total
        self._offset, self._partial = 0, b""
        self._refreshing, self._begun, self._done = set[str](), set[str](), set[str]()
        self._read, self._shown = 0, time.monotonic()
        self._remark, self._since = "", 0.0

    @property
    def resources(self) -> int:
        """How many it has looked at."""
        return len(self._begun)

    def read(self) -> None:
        """Take what was written since the last time."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            written = file.read()
        self._offset += len(written)
        *lines, self._partial = (self._partial + written).split(b"\n")
        for line in lines:
            self.lines.append(line.decode())
            self._take(self.lines[-1])
        if width() is not None or time.monotonic() >= self._shown + SECONDS_BETWEEN_LINES:
            self._shown = time.monotonic()
            self._line.show(str(self))

    def end(self) -> None:
        """Leave nothing of how far it is on a terminal."""
        self._line.clear()

    def changes(self) -> Sequence[Change]:
        """What it has done to AWS's resources."""
        return changes_of(
            [
                {**metadata, "oldState": metadata.get("old"), "newState": metadata.get("new")}
                for metadata in self._metadata("resOutputsEvent")
                if metadata["op"] != REFRESH
            ]
        )

    def outputs(self) -> Mapping[str, Any]:
        """The stack's outputs, without secrets."""
        stacks = [each for each in self._metadata("resOutputsEvent") if each["type"] == STACK and each.get("new")]
        outputs: Mapping[str, Any] = readable(stacks[-1]["new"].get("outputs") or {}) if stacks else {}
        return outputs

    def __str__(self) -> str:
        if self._begun:
            total = f" of {max(self._total, len(self._begun))}" if self._total else ""
            done = f"{len(self._done)}{total} resources"
        else:
            done = f"{self._read} resources read" if self._read else "the program starts"
        fresh = self._remark and time.monotonic() < self._since + SECONDS_OF_A_REMARK
        return f"{self._operation}: {done}{f'; {self._remark}' if fresh else ''}"

    def _metadata(self, kind: str) -> list[dict[str, Any]]:
        return [event[kind]["metadata"] for event in map(json.loads, self.lines) if kind in event]

    def _take(self, line: str) -> None:
        event = json.loads(line)
        if before := event.get("resourcePreEvent"):
            self._begin(before["metadata"])
        elif after := event.get("resOutputsEvent"):
            self._end(after["metadata"]["urn"])
        elif diagnostic := event.get("diagnosticEvent"):
            self._diagnose(diagnostic)
        elif "policyEvent" in event:
            policies = judged(f"{line}\n")
            self.errors += policies.errors
            for warning in policies.warnings:
                self._tell(f"warning: {warning}")

    def _begin(self, metadata: Mapping[str, Any]) -> None:
        (self._refreshing if metadata["op"] == REFRESH else self._begun).add(metadata["urn"])

    def _end(self, urn: str) -> None:
        if urn in self._refreshing:
            self._refreshing.remove(urn)
            self._read += 1
        else:
            self._done.add(urn)

    def _diagnose(self, diagnostic: Mapping[str, Any]) -> None:
        message = COLOURS.sub("", diagnostic["message"]).strip()
        if not message:
            return
        if diagnostic.get("ephemeral"):
            self._remark, self._since = message, time.monotonic()
            return
        urn = diagnostic.get("urn", "")
        text = f"{urn.rpartition('::')[2]}: {message}" if urn and STACK not in urn else message
        if diagnostic["severity"] == "error":
            self.errors.append(text)
        elif diagnostic["severity"] != "debug":
            self._tell(f"warning: {text}" if diagnostic["severity"] == "warning" else text)

    def _tell(self, text: str) -> None:
        self._line.clear()
        self._say(text)
