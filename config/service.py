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
    NOT_STICKY,
    SECONDS_TO_FINISH_REQUESTS,
    HealthCheck,
    Protocol,
    Stickiness,
    protocol_problem,
)
from components.service.strategies import Deploy, RollingStrategy
from components.service.task_role import Permission
from components.tags import alike

OF_ROUTES = {
    "health_check": "the load balancer makes the checks",
    "protocol": "the load balancer speaks it",
    "drain": "it is about requests from the load balancer",
    "stickiness": "the load balancer remembers browsers",
    "assets": "browsers get them through the load balancer",
    "alarms": "they watch what the load balancer measures",
}
"""Keys that need routes, and why."""
STACK_S_TAGS = ("project", "stack")
"""Keys of `aws:defaultTags` by which roles and policies know what is a stack's."""


class Task(sizes.Task):
    """The task definition's template and size."""

    template: types.TemplateName
    """A file of task_templates/."""
    environment_files: types.UniqueList[types.EnvironmentFile] = Field(default_factory=list, max_length=MOST)
    """Files of task_templates/ with lines VARIABLE=VALUE, and ARNs of S3 objects, for the containers of the
    service's image. When two files set a variable, the first file wins. A task definition pins the files of
    task_templates/."""


class Service(Model):
    """A service, its pipeline and its parameters."""

    task: Task
    protocol: Protocol = "http1"
    """The protocol between load balancer and tasks. `http2` and `grpc` are HTTP/2 without TLS, and clients must then
    use HTTP/2. A running service keeps its protocol, and another one is refused, because it would replace the
    target groups."""
    health_check: HealthCheck = HealthCheck()
    drain: Annotated[int, Field(ge=0, le=3600)] = SECONDS_TO_FINISH_REQUESTS
    """Seconds that a stopping task has for its open requests. A deployment waits no longer than the longest open
    request. After that time longer requests, such as uploads and WebSockets, are cut off."""
    stickiness: Stickiness | None = None
    """Allowed only with routes. Without it each request may go to any task."""
    routes: list[Route] = Field(default_factory=list)
    tasks: Tasks = Tasks()
    capacity: Capacity | None = None
    """How tasks are shared between on demand and Spot. Without it all tasks run on demand, or on Spot if
    `cluster.spot` is true."""
    deploy: Deploy = RollingStrategy()
    """How a new image replaces the old one."""
    alarms: Alarms = Alarms()
    """Allowed only with routes; the alarms watch what the load balancer measures."""
    source: Source = Source()
    build: Build = Build()
    assets: Assets | None = None
    """Assets of earlier releases; allowed only with routes. Without it a new image has only its own assets, and an
    open page of the previous release lacks some of its own."""
    migrate: Migrate | None = None
    """A command that each release runs before its deployment. Without it a release migrates nothing."""
    jobs: dict[JobName, Job] = Field(default_factory=dict)
    """Commands that run with the service's released image, by a schedule or by hand."""
    approve: bool | None = None
    """Whether somebody must approve each release before it is deployed; the default is the stack's `protect`."""
    parameters: dict[types.ParameterName, Parameter] = Field(default_factory=dict)
    permissions: list[Permission] = Field(default_factory=list)
    """What the app may do in AWS; the default is nothing."""
    tags: Annotated[dict[types.TagKey, types.TagValue], Field(max_length=8)] = Field(default_factory=dict)
    """Tags of all resources of the service and of its tasks, beside those of `aws:defaultTags`: S3 accepts ten
    together."""
    connects_to: list[Connection] = Field(default_factory=list)
    """What the tasks connect to inside the VPC: databases, caches, other services of the stack."""
    exec: bool = False
    """Whether callers with the permission may open a shell in the tasks with ECS Exec; each session is logged."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.routes and self.task.port is None:
            raise ValueError("routes need task.port")
        for key, why in OF_ROUTES.items():
            if key in self.model_fields_set and getattr(self, key) is not None and not self.routes:
                raise ValueError(f"{key}: only with routes, because {why}; add routes, or remove it")
        if taken := sorted(key for key in self.tags if key.lower() in STACK_S_TAGS or key.lower().startswith("aws:")):
            raise ValueError(f"tags.{taken[0]}: only aws:defaultTags or AWS may set it; remove it")
        for one, other in alike(self.tags):
            raise ValueError(f"tags: {one} and {other} differ only in case, and IAM accepts one of them; keep one")
        if self.routes and (problem := protocol_problem(self.protocol, self.health_check)):
            raise ValueError(problem)
        if self.stickiness is not None and self.deploy.shifts:
            raise ValueError(
                f"stickiness: not with deploy.strategy {self.deploy.strategy}, {NOT_STICKY}; remove it (null, if the "
                "defaults set it), or use strategy rolling"
            )
        if self.protocol == "grpc" and "server_errors" in self.alarms.model_fields_set and self.alarms.server_errors:
            raise ValueError(
                "alarms.server_errors: not with protocol grpc, where a failed call is an HTTP answer 200 and no 5xx; "
                "remove it, or set it to false. latency and unhealthy_hosts still count; failed calls need a metric of "
                "the app's own"
            )
        if not self.source.is_built and "build" in self.model_fields_set:
            raise ValueError(f"build: not with source.type {self.source.type}, where nothing is built; remove it")
        if not self.source.is_built and (
            built := sorted(k for k, p in self.parameters.items() if "build" in p.readers)
        ):
            raise ValueError(
                f"parameters.{built[0]}.for: not build with source.type {self.source.type}, where nothing is built; "
                "use runtime only"
            )
        if self.routes and self.health_check.grace >= self.deploy.timeout * 60:
            raise ValueError(
                f"health_check.grace: {self.health_check.grace} seconds must be less than deploy.timeout, "
                f"{self.deploy.timeout} minutes, or no task fails in time; raise the timeout, to 60 at most, or lower "
                "grace"
            )
        if self.tasks.target_requests is not None and (len(self.routes) != 1 or self.deploy.shifts):
            raise ValueError(
                f"tasks.target_requests: needs exactly one target group, and {len(self.routes)} routes with "
                f"deploy.strategy {self.deploy.strategy} have more or none; use target_cpu or target_memory"
            )
        if names_of(self.connects_to) and self.deploy.controller.deploys_template:
            raise ValueError(
                f"connects_to: services are reached by Service Connect, which {self.deploy.controller.title} does not "
                "support; use another deploy.strategy, or connect to their hosts"
            )
        for problem in self.deploy.problems(routes=len(self.routes), sessions=self.exec):
            raise ValueError(problem)
        return self
