"""The keys of a service in a stack file: types, limits, defaults and what goes together."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from components import formats
from components import task as sizes
from components.alarms import Alarms
from components.model import Model
from components.parameter_store import Parameter
from components.registries import Registries
from components.route_names import Route
from components.scaling import Tasks
from components.task import Port
from components.task_role import Permission
from components.uploaders import GitHubUploader, GitLabUploader
from components.ways_in import HealthCheck
from releases.names import Controller


class Task(sizes.Task):
    """The task definition's template and size."""

    template: formats.TemplateName
    """A file of task_templates/."""


LIFECYCLE_EVENTS = Literal[
    "BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"
]
"""Where CodeDeploy calls a hook of an ECS deployment, in their order (CodeDeploy, AppSpec hooks for ECS)."""
LONGEST_SHIFT = 2880
"""Minutes between the first and the last step of a shift (CodeDeploy quotas). With the wait and an hour for each
lifecycle event that is less than the five days that CodePipeline gives the action."""


class Deploy(Model):
    """How a new image replaces the old one."""

    strategy: Literal["rolling", "codedeploy"] = "rolling"
    """`rolling`: ECS replaces tasks a few at a time. `codedeploy`: new tasks beside the old ones, then the traffic
    shifts, and back when something fails."""
    shift: Literal["all_at_once", "canary", "linear"] = "all_at_once"
    """How traffic shifts: at once, `percent` and after `interval` the rest, or `percent` every `interval`."""
    percent: Annotated[int, Field(ge=1, le=99)] | None = None
    """Of the traffic, for canary and linear."""
    interval: Annotated[int, Field(ge=1, le=LONGEST_SHIFT)] | None = None
    """Minutes, for canary and linear; the whole shift takes two days at most."""
    wait: Annotated[int, Field(ge=0, le=2880)] = 5
    """Minutes that the old tasks stay after the shift; until they are over, going back is a shift of traffic."""
    test_port: Port | None = None
    """Where the load balancer shows the new tasks before the traffic shifts, to whoever may connect to it
    (`cluster.allowed_cidrs`). Services may share one."""
    hooks: dict[LIFECYCLE_EVENTS, formats.FunctionArn] = Field(default_factory=dict)
    """Lambda functions that CodeDeploy calls and waits for, at most an hour each; not in the first release, whose tasks
    start when it is over."""
    timeout: Annotated[int, Field(ge=5, le=60)] = 15
    """Minutes until a deployment by ECS counts as failed that has not completed: in the pipeline, in which nothing else
    is released meanwhile, and in `up`. More than the slowest good one takes, the bake time of its alarms included; 60
    is the most that CodePipeline's ECS action allows. With `codedeploy`, that much for the tasks of the first release
    and of a change of strategy; any other deployment CodeDeploy itself gives up after an hour."""
    replace: bool = False
    """Allow a change of `strategy` to replace the ECS service; AWS cannot change the controller of one."""

    @property
    def controller(self) -> Controller:
        """Who deploys the ECS service."""
        return "CODE_DEPLOY" if self.strategy == "codedeploy" else "ECS"

    @model_validator(mode="before")
    @classmethod
    def _alarms_are_the_service_s(cls, given: Any) -> Any:
        if isinstance(given, dict) and "alarms" in given:
            raise ValueError(
                "alarms is a key of the service now, for every strategy, and all are on; take it away here, and write "
                "what shall differ as alarms: {server_errors: 5, latency: 2, unhealthy_hosts: false}"
            )
        return given

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        blue_green_only = {"shift", "percent", "interval", "wait", "test_port", "hooks"}
        if self.strategy == "rolling" and (given := sorted(blue_green_only & self.model_fields_set)):
            raise ValueError(f"{', '.join(given)}: only with strategy codedeploy")
        in_steps = self.percent is not None and self.interval is not None
        if self.shift == "all_at_once" and (self.percent is not None or self.interval is not None):
            raise ValueError("percent and interval go with shift canary or linear")
        if self.shift != "all_at_once" and not in_steps:
            raise ValueError(f"shift {self.shift} needs percent and interval")
        if self.percent is not None and self.interval is not None and self.shift == "linear":
            minutes = (math.ceil(100 / self.percent) - 1) * self.interval
            if minutes > LONGEST_SHIFT:
                raise ValueError(
                    f"{self.percent} % every {self.interval} minutes take {minutes} minutes; CodeDeploy allows "
                    f"{LONGEST_SHIFT} between the first step and the last"
                )
        if self.test_port in (80, 443):
            raise ValueError(
                f"test_port {self.test_port} is a port of production traffic; choose another, such as 8443"
            )
        return self


