"""The state of ECS services, their deployments and tasks."""

from __future__ import annotations

import random
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sandbox.ecs.alarms import Watch

Json = dict[str, Any]
RolloutState = Literal["IN_PROGRESS", "COMPLETED", "FAILED"]
DeploymentStatus = Literal["PRIMARY", "ACTIVE", "DRAINING"]
MAX_EVENTS = 100


def utc_now() -> datetime:
    """The time stamp of everything that ECS reports."""
    return datetime.now(UTC)


def new_deployment_id() -> str:
    """`ecs-svc/` and 19 digits, as ECS numbers deployments."""
    return f"ecs-svc/{random.randint(10**18, 10**19 - 1)}"  # noqa: S311


@dataclass
class ContainerState:
    """One container of a task."""

    name: str
    image: str
    arn: str
    last_status: str = "PENDING"
    digest: str | None = None
    exit_code: int | None = None
    reason: str | None = None
    health_status: str = "UNKNOWN"


@dataclass
class Task:
    """A task from its request to its end.

    `ready` is what a deployment waits for: running, and passing every health check that the
    service's target groups and the containers declare. `agent_status` is that of ECS Exec's agent, where it is on.
    `running_since` and `ended` are monotonic times; `steady_after` is how many seconds of its own it has to run until
    AWS would have counted it as healthy.
    """

    cluster_arn: str
    task_definition: Json
    region: str
    account: str
    group: str
    network_configuration: Json = field(default_factory=dict)
    launch: Json = field(default_factory=dict)
    overrides: Json = field(default_factory=dict)
    load_balancers: list[Json] = field(default_factory=list)
    grace_period: float = 0.0
    service_name: str | None = None
    deployment_id: str | None = None
    digests: dict[str, str] = field(default_factory=dict)
    started_by: str | None = None
    tags: list[Json] = field(default_factory=list)
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    last_status: str = "PROVISIONING"
    desired_status: str = "RUNNING"
    health_status: str = "UNKNOWN"
    ready: bool = False
    was_running: bool = False
    running_since: float | None = None
    ended: float | None = None
    steady_after: float = 0.0
    subnet: str | None = None
    private_ip: str | None = None
    agent_status: str = "PENDING"
    created_at: datetime = field(default_factory=utc_now)
    started_at: datetime | None = None
    stopping_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_code: str | None = None
    stopped_reason: str | None = None
    containers: list[ContainerState] = field(default_factory=list)
    stop_requested: threading.Event = field(default_factory=threading.Event)
    on_change: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        if not self.containers:
            self.containers = [
                ContainerState(
                    definition["name"],
                    definition["image"],
                    f"{self._arn('container')}/{self.cluster_name}/{self.id}/{uuid.uuid4()}",
                )
                for definition in self.task_definition["containerDefinitions"]
            ]

    @property
    def cluster_name(self) -> str:
        return self.cluster_arn.rsplit("/", 1)[-1]

    @property
    def arn(self) -> str:
        return f"{self._arn('task')}/{self.cluster_name}/{self.id}"

    @property
    def stopped(self) -> bool:
        return self.last_status == "STOPPED"

    @property
    def active(self) -> bool:
        """Running or on its way there, and not asked to stop."""
        return self.desired_status == "RUNNING" and not self.stopped

    def has_started(self, now: float) -> bool:
        """Whether it was healthy, and ran as long as that takes in AWS; else its end is that of a failed start."""
        since = self.running_since
        return since is None or (self.ended or now) - since >= self.steady_after

    def _arn(self, kind: str) -> str:
        return f"arn:aws:ecs:{self.region}:{self.account}:{kind}"

    def container(self, name: str) -> ContainerState:
        return next(state for state in self.containers if state.name == name)

    def request_stop(self, code: str, reason: str) -> None:
        """Ask for the task's end; only the first reason counts."""
        if self.desired_status == "STOPPED":
            return
        self.stop_code, self.stopped_reason = code, reason
        self.desired_status = "STOPPED"
        self.ended = time.monotonic()
        self.stopping_at = utc_now()
        self.ready = False
        self.stop_requested.set()


@dataclass
class Deployment:
    """One attempt to make a service run one revision with one set of placement inputs.

    `watch` is None until its scheduler has seen it for the first time.
    With the CODE_DEPLOY controller it is a task set: `scale` is its share of the desired count in per cent, and
    `external_id` CodeDeploy's deployment. Only a task set is ever DRAINING.
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

    def __post_init__(self) -> None:
        self.rollout_reason = self.rollout_reason or f"ECS deployment {self.id} in progress."

    def set_state(self, state: RolloutState, reason: str) -> None:
        self.rollout_state, self.rollout_reason, self.updated_at = state, reason, utc_now()


@dataclass
class ServiceEvent:
    message: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: datetime = field(default_factory=utc_now)


@dataclass
class Service:
    """A service; `settings` holds what its creator or updater declared, in the API's own words."""

    name: str
    arn: str
    cluster_arn: str
    desired_count: int
    settings: Json
    deployments: list[Deployment]
    created_by: str
    status: Literal["ACTIVE", "DRAINING", "INACTIVE"] = "ACTIVE"
    stable: Deployment | None = None
    history: list[Deployment] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    events: list[ServiceEvent] = field(default_factory=list)
    created_at: datetime = field(default_factory=utc_now)
    steady: bool = False
    stale: Json | None = None
    """What is answered once more after a change, where answers may be stale."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    wake: threading.Event = field(default_factory=threading.Event)

    @property
    def primary(self) -> Deployment:
        return next(d for d in self.deployments if d.status == "PRIMARY")

    @property
    def controller(self) -> str:
        return str(self.settings.get("deploymentController", {}).get("type", "ECS"))

    def add_event(self, message: str) -> None:
        """The newest event first, prefixed with the service's name as ECS does."""
        self.events.insert(0, ServiceEvent(f"(service {self.name}) {message}"))
        del self.events[MAX_EVENTS:]

    def tasks_of(self, deployment: Deployment) -> list[Task]:
        return [task for task in self.tasks if task.deployment_id == deployment.id]
