"""What an operation is doing, in one line of a terminal that is redrawn; elsewhere a line now and then."""

import os
import shutil
import sys
import threading
import time

SECONDS_BETWEEN_LINES = 30.0
"""Where there is no terminal."""
SECONDS_BETWEEN_DRAWINGS = 0.1
ERASE = "\r\x1b[K"
"""To the beginning of the line, and without what is behind (ECMA-48, CSI EL)."""


class LiveLine:
    """The last line of standard error, below lines that stay."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._shown, self._last = "", time.monotonic()

    def say(self, message: str) -> None:
        """Print a line that stays."""
        with self._lock:
            self._erase()
            self._write(f"{message}\n")

    def show(self, text: str) -> None:
        """Say how far it is, if it is time to."""
        now, pause = time.monotonic(), SECONDS_BETWEEN_DRAWINGS if self._terminal else SECONDS_BETWEEN_LINES
        with self._lock:
            if now < self._last + pause or text == self._shown:
                return
            self._last = now
            self._erase()
            room = shutil.get_terminal_size().columns - 1
            self._write(text[:room] if self._terminal else f"{text}\n")
            self._shown = text

    def end(self) -> None:
        """Leave nothing of it on a terminal."""
        with self._lock:
            self._erase()

    def _erase(self) -> None:
        if self._terminal and self._shown:
            self._write(ERASE)
            self._shown = ""

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
