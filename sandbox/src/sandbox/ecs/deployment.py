"""One revision of a service, from the attempt to run it to its end."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sandbox.ecs.alarms import Watch

Json = dict[str, Any]
RolloutState = Literal["IN_PROGRESS", "COMPLETED", "FAILED"]
DeploymentStatus = Literal["PRIMARY", "ACTIVE", "DRAINING"]


def utc_now() -> datetime:
    """The time stamp of everything that ECS reports."""
    return datetime.now(UTC)


def new_deployment_id() -> str:
    """`ecs-svc/` and 19 digits, as ECS numbers deployments."""
    return f"ecs-svc/{random.randint(10**18, 10**19 - 1)}"  # noqa: S311


@dataclass(frozen=True)
class Endpoint:
    """What clients connect to by Service Connect: a name and a port; the service's ARN, and the port's name there."""

    name: str
    port: int
    service: str
    port_name: str


@dataclass
class Deployment:
    """One attempt to make a service run one revision with one set of placement inputs.

    `watch` is None until its scheduler has seen it for the first time.
    `scale` is its share of the desired count in per cent, which matters for a task set and where traffic shifts;
    `load_balancers` has the target groups that its tasks are in, where they are not those declared.
    `endpoints` are those of Service Connect that there were when it began.
    With the CODE_DEPLOY controller it is a task set, and `external_id` CodeDeploy's deployment. Only a task set is ever
    DRAINING.
    """

    task_definition: str
    inputs: Json
    id: str = field(default_factory=new_deployment_id)
    status: DeploymentStatus = "PRIMARY"
    rollout_state: RolloutState = "IN_PROGRESS"
    rollout_reason: str = ""
    failed_tasks: int = 0
    failures_in_a_row: int = 0
    failure_kind: str = "tasks failed to start."
    last_stopped_reason: str | None = None
    rollback_from: str | None = None
    created_at: datetime = field(default_factory=utc_now)
    updated_at: datetime = field(default_factory=utc_now)
    digests: dict[str, str] = field(default_factory=dict)
    not_before: float = 0.0
    watch: Watch | None = None
    steady_since: float | None = None
    scale: float = 100.0
    external_id: str | None = None
    load_balancers: list[Json] | None = None
    endpoints: list[Endpoint] = field(default_factory=list)

    @property
    def balancers(self) -> list[Json]:
        """The load balancers that its tasks are registered with."""
        return list(self.inputs.get("loadBalancers", []) if self.load_balancers is None else self.load_balancers)

    def __post_init__(self) -> None:
        self.rollout_reason = self.rollout_reason or f"ECS deployment {self.id} in progress."

    def set_state(self, state: RolloutState, reason: str) -> None:
        self.rollout_state, self.rollout_reason, self.updated_at = state, reason, utc_now()
