"""A build's log: a file that is live, and a CloudWatch log stream written with the build's role."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
MASK = "***"


class BuildLog:
    """Writes lines with secret values masked. `connect` first, `close` at the end."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file.open("a", encoding="utf-8")
        self._secrets: list[str] = []
        self._waiting: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def mask(self, values: Iterable[str]) -> None:
        """Hide values, each line of them, in what is written from now on."""
        lines = {line for value in values for line in (value, *value.splitlines()) if len(line) > 2}
        self._secrets = sorted({*self._secrets, *lines}, key=len, reverse=True)

    def connect(self, client: Any, group: str, stream: str) -> None:
        """Create the log stream, and its group when there is none; raises ClientError."""
        try:
            client.create_log_stream(logGroupName=group, logStreamName=stream)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            try:
                client.create_log_group(logGroupName=group)
            except ClientError as late:  # another build may have made it meanwhile
                if late.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                    raise
            client.create_log_stream(logGroupName=group, logStreamName=stream)
        self._thread = threading.Thread(target=self._send, args=(client, group, stream), daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        for secret in self._secrets:
            line = line.replace(secret, MASK)
        event = {"timestamp": int(time.time() * 1000), "message": line + "\n"}
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()
            self._waiting.append(event)

    def close(self) -> None:
        """Send what is waiting and close."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        self._file.close()

    def _send(self, client: Any, group: str, stream: str) -> None:
        ended = False
        while not ended:
            ended = self._closed.wait(FLUSH_SECONDS)
            with self._lock:
                events, self._waiting = self._waiting, []
            for start in range(0, len(events), 1000):
                batch = events[start : start + 1000]
                try:
                    client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)
                except ClientError as error:
                    log.warning("log events of %s are lost: %s", stream, error)
