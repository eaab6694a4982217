"""The keys of a service in a stack file: types, limits, defaults and what goes together."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from components import types
from components.model import Model
from components.pipeline.assets import Assets
from components.pipeline.builds import Build, Migrate
from components.pipeline.sources import Source
from components.service import task as sizes
from components.service.alarms import Alarms
from components.service.autoscaling import Tasks
from components.service.capacity import Capacity
from components.service.connections import Connection, names_of
from components.service.environment_files import MOST
from components.service.jobs import Job, JobName
from components.service.parameter_store import Parameter
from components.service.route_names import Route
from components.service.routing import (
    SECONDS_TO_FINISH_REQUESTS,
    HealthCheck,
    Protocol,
    Stickiness,
    protocol_problem,
)
from components.service.strategies import Deploy, RollingStrategy
from components.service.task_role import Permission
from components.tags import alike

STACK_S_TAGS = ("project", "stack")
"""Keys of `aws:defaultTags` by which roles and policies know what is a stack's."""


class Task(sizes.Task):
    """The task definition's template and size."""

    template: types.TemplateName
    """A file of task_templates/."""
    environment_files: types.UniqueList[types.EnvironmentFile] = Field(default_factory=list, max_length=MOST)
    """Files of task_templates/, each line VARIABLE=VALUE, and ARNs of S3 objects, for the containers of the service's
    image. Of a variable that is in two the first file's counts; a task definition pins those of task_templates/."""


class Service(Model):
    """A service, its pipeline and its parameters."""

    task: Task
    protocol: Protocol = "http1"
    """What the load balancer speaks with the tasks: with `http2` and `grpc` HTTP/2 without TLS, and with whoever asks
    HTTP/2 only. One that is up keeps it, and another one is refused: its target groups would be made anew."""
    health_check: HealthCheck = HealthCheck()
    drain: Annotated[int, Field(ge=0, le=3600)] = SECONDS_TO_FINISH_REQUESTS
    """Seconds that a task which leaves still has for the requests that it is answering; a deployment waits no longer
    than its longest one. Of longer ones, uploads and WebSockets, what is left then is cut off."""
    stickiness: Stickiness | None = None
    """With routes only; without it each request goes to any task."""
    routes: list[Route] = Field(default_factory=list)
    tasks: Tasks = Tasks()
    capacity: Capacity | None = None
    """Without it all tasks run on demand, or on Spot where `cluster.spot` says so."""
    deploy: Deploy = RollingStrategy()
    """How a new image replaces the old one."""
    alarms: Alarms = Alarms()
    """With routes only; they watch what the load balancer sees."""
    source: Source = Source()
    build: Build = Build()
    assets: Assets | None = None
    """With routes only. Without it a new image has its own assets only, and an open page of the release before misses
    some of its own."""
    migrate: Migrate | None = None
    """Without it a release migrates nothing."""
    jobs: dict[JobName, Job] = Field(default_factory=dict)
    """Commands that run beside the service with its released image, by a schedule or by hand."""
    approve: bool | None = None
    """Whether somebody approves each release before it is deployed; unset, as the stack's `protect` says."""
    parameters: dict[types.ParameterName, Parameter] = Field(default_factory=dict)
    permissions: list[Permission] = Field(default_factory=list)
    """What the app may do in AWS; without any, nothing."""
    tags: Annotated[dict[types.TagKey, types.TagValue], Field(max_length=8)] = Field(default_factory=dict)
    """Of all that the service is made of, its tasks too, beside those of `aws:defaultTags`: S3 takes ten together."""
    connects_to: list[Connection] = Field(default_factory=list)
    """What the tasks connect to inside of the VPC: databases, caches, other services of the stack."""
    exec: bool = False
    """Whether ECS Exec opens a shell in its tasks, for whoever may call it; each session is logged."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.routes and self.task.port is None:
            raise ValueError("routes need task.port")
        if "health_check" in self.model_fields_set and not self.routes:
            raise ValueError("health_check is asked by the load balancer, and there are no routes")
        if taken := sorted(key for key in self.tags if key.lower() in STACK_S_TAGS or key.lower().startswith("aws:")):
            raise ValueError(f"tags.{taken[0]} is the stack's own (aws:defaultTags), or AWS's")
        for one, other in alike(self.tags):
            raise ValueError(f"tags: {one} and {other} differ in case only, and a role has one of them (IAM); take one")
        if "protocol" in self.model_fields_set and not self.routes:
            raise ValueError("protocol is spoken by the load balancer, and there are no routes")
        if "drain" in self.model_fields_set and not self.routes:
            raise ValueError("drain is of requests from the load balancer, and there are no routes")
        if self.routes and (problem := protocol_problem(self.protocol, self.health_check)):
            raise ValueError(problem)
        if self.stickiness is not None and not self.routes:
            raise ValueError("stickiness is the load balancer's, and there are no routes")
        if self.assets is not None and not self.routes:
            raise ValueError("assets are asked for through the load balancer, and there are no routes")
        if "alarms" in self.model_fields_set and not self.routes:
            raise ValueError("alarms watch what the load balancer sees, and there are no routes")
        if self.protocol == "grpc" and "server_errors" in self.alarms.model_fields_set and self.alarms.server_errors:
            raise ValueError(
                "alarms.server_errors counts HTTP's 5xx, and with protocol grpc a call that fails is an answer 200; "
                "take it away, or say false: latency and unhealthy_hosts are looked at, and of its calls the app has "
                "to tell by metrics of its own"
            )
        if not self.source.is_built and "build" in self.model_fields_set:
            raise ValueError(f"build: with source.type {self.source.type} nothing is built; take it away")
        if not self.source.is_built and (
            built := sorted(k for k, p in self.parameters.items() if "build" in p.readers)
        ):
            raise ValueError(
                f"parameters.{built[0]}.for: build, and with source.type {self.source.type} nothing is built; only "
                "runtime is left"
            )
        if self.routes and self.health_check.grace >= self.deploy.timeout * 60:
            raise ValueError(
                f"health_check.grace {self.health_check.grace} gives a task as long as deploy.timeout "
                f"{self.deploy.timeout} (minutes) gives its deployment; take more timeout, 60 at most, or less grace"
            )
        if self.tasks.target_requests is not None and (len(self.routes) != 1 or self.deploy.shifts):
            raise ValueError(
                f"tasks.target_requests is measured at one target group, and with {len(self.routes)} routes and "
                f"deploy.strategy {self.deploy.strategy} there are others or none; use target_cpu or target_memory"
            )
        if names_of(self.connects_to) and self.deploy.controller.deploys_template:
            raise ValueError(
                f"connects_to: services are reached by Service Connect, which {self.deploy.controller.title} does not "
                "deploy; take another deploy.strategy, or reach them by their hosts"
            )
        for problem in self.deploy.problems(routes=len(self.routes), sessions=self.exec):
            raise ValueError(problem)
        return self
