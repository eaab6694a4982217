"""Calls that are held at the door, so that a test decides what happens between two steps of somebody else.

A hold waits for one call: `before` it is done, or `after` it was done and before it is answered.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from sandbox.server.errors import AwsError
from sandbox.server.protocol import Operation

ABORTED = AwsError("SandboxAborted", "This call was held, and ended by who held it.", 400)


@dataclass
class Hold:
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


class Holds:
    """The holds of one account, by number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holds: dict[int, Hold] = {}
        self._last = 0

    def add(self, hold: Hold) -> int:
        """Wait for the next such call."""
        with self._lock:
            self._last += 1
            self._holds[self._last] = hold
            return self._last

    def reached(self, number: int) -> bool:
        """Whether the call is held now."""
        return self._holds[number].reached.is_set()

    def release(self, number: int, abort: bool) -> bool:
        """Let the call go on, or end it with an error; whether it was held."""
        with self._lock:
            hold = self._holds.pop(number)
        was_held = hold.reached.is_set()
        hold.abort = abort
        hold.reached.set()
        hold.released.set()
        return was_held

    def pass_by(self, operation: Operation, caller: str, *, after: bool) -> None:
        """Stay here while a hold says so.

        Raises:
            AwsError: the hold ended the call.
        """
        with self._lock:
            hold = next((hold for hold in self._holds.values() if hold.matches(operation, caller, after)), None)
            if hold is None:
                return
            hold.reached.set()
        hold.released.wait()
        if hold.abort:
            raise ABORTED


def parsed(body: dict[str, Any]) -> Hold:
    """A hold as a control request asks for it."""
    return Hold(
        str(body["operation"]), str(body.get("by", "")), str(body.get("mentions", "")), bool(body.get("after", False))
    )
