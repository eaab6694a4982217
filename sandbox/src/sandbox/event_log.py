"""The events of an operation, as the CLI writes them to a file."""

import json
import logging
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from pulumi.automation import EngineEvent

SECONDS_BETWEEN_READS = 0.1
SECONDS_TO_READ = 60.0
"""For what is left in the file when the CLI has ended."""


class EventLog(threading.Thread):
    """Reads each event soon after the CLI has written it; `join`, once the CLI has ended, reads what is left.

    The CLI writes an event to the file before it shows it, and shows the last before it ends, so that none is missing
    then; what a CLI that was killed had written is there too. Over gRPC, which the SDK asks the CLI for, an event that
    cannot be sent is left out without a word (`startEventLogger` in the CLI's backend/display/display.go).

    Args:
        take: takes an event.
    """

    def __init__(self, take: Callable[[EngineEvent], object]) -> None:
        super().__init__(name="event-log", daemon=True)
        self.folder = tempfile.TemporaryDirectory(prefix="events-")
        self.path = Path(self.folder.name) / "events.jsonl"
        self.path.touch()
        self._take, self._ended = take, threading.Event()

    def run(self) -> None:
        with self.path.open("rb") as file:
            partial, ended = b"", False
            while not ended:
                ended = self._ended.wait(SECONDS_BETWEEN_READS)  # before the read, which then has all there is
                *lines, partial = (partial + file.read()).split(b"\n")
                for line in lines:
                    self._read(line)

    def join(self, timeout: float | None = None) -> None:
        """The CLI has ended: read what is left. The SDK's `timeout` is short for a machine under load."""
        self._ended.set()
        super().join(SECONDS_TO_READ)

    def _read(self, line: bytes) -> None:
        try:
            self._take(EngineEvent.from_json(json.loads(line)))
        except Exception:
            logging.getLogger(__name__).exception("an event cannot be read: %r", line)
