"""Progress lines of a wait, so that it does not look like one that hangs."""

import time
from collections.abc import Callable

SECONDS_BETWEEN_LINES = 60.0

Say = Callable[[str], None]
"""Takes a line."""


class Progress:
    """Says what is waited for: at once when it has changed, and then once a minute.

    Args:
        say: takes a line.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._message, self._since, self._last = "", 0.0, 0.0

    def waits(self, message: str, *, announced: bool = False) -> float:
        """Report what is waited for, if it is time.

        Args:
            words: what it is.
            announced: whether it has been said already, so that the first line is that of the first minute.

        Returns:
            For how many seconds it has been just that.
        """
        now = time.monotonic()
        if message != self._message:
            self._message, self._since, self._last = message, now, now
            if not announced:
                self._say(message)
        elif now >= self._last + SECONDS_BETWEEN_LINES:
            self._last = now
            self._say(f"{message}, {now - self._since:.0f} s so far")
        return now - self._since
