"""Breakpoints: AWS API calls that are held back, so that a test decides what happens between two steps of a client.

A breakpoint holds one call: before it is done, or after it was done and before it is answered.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from sandbox.account.errors import AwsError
from sandbox.account.protocol import Operation

ABORTED = AwsError("SandboxAborted", "This call was held, and ended by who held it.", 400)


@dataclass
class Breakpoint:
    """One call that is waited for.

    Attributes:
        operation: such as `ecs:UpdateService`.
        by: a part of the caller's ARN; "" is anybody.
        mentions: a part of the call's parameters; "" is any.
        after: whether the call is done first, and its answer held.
    """

    operation: str
    by: str = ""
    mentions: str = ""
    after: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    abort: bool = False

    def matches(self, operation: Operation, caller: str, after: bool) -> bool:
        """Whether this is the call, and nobody has come before it."""
        return (
            not self.reached.is_set()
            and self.after == after
            and self.operation == f"{operation.service}:{operation.name}"
            and self.by in caller
            and self.mentions in str(operation.params)
        )


class Breakpoints:
    """The breakpoints of one account, by number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._breakpoints: dict[int, Breakpoint] = {}
        self._last = 0

    def add(self, point: Breakpoint) -> int:
        """Wait for the next such call."""
        with self._lock:
            self._last += 1
            self._breakpoints[self._last] = point
            return self._last

    def reached(self, number: int) -> bool:
        """Whether the call is held now."""
        return self._breakpoints[number].reached.is_set()

    def release(self, number: int, abort: bool) -> bool:
        """Let the call go on, or end it with an error; whether it was held."""
        with self._lock:
            point = self._breakpoints.pop(number)
        was_held = point.reached.is_set()
        point.abort = abort
        point.reached.set()
        point.released.set()
        return was_held

    def pass_by(self, operation: Operation, caller: str, *, after: bool) -> None:
        """Hold the call while a breakpoint says so.

        Raises:
            AwsError: the call was ended where it was held.
        """
        with self._lock:
            point = next((each for each in self._breakpoints.values() if each.matches(operation, caller, after)), None)
            if point is None:
                return
            point.reached.set()
        point.released.wait()
        if point.abort:
            raise ABORTED


def parsed(body: dict[str, Any]) -> Breakpoint:
    """A breakpoint as a control request asks for it."""
    return Breakpoint(
        str(body["operation"]), str(body.get("by", "")), str(body.get("mentions", "")), bool(body.get("after", False))
    )