class Source(Model):
    """Where a release comes from."""

    type: Literal["s3"] = "s3"
    """`s3`: a zip with a Dockerfile, uploaded by a CI that may do nothing else."""
    github: GitHubUploader | None = None
    """A hosted CI that uploads by a role, without an access key. The account needs GitHub's OIDC provider."""
    gitlab: GitLabUploader | None = None
    """The same with a GitLab's."""


class Build(Model):
    """The machine that builds the image, and where its base images come from."""

    compute: Literal["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"] = "BUILD_GENERAL1_SMALL"
    timeout: Annotated[int, Field(ge=5, le=480)] = 60
    """Minutes."""
    registries: Registries = Registries()


class Migrate(Model):
    """What runs once per release with the new image, after the build and before the deployment.

    It runs in a task of its own, with the service's network, roles and parameters. An exit code other than 0
    ends the release, and what runs stays. A release that is tried again runs it again.
    """

    command: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    """Run by the image's entry point, such as `[bin/migrate]`."""
    timeout: Annotated[int, Field(ge=1, le=120)] = 15
    """Minutes until it is stopped, and the release with it."""


class Service(Model):
    """A service, its pipeline and its parameters."""

    task: Task
    health_check: HealthCheck = HealthCheck()
    routes: list[Route] = Field(default_factory=list)
    tasks: Tasks = Tasks()
    deploy: Deploy = Deploy()
    alarms: Alarms = Alarms()
    """With routes only; they watch what the load balancer sees."""
    source: Source = Source()
    build: Build = Build()
    migrate: Migrate | None = None
    """Without it a release migrates nothing."""
    approve: bool | None = None
    """Whether somebody approves each release before it is deployed; unset, as the stack's `protect` says."""
    parameters: dict[formats.ParameterName, Parameter] = Field(default_factory=dict)
    permissions: list[Permission] = Field(default_factory=list)
    """What the app may do in AWS; without any, nothing."""
    exec: bool = False
    """Whether ECS Exec opens a shell in its tasks, for whoever may call it; each session is logged."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.routes and self.task.port is None:
            raise ValueError("routes need task.port")
        if "health_check" in self.model_fields_set and not self.routes:
            raise ValueError("health_check is asked by the load balancer, and there are no routes")
        if "alarms" in self.model_fields_set and not self.routes:
            raise ValueError("alarms watch what the load balancer sees, and there are no routes")
        if self.routes and self.health_check.grace >= self.deploy.timeout * 60:
            raise ValueError(
                f"health_check.grace {self.health_check.grace} gives a task as long as deploy.timeout "
                f"{self.deploy.timeout} (minutes) gives its deployment; take more timeout, 60 at most, or less grace"
            )
        if self.deploy.strategy == "codedeploy" and len(self.routes) != 1:
            raise ValueError(
                f"deploy.strategy codedeploy takes exactly one route, and there are {len(self.routes)}: CodeDeploy "
                "shifts the traffic of one target group"
            )
        if self.deploy.strategy == "codedeploy" and self.exec:
            raise ValueError(
                "exec is not with deploy.strategy codedeploy: ECS switches it on when it makes the service"
            )
        return self
