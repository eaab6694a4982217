"""The state of ECS services, their deployments and tasks."""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sandbox.ecs.deployment import Deployment, Endpoint, utc_now
from sandbox.ecs.service_deployment import ServiceDeployment, same_groups

Json = dict[str, Any]
MAX_EVENTS = 100


@dataclass
class ContainerState:
    """One container of a task; `runtime_id` is what Fargate calls it once it runs."""

    name: str
    image: str
    arn: str
    runtime_id: str
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
    endpoints: list[Endpoint] = field(default_factory=list)
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
                    f"{self.id}-{secrets.randbelow(9 * 10**9) + 10**9}",
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
    service_deployments: list[ServiceDeployment] = field(default_factory=list)
    stale: Json | None = None
    """What is answered once more after a change, where answers may be stale."""
    discovered: dict[str, str] = field(default_factory=dict)
    """The services of Cloud Map that ECS has made for it: name → id."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    wake: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        if self.controller == "ECS" and not self.service_deployments:
            self.deploy(self.primary)

    @property
    def ongoing(self) -> ServiceDeployment | None:
        """The service deployment that has not ended."""
        newest = self.service_deployments[-1] if self.service_deployments else None
        return None if newest is None or newest.ended else newest

    def deploy(self, target: Deployment) -> None:
        """Record a service deployment; one that goes on is to stop."""
        if self.ongoing:
            self.ongoing.move("STOP_REQUESTED")
        sources = [deployment for deployment in self.deployments if deployment is not target]
        configuration = dict(self.settings.get("deploymentConfiguration") or {})
        record = ServiceDeployment(self.arn, target, sources, configuration)
        self.service_deployments.append(record)
        if record.strategy == "ROLLING":
            target.load_balancers = same_groups(target.balancers, self.stable)
        else:
            target.scale = 0.0

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
