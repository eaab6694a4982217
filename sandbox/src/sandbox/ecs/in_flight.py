"""The requests that tasks are answering: a task that is to stop finishes them first."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.account.account import Account


class InFlight:
    """How many requests each task is answering."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def request(self, task: str) -> Iterator[None]:
        with self._changed:
            self._counts[task] += 1
        try:
            yield
        finally:
            with self._changed:
                self._counts[task] -= 1
                if not self._counts[task]:
                    del self._counts[task]
                self._changed.notify_all()

    def drain(self, task: str, seconds: float) -> None:
        """Wait until a task answers no request, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: task not in self._counts, seconds)

    def any(self, task: str) -> bool:
        """Whether a task answers a request."""
        with self._changed:
            return task in self._counts


def in_flight_of(account: Account) -> InFlight:
    """Those of an account's tasks."""
    return account.parts.of(InFlight)
