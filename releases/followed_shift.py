"""What ECS does while it shifts the traffic of a deployment that somebody waits for."""

from datetime import UTC, datetime
from typing import Any

import boto3

from releases import service_deployments
from releases.controllers.controller import Deployment
from releases.deployment_progress import shift_words, task_words
from releases.errors import PROGRAM
from releases.service_deployments import ServiceDeployment


class FollowedShift:
    """What ECS does while it shifts the traffic that a deployment is followed of; nothing where it does not."""

    def __init__(self, session: boto3.Session) -> None:
        self._ecs = session.client("ecs")
        self._described: dict[str, Any] = {}
        self._last: ServiceDeployment | None = None
        self._listed: list[Deployment] = []
        self._followed, self._rolled_back = "", False

    def look(self, described: dict[str, Any], listed: list[Deployment]) -> list[Deployment]:
        """The deployments with what ECS says of the shift."""
        if not listed or not service_deployments.shifts(described):
            return listed
        self._described, self._listed = described, listed
        cluster = described["clusterArn"].rpartition("/")[2]
        self._last = service_deployments.newest(self._ecs, cluster, described["serviceName"])
        if self._under_way is not None:
            self._followed = self._under_way.arn
        return service_deployments.with_progress(listed, self._under_way)

    @property
    def _under_way(self) -> ServiceDeployment | None:
        """The newest service deployment, if it is not over."""
        return self._last if self._last is not None and not self._last.over else None

    @property
    def _own(self) -> ServiceDeployment | None:
        """The newest one, if it is the one that is followed."""
        return self._last if self._last is not None and self._last.arn == self._followed else None

    def reason(self) -> str:
        """Why it went back."""
        return self._own.reason if self._own is not None else ""

    def failed(self) -> str:
        """How it has ended; "" when it runs."""
        return self._own.words if self._own is not None and self._own.failed else ""

    def how_to_wait(self, stack: str, service: str) -> str:
        """Words for whoever does not wait any longer."""
        return f"; {self._under_way.how_to_wait(stack, service)}" if self._under_way is not None else ""

    def progress(self, stack: str, service: str) -> str:
        """How far it is, or whom it waits for; "" where ECS shifts nothing."""
        if self._under_way is None:
            return ""
        if self._under_way.pause:
            return self._under_way.how_to_wait(stack, service)
        return f"{shift_words(self._under_way, datetime.now(UTC))}; {task_words(self._listed)}"

    def left_alone(self, stack: str, service: str, seconds: float, follow: float | None) -> str:
        """Words for whoever is not to wait any longer for what goes on by itself; "" for whoever is.

        Args:
            stack: the Pulumi stack's name.
            service: the service's.
            seconds: for which it was waited.
            follow: for how many minutes it is waited; None until it pauses.
        """
        if self._under_way is None or self._under_way.goes_back:
            return ""
        if seconds <= follow * 60 if follow is not None else not self._under_way.pause:
            return ""
        status = f"`{PROGRAM} status {service} --stack {stack}`"
        if not self._under_way.pause:
            return f"{status} says how far it is, and the next `up` whether it stands"
        return (
            f"it waits for {service_deployments.answers(stack, service)}, and goes back without an answer; {status} "
            "says how far it is, and the next `up` whether it stands"
        )

    def roll_back(self) -> str:
        """Have ECS go back, once, when that is the only way out; and why."""
        if self._under_way is None or self._rolled_back:
            return ""
        hopeless = service_deployments.too_many_failed(self._described) or ""
        if hopeless:
            service_deployments.roll_back(self._ecs, self._under_way.arn)
            self._rolled_back = True
        return hopeless
