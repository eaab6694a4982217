"""Service deployments: how a service gets from the revisions that it runs to another one.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html has the states and what moves them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sandbox.ecs.deployment import Deployment, utc_now
from sandbox.ecs.hooks import HookRun

Json = dict[str, Any]
Status = Literal[
    "PENDING", "IN_PROGRESS", "SUCCESSFUL", "STOP_REQUESTED", "STOPPED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED",
]  # fmt: skip
FORWARD = ("PENDING", "IN_PROGRESS")
ENDED = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
NO_ROLLBACK = "No rollback candidate was found to run the rollback."
"""ECS's words for a first deployment that fails."""


@dataclass
class ServiceDeployment:
    """One service deployment.

    Attributes:
        target: the revision that is being deployed.
        sources: the revisions that ran before it.
        configuration: the service's deploymentConfiguration when it began.
        production, test: revision's id → its share of that traffic in per cent, once ECS has set it.
        hooks: those of the lifecycle stage.
        asked: what a user has asked for; the scheduler does it.
        failed_by: the monitor that has failed it, `alarm` or `circuit breaker`.
    """

    service_arn: str
    target: Deployment
    sources: list[Deployment]
    configuration: Json
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16)[:21])
    status: Status = "PENDING"
    reason: str | None = None
    stage: str | None = None
    created_at: datetime = field(default_factory=utc_now)
    updated_at: datetime = field(default_factory=utc_now)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    stopped_at: datetime | None = None
    rollback: Json | None = None
    production: dict[str, float] = field(default_factory=dict)
    test: dict[str, float] = field(default_factory=dict)
    hooks: list[HookRun] = field(default_factory=list)
    asked: Literal["ROLLBACK", "ABORT"] | None = None
    failed_by: str | None = None
    triggered_alarms: list[str] = field(default_factory=list)

    @property
    def arn(self) -> str:
        return f"{self.service_arn.replace(':service/', ':service-deployment/')}/{self.id}"

    @property
    def source(self) -> Deployment | None:
        """What a rollback goes to."""
        return self.sources[0] if self.sources else None

    @property
    def strategy(self) -> str:
        return str(self.configuration.get("strategy", "ROLLING"))

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def enter(self, stage: str) -> None:
        """Begin another stage of its life, or another step of the same one."""
        self.stage, self.updated_at = stage, utc_now()

    def start(self) -> None:
        """From PENDING to IN_PROGRESS; anything later stays."""
        if self.status == "PENDING":
            self.started_at = utc_now()
            self.move("IN_PROGRESS")

    def move(self, status: Status, reason: str | None = None) -> None:
        self.status, self.reason = status, reason or self.reason
        self.updated_at = utc_now()
        if status in ENDED:
            self.finished_at = self.updated_at
            self.hooks = []
        if status == "STOPPED":
            self.stopped_at = self.updated_at

    def roll_back(self, source: Deployment, source_arn: str, reason: str) -> None:
        self.move("ROLLBACK_IN_PROGRESS", reason)
        self.rollback = {"reason": reason, "startedAt": self.updated_at.timestamp(), "serviceRevisionArn": source_arn}


def revision_arn(service_arn: str, deployment: Deployment) -> str:
    """A revision's ARN ends with the digits of its deployment's id (`findPrimaryDeploymentARN` of the AWS provider)."""
    return f"{service_arn.replace(':service/', ':service-revision/')}/{deployment.id.rpartition('/')[2]}"


def same_groups(balancers: list[Json], stable: Deployment | None) -> list[Json]:
    """A service's load balancers with the target groups that its stable revision is in.

    So a rolling deployment after one that has shifted the traffic stays where the traffic is: ECS keeps to the revision
    that is serving traffic (update-bluegreen-to-rolling.html).
    """
    before = [each.get("targetGroupArn") for each in (stable.balancers if stable else [])]
    kept = []
    for index, balancer in enumerate(balancers):
        alternate = balancer.get("advancedConfiguration", {}).get("alternateTargetGroupArn")
        moved = index < len(before) and alternate is not None and before[index] == alternate
        kept.append({**balancer, "targetGroupArn": alternate} if moved else dict(balancer))
    return kept
