"""Which execution may enter a stage: one at a time, in the order of the execution mode.

https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sandbox.codepipeline.model import Execution


@dataclass(frozen=True)
class Closed:
    """A stage that no execution enters.

    ``by``: the ARN of who closed it.
    """

    reason: str
    by: str
    since: datetime


class StageLocks:
    """The stages of one pipeline, by name.

    QUEUED: those that wait enter in their order. SUPERSEDED: the newest arrival replaces who waits.
    PARALLEL: no waiting.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: dict[str, Execution] = {}
        self._waiting: dict[str, list[Execution]] = {}
        self._closed: dict[str, Closed] = {}

    @property
    def closed(self) -> Mapping[str, Closed]:
        """The stages that no execution enters (DisableStageTransition, Inbound)."""
        return self._closed

    def close(self, stage: str, why: Closed) -> None:
        """Let nobody enter a stage; who is in it goes on."""
        with self._changed:
            self._closed[stage] = why

    def open(self, stage: str) -> None:
        """Let the next one enter a stage."""
        with self._changed:
            self._closed.pop(stage, None)
            self._changed.notify_all()

    def queue(self, stage: str, execution: Execution) -> None:
        """Take a free stage at once, or a place in front of it, where waiting ones may be superseded."""
        if execution.mode == "PARALLEL":
            return
        with self._changed:
            waiting = self._waiting.setdefault(stage, [])
            if not waiting and stage not in self._inside and stage not in self._closed:
                self._inside[stage] = execution
                return
            if execution.mode == "SUPERSEDED":
                for older in waiting:
                    older.status = "Superseded"
                    older.summary = f"Superseded by execution {execution.id}"
                waiting.clear()
            waiting.append(execution)
            self._changed.notify_all()

    def enter(self, stage: str, execution: Execution) -> bool:
        """Wait for the turn; False when the execution was superseded or stopped meanwhile."""
        if execution.mode == "PARALLEL":
            return not execution.stop.is_set()
        with self._changed:
            waiting = self._waiting.setdefault(stage, [])
            while self._inside.get(stage) is not execution:
                if execution.status == "Superseded":
                    return False
                if execution.stop.is_set():
                    self.leave(stage, execution)
                    return False
                if waiting[0] is execution and stage not in self._inside and stage not in self._closed:
                    waiting.pop(0)
                    self._inside[stage] = execution
                else:
                    self._changed.wait(1.0)
            if execution.stop.is_set():
                self.leave(stage, execution)
                return False
            return True

    def leave(self, stage: str, execution: Execution) -> None:
        """Give up the stage or the place in front of it."""
        with self._changed:
            if self._inside.get(stage) is execution:
                del self._inside[stage]
            if execution in self._waiting.get(stage, []):
                self._waiting[stage].remove(execution)
            self._changed.notify_all()

    def wake(self) -> None:
        """Let those that wait look again, after a stop."""
        with self._changed:
            self._changed.notify_all()

    def waiting(self, stage: str) -> list[Execution]:
        with self._changed:
            return list(self._waiting.get(stage, []))
