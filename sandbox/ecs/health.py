"""Health checks of a task: those of its target groups and those of its containers.

Intervals are AWS seconds and pass at the world's speed. A process does not start faster because
the clock does, so a container that gives no answer yet is given the unscaled time that AWS would
give it, up to `BOOT_SECONDS`.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sandbox.containers.namespace import StartError
from sandbox.ecs.containers import Container
from sandbox.ecs.model import Json

BOOT_SECONDS = 10.0
SLOWEST_ANSWER = 2.0
SHORTEST_INTERVAL = 0.5
"""Seconds between two checks of what is healthy: at a high speed they would be most of what the machine does."""


@dataclass
class HealthTracker:
    """Consecutive successes and failures against thresholds."""

    healthy_threshold: int
    unhealthy_threshold: int
    state: Literal["initial", "healthy", "unhealthy"] = "initial"
    _streak: int = 0

    def record(self, success: bool) -> None:
        self._streak = max(0, self._streak) + 1 if success else min(0, self._streak) - 1
        if self._streak >= self.healthy_threshold:
            self.state = "healthy"
        elif -self._streak >= self.unhealthy_threshold:
            self.state = "unhealthy"


def matches(matcher: str, status: int) -> bool:
    """Whether an HTTP status fits a target group's matcher such as `200-299,302`."""
    for part in matcher.replace(" ", "").split(","):
        if not re.fullmatch(r"\d{3}(-\d{3})?", part):
            continue
        low, _, high = part.partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False


@dataclass
class Check:
    """One health check that is made again every `interval` AWS seconds."""

    tracker: HealthTracker
    interval: float
    timeout: float
    grace: float
    failure: str
    probe: Callable[[float], bool | None]
    container: str
    due: float = 0.0
    started: float | None = None
    last_problem: str = field(default="")

    def run(self, now: float, scale: Callable[[float], float]) -> None:
        """Probe if it is time. `probe` answers None when the container gave no answer at all."""
        if self.started is None:
            self.started = now
        if now < self.due:
            return
        answer = self.probe(max(scale(self.timeout), min(self.timeout, SLOWEST_ANSWER)))
        self.due = now + scale(self.interval)
        tolerated = self.grace + self.interval * self.tracker.unhealthy_threshold
        if answer is None and now < self.started + min(tolerated, BOOT_SECONDS):
            self.due = min(self.due, now + 0.25)
            return
        self.tracker.record(bool(answer))
        if answer and self.tracker.state == "healthy":
            self.due = max(self.due, now + SHORTEST_INTERVAL)

    def failed(self, now: float, scale: Callable[[float], float]) -> bool:
        """Unhealthy after the grace period."""
        started = self.started if self.started is not None else now
        return self.tracker.state == "unhealthy" and now >= started + scale(self.grace)


def target_check(group: Json, balancer: Json, container: Container, grace: float) -> Check:
    """The check that a load balancer makes of one target."""
    declared = str(group.get("HealthCheckPort", "traffic-port"))
    port = int(balancer["containerPort"]) if declared == "traffic-port" else int(declared)
    matcher = str(group.get("Matcher", {}).get("HttpCode", "200"))
    path = str(group.get("HealthCheckPath", "/"))

    def probe(timeout: float) -> bool | None:
        try:
            return matches(matcher, container.http_get(port, path, f"127.0.0.1:{port}", timeout))
        except (OSError, http.client.HTTPException):
            return None

    return Check(
        tracker=HealthTracker(int(group["HealthyThresholdCount"]), int(group["UnhealthyThresholdCount"])),
        interval=float(group["HealthCheckIntervalSeconds"]),
        timeout=float(group["HealthCheckTimeoutSeconds"]),
        grace=grace,
        failure=f"Task failed ELB health checks in (target-group {group['TargetGroupArn']})",
        probe=probe,
        container=balancer["containerName"],
    )


def container_check(name: str, declared: Json, container: Container, grace: float) -> Check:
    """The check that a container definition declares under `healthCheck`."""
    command = list(declared["command"])
    if command[0] == "CMD-SHELL":
        command = ["/bin/sh", "-c", *command[1:]]
    elif command[0] == "CMD":
        command = command[1:]
    retries = int(declared.get("retries") or 3)

    def probe(timeout: float) -> bool | None:
        try:
            return container.run(command, timeout) == 0 or None
        except (OSError, StartError):
            return None

    return Check(
        tracker=HealthTracker(1, retries),
        interval=float(declared.get("interval") or 30),
        timeout=float(declared.get("timeout") or 5),
        grace=max(grace, float(declared.get("startPeriod") or 0)),
        failure="Task failed container health checks",
        probe=probe,
        container=name,
    )
