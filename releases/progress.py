"""What a wait says, so that nobody takes it for one that hangs."""

import time
from collections.abc import Callable

Log = Callable[[str], None]
"""Takes a line for whoever waits."""
SECONDS_BETWEEN_WORDS = 60.0


class Progress:
    """Tells what is waited for: at once when that is something else than before, and then once a minute.

    Args:
        log_progress: takes a line.
    """

    def __init__(self, log_progress: Log) -> None:
        self._log_progress = log_progress
        self._words, self._since, self._said = "", 0.0, 0.0

    def waits(self, words: str, *, known: bool = False) -> float:
        """Look at what is waited for.

        Args:
            words: what it is.
            known: whether somebody has told of it already, so that the first line is that of the first minute.

        Returns:
            For how many seconds it has been just that.
        """
        now = time.monotonic()
        if words != self._words:
            self._words, self._since, self._said = words, now, now
            if not known:
                self._log_progress(words)
        elif now >= self._said + SECONDS_BETWEEN_WORDS:
            self._said = now
            self._log_progress(f"{words}, {now - self._since:.0f} s so far")
        return now - self._since
