"""BuildKit's plain progress output."""

from __future__ import annotations

import time
from collections.abc import Callable


class Progress:
    """Numbers the steps of a build and writes their lines."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._number = 0
        self._started = 0.0
        self._title, self._outputs = "", list[str]()

    def start(self, title: str) -> None:
        self._number += 1
        self._started = time.monotonic()
        self._title, self._outputs = title, []
        self._write(f"#{self._number} {title}")

    def line(self, text: str) -> None:
        self._write(f"#{self._number} {text}")

    def output(self, text: str) -> None:
        """A line that the step's command wrote."""
        written = f"{time.monotonic() - self._started:.3f} {text}"
        self._outputs.append(written)
        self.line(written)

    def done(self) -> None:
        self.line(f"DONE {time.monotonic() - self._started:.1f}s\n")

    def failed(self, message: str) -> None:
        """As BuildKit ends a step that fails: with all that its command wrote once more."""
        self.line(f"ERROR: {message}")
        for line in ("------", f" > {self._title}:", *self._outputs, "------"):
            self._write(line)
