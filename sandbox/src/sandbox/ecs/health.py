"""Health checks of a task: those of its target groups and those of its containers.

Intervals are AWS seconds and pass at the account's speed. What the app does in its own time is not shortened: how long
it has to start, to answer, and to stay up before it counts as healthy (`Clock.life`).
"""

from __future__ import annotations

import http.client
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sandbox.containers.namespace import StartError
from sandbox.ecs.containers import Container
from sandbox.ecs.model import Json

if TYPE_CHECKING:
    from sandbox.clock import Clock

LOGGER = logging.getLogger(__name__)
BOOT_SECONDS = 10.0
"""What a container has at least until it must answer, and an answer, where patience is shortened."""
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
    """Whether a status of HTTP or of gRPC fits a target group's matcher such as `200-299,302` or `0,12`."""
    for part in matcher.replace(" ", "").split(","):
        if not re.fullmatch(r"\d{1,3}(-\d{1,3})?", part):
            continue
        low, _, high = part.partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False


@dataclass
class Check:
    """One health check that is made again every `interval` AWS seconds.

    `steady` is how many seconds AWS takes at least from the container's start until the check has passed: an app that
    ends before would never have been healthy.
    """

    tracker: HealthTracker
    interval: float
    timeout: float
    grace: float
    failure: str
    probe: Callable[[float], bool | None]
    container: str
    steady: float = 0.0
    due: float = 0.0
    started: float | None = None
    event: Callable[[], str] = lambda: ""
    """What the service's events say of it when it has failed."""

    def run(self, now: float, clock: Clock) -> None:
        """Probe if it is time. `probe` answers None when the container gave no answer at all."""
        if self.started is None:
            self.started = now
        if now < self.due:
            return
        answer = self.probe(clock.life(self.timeout, SLOWEST_ANSWER))
        self.due = now + clock.scale(self.interval)
        tolerated = self.grace + self.interval * self.tracker.unhealthy_threshold
        if answer is None and now < self.started + clock.life(tolerated, BOOT_SECONDS):
            self.due = min(self.due, now + 0.25)
            return
        self.tracker.record(bool(answer))
        if answer and self.tracker.state == "healthy":
            self.due = max(self.due, now + SHORTEST_INTERVAL)

    def failed(self, now: float, clock: Clock) -> bool:
        """Unhealthy after the grace period."""
        started = self.started if self.started is not None else now
        return self.tracker.state == "unhealthy" and now >= started + clock.life(self.grace)


def target_check(
    group: Json,
    balancer: Json,
    container: Container,
    grace: float,
    refuses: Callable[[int], str | None] = lambda port: None,
) -> Check:
    """The check that a load balancer makes of one target.

    Args:
        group: the target group, as it is described.
        balancer: the service's side of it.
        container: what is asked.
        grace: AWS seconds in which a failed check ends no task.
        refuses: why the network does not let the load balancer reach a port; None when it does.
    """
    declared = str(group.get("HealthCheckPort", "traffic-port"))
    port = int(balancer["containerPort"]) if declared == "traffic-port" else int(declared)
    version = group.get("ProtocolVersion") or "HTTP1"
    grpc = version == "GRPC"
    matcher = str(group.get("Matcher", {}).get(*("GrpcCode", "12") if grpc else ("HttpCode", "200")))
    path = str(group.get("HealthCheckPath") or ("/AWS.ALB/healthcheck" if grpc else "/"))
    host = f"127.0.0.1:{port}"

    reason = "Health checks failed"

    def probe(timeout: float) -> bool | None:
        nonlocal reason
        if problem := refuses(port):
            LOGGER.warning("%s: %s", group["TargetGroupName"], problem)
            reason = "Request timed out"
            return False
        try:
            if version == "HTTP1":
                answer = container.http_get(port, path, host, timeout)
            else:
                answer = container.http2_ask(port, path, host, timeout, grpc=grpc)
        except (OSError, http.client.HTTPException) as error:
            reason = "Request timed out" if isinstance(error, TimeoutError) else "Health checks failed"
            return None
        reason = f"Health checks failed with these codes: [{answer}]"
        return matches(matcher, answer)

    def event() -> str:
        # Amazon ECS service unhealthy event messages; the reasons are ELB's (TargetHealth: Description)
        return f"(port {port}) is unhealthy in (target-group {group['TargetGroupArn']}) due to (reason {reason})"

    return Check(
        tracker=HealthTracker(int(group["HealthyThresholdCount"]), int(group["UnhealthyThresholdCount"])),
        interval=float(group["HealthCheckIntervalSeconds"]),
        timeout=float(group["HealthCheckTimeoutSeconds"]),
        grace=grace,
        failure=f"Task failed ELB health checks in (target-group {group['TargetGroupArn']})",
        probe=probe,
        event=event,
        container=balancer["containerName"],
        steady=float(group["HealthCheckIntervalSeconds"]) * (int(group["HealthyThresholdCount"]) - 1),
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
        steady=float(declared.get("interval") or 30),
    )
