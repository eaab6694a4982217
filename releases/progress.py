"""What a wait says, so that nobody takes it for one that hangs."""

import time
from collections.abc import Callable

Log = Callable[[str], None]
"""Takes a line for whoever waits."""
SECONDS_BETWEEN_LINES = 60.0


class Progress:
    """Tells what is waited for: at once when that is something else than before, and then once a minute.

    Args:
        log_progress: takes a line.
    """

    def __init__(self, log_progress: Log) -> None:
        self._log_progress = log_progress
        self._text, self._since, self._logged = "", 0.0, 0.0

    def waits(self, text: str, *, known: bool = False) -> float:
        """Look at what is waited for.

        Args:
            text: what it is.
            known: whether somebody has logged it already, so that the first line is that of the first minute.

        Returns:
            For how many seconds it has been just that.
        """
        now = time.monotonic()
        if text != self._text:
            self._text, self._since, self._logged = text, now, now
            if not known:
                self._log_progress(text)
        elif now >= self._logged + SECONDS_BETWEEN_LINES:
            self._logged = now
            self._log_progress(f"{text}, {now - self._since:.0f} s so far")
        return now - self._since
