"""A build's phases and status, in the shapes of CodeBuild's API."""

from __future__ import annotations

import copy
import threading
import time
from dataclasses import dataclass, field
from typing import Any

SUCCEEDED, FAILED, STOPPED, TIMED_OUT, FAULT = "SUCCEEDED", "FAILED", "STOPPED", "TIMED_OUT", "FAULT"
IN_PROGRESS = "IN_PROGRESS"


@dataclass
class BuildRecord:
    """One build. `data` has the members of CodeBuild's Build that are known from the start."""

    data: dict[str, Any]
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.data.update(buildStatus=IN_PROGRESS, buildComplete=False, startTime=time.time(), phases=[])
        self.start_phase("SUBMITTED")
        self.start_phase("QUEUED")

    @property
    def status(self) -> str:
        return str(self.data["buildStatus"])

    def shape(self) -> dict[str, Any]:
        """A Build as the API answers it."""
        with self._lock:
            return copy.deepcopy(self.data)

    def update(self, **members: Any) -> None:
        with self._lock:
            self.data.update(members)

    def start_phase(self, name: str) -> None:
        """Begin a phase; the one before, when it still runs, has succeeded."""
        with self._lock:
            self.end_phase(SUCCEEDED)
            self.data["currentPhase"] = name
            self.data["phases"].append({"phaseType": name, "startTime": time.time()})

    def end_phase(self, status: str, code: str = "", message: str = "") -> None:
        """End the running phase; one that has ended keeps its result."""
        with self._lock:
            if not self.data["phases"] or "phaseStatus" in self.data["phases"][-1]:
                return
            phase = self.data["phases"][-1]
            phase.update(phaseStatus=status, endTime=time.time())
            phase["durationInSeconds"] = int(phase["endTime"] - phase["startTime"])
            phase["contexts"] = [{"statusCode": code, "message": message}]

    def complete(self, status: str) -> None:
        """End the build."""
        with self._lock:
            self.end_phase(SUCCEEDED)
            now = time.time()
            self.data["phases"].append({"phaseType": "COMPLETED", "startTime": now})
            self.data.update(currentPhase="COMPLETED", endTime=now, buildStatus=status, buildComplete=True)
