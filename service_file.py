"""The keys of a service in a stack file: types, limits, defaults and what goes together."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, TypeAdapter, model_validator
from pydantic_core import CoreSchema

import formats
from components.task_rules import MEMORY
from releases.names import Controller

VALUES_OF_A_RULE, WILDCARDS_OF_A_RULE = 5, 5
"""Of all conditions of a listener rule together; neither can be raised (ELB, quotas for Application Load Balancers)."""

Port = Annotated[int, Field(ge=1, le=65535)]


class Model(BaseModel):
    """No unknown keys, no silent conversions: `"256"` is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class Task(Model):
    """The task definition's template and size."""

    template: formats.TemplateName
    """A file of task_templates/."""
    cpu: Literal[256, 512, 1024, 2048, 4096, 8192, 16384, 32768]
    """CPU units; 1024 are one vCPU."""
    memory: int
    """MiB, as Fargate offers for the cpu."""
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    """Of the tasks, and so of the machine that builds the image."""
    port: Port | None = None
    """Where the container listens. A service with routes needs one."""
    kms_keys: list[formats.KeyArn] = []
    """Customers' keys that encrypt what the template itself names: secrets, parameters, environment files."""

    @model_validator(mode="after")
    def _offered_by_fargate(self) -> Self:
        offered = MEMORY[self.cpu]
        if self.memory not in offered:
            raise ValueError(
                f"memory {self.memory} does not go with cpu {self.cpu}; Fargate offers {', '.join(map(str, offered))}"
            )
        return self


class HealthCheck(Model):
    """How the load balancer asks whether a task is healthy."""

    path: formats.Path = "/"
    matcher: formats.HttpCodes = "200"
    """HTTP codes that mean healthy: `200`, `200,302`, `200-299`."""
    interval: Annotated[int, Field(ge=5, le=300)] = 10
    """Seconds between two requests."""
    timeout: Annotated[int, Field(ge=2, le=120)] = 5
    """Seconds to wait for an answer; less than the interval."""
    healthy: Annotated[int, Field(ge=2, le=10)] = 2
    """Good answers in a row that make a task healthy."""
    unhealthy: Annotated[int, Field(ge=2, le=10)] = 3
    """Bad answers in a row that make it unhealthy."""
    grace: Annotated[int, Field(ge=0, le=3600)] = 60
    """Seconds after a task's start in which bad answers do not count."""

    @model_validator(mode="after")
    def _answers_before_the_next(self) -> Self:
        if self.timeout >= self.interval:
            raise ValueError(f"timeout {self.timeout} must be less than interval {self.interval}")
        return self


class Route(Model):
    """One way in: a target group and a listener rule."""

    host: formats.Host
    paths: Annotated[list[formats.PathPattern], formats.Once, formats.UNIQUE] = []
    """Path patterns such as `/api/*`; none means every path. At most four, with at most five wildcards."""
    priority: Annotated[int, Field(ge=1, le=50000)]
    """Of the listener's rules the lowest that fits decides; no two routes of a stack share one."""

    @model_validator(mode="after")
    def _fits_a_rule(self) -> Self:
        if (values := 1 + len(self.paths)) > VALUES_OF_A_RULE:
            raise ValueError(
                f"a listener rule takes {VALUES_OF_A_RULE} values, and the host and {len(self.paths)} paths are "
                f"{values}; make two routes of them"
            )
        if (wildcards := sum(path.count("*") + path.count("?") for path in self.paths)) > WILDCARDS_OF_A_RULE:
            raise ValueError(
                f"paths have {wildcards} wildcards, and a listener rule takes {WILDCARDS_OF_A_RULE}; make two routes "
                "of them"
            )
        return self


class Tasks(Model):
    """How many tasks run."""

    min: Annotated[int, Field(ge=1, le=1000)] = 1
    max: Annotated[int, Field(ge=1, le=1000)] | None = None
    """The most that scaling may start; without it, `min`."""
    target_cpu: Annotated[int, Field(ge=10, le=90)] | None = None
    """Per cent of CPU that scaling aims at; without it nothing scales."""

    @property
    def most(self) -> int:
        """The upper bound, given or not."""
        return self.min if self.max is None else self.max

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.most < self.min:
            raise ValueError(f"max {self.max} is less than min {self.min}")
        if self.target_cpu is not None and self.most == self.min:
            raise ValueError("target_cpu has no effect unless max is greater than min")
        return self


def _off(given: Any) -> Any:
    if given is None:
        raise ValueError("false switches the alarm off")
    return None if given is False else given


class _Off(BeforeValidator):
    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        limit, _null = handler(core)["anyOf"]
        return {"anyOf": [limit, {"const": False}]}


OFF = _Off(_off)
"""`false` is none."""


class Alarms(Model):
    """From where on a service has an alarm; `false` switches one off.

    Each of them rolls back what is being deployed. All of them together are one more alarm, which has the service's
    name, for whoever is to be paged. Each target group is judged by itself (`components/alarms.py`).
    """

    server_errors: Annotated[Annotated[float, Field(gt=0, le=100)] | None, OFF] = 5
    """Per cent of a minute's requests that the tasks answer with 5xx, in two of five minutes. 5 is what one of twenty
    tasks causes that always fails. Fewer than 5 errors in a minute never count: at night one is many per cent."""
    latency: Annotated[Annotated[float, Field(gt=0)] | None, OFF] = 2
    """Seconds in which 95 % of a minute's requests are answered, in three of five minutes. p95, because p99 of less
    than a hundred requests is the slowest of them; fewer than 20 requests in a minute never count. A service that is
    slower by its nature needs its own number: while an alarm is in ALARM, a deployment that ECS begins is not watched,
    and CodeDeploy's ends at once."""
    unhealthy_hosts: Annotated[Annotated[int, Field(ge=1)] | None, OFF] = 1
    """Tasks that do not pass the load balancer's health check, in three of five minutes: longer than a task that starts
    slowly."""


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
    hooks: dict[LIFECYCLE_EVENTS, formats.FunctionArn] = {}
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


class GitHubUploader(Model):
    """A repository on github.com that uploads."""

    repository: formats.GitHubRepository
    """`OWNER/NAME`."""
    owner_id: Annotated[int, Field(ge=1)]
    """`gh api repos/OWNER/NAME --jq .owner.id` tells it."""
    repository_id: Annotated[int, Field(ge=1)]
    """`gh api repos/OWNER/NAME --jq .id` tells it."""
    branch: str = "main"
    """Only workflows on it upload."""


class GitLabUploader(Model):
    """A project that uploads, on a GitLab that AWS reaches."""

    url: formats.GitLabAddress
    """Of the instance, without a path."""
    project: formats.GitLabProject
    """`GROUP/PROJECT`."""
    branch: str = "main"
    """Only its pipelines upload."""
    audience: str = "sts.amazonaws.com"
    """`aud` of the job's `id_tokens`."""


class Source(Model):
    """Where a release comes from."""

    type: Literal["s3"] = "s3"
    """`s3`: a zip with a Dockerfile, uploaded by a CI that may do nothing else."""
    github: GitHubUploader | None = None
    """A hosted CI that uploads by a role, without an access key. The account needs GitHub's OIDC provider."""
    gitlab: GitLabUploader | None = None
    """The same with a GitLab's."""


class Login(Model):
    """A login to a registry, kept in Secrets Manager as JSON: `username`, and `password` or `accessToken`."""

    secret: formats.SecretArn
    """The ARN of the secret, with its six last characters."""
    key: formats.KeyArn | None = None
    """The KMS key that it is encrypted with, where that is a key of your own."""


class Registries(Model):
    """Where base images come from that not everybody may pull, or not as often as a build needs to.

    The image's build may read these, and nothing else may.
    """

    logins: dict[formats.RegistryHost, Login] = {}
    """By host: `docker.io`, `ghcr.io`. A login of Docker Hub's has a limit of its own, which the addresses of CodeBuild
    share without one."""
    repositories: list[formats.RepositoryArn] = []
    """ECR repositories of other accounts or Regions, by ARN; `…:repository/base/*` is all below `base`. Their own
    policies have to let this account pull."""
    caches: list[formats.CachePrefix] = []
    """Prefixes of this account's pull-through cache rules, such as `docker-hub`. A Dockerfile then names
    `ACCOUNT.dkr.ecr.REGION.amazonaws.com/docker-hub/library/node:22`."""

    @model_validator(mode="after")
    def _no_login_to_ecr(self) -> Self:
        if ecr := [host for host in self.logins if ".dkr.ecr." in host]:
            raise ValueError(f"logins: {', '.join(ecr)} is ECR, which has no login of its own; use repositories")
        return self


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


class External(Model):
    """A parameter that somebody else keeps; its value is not ours, and not pinned by a release."""

    name: formats.ExternalName
    """Its name, in this account and Region."""
    key: formats.KeyArn | None = None
    """The KMS key that it is encrypted with, where that is a key of your own. Without it, the key that AWS keeps for
    Parameter Store, which needs no permission."""
    secret: bool = True
    """Whether the image's build reads it as a secret, which stays out of the image, or as a build argument, which is in
    its history."""

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.key is not None and not self.secret:
            raise ValueError("key: what is encrypted is a secret; take secret: false away, or the key")
        if self.name.startswith("/aws/"):
            raise ValueError(f"name: {self.name} is AWS's own; copy its value into a parameter of this account")
        return self


def _named(given: Any) -> Any:
    return {"name": given} if isinstance(given, str) else given


class _Named(BeforeValidator):
    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(core), TypeAdapter(formats.ExternalName).json_schema()]}


class Parameter(Model):
    """One value of Parameter Store."""

    value: formats.ParameterValue | None = None
    """A plain value."""
    secret: bool = False
    """The value is in the encrypted config `secrets`, under the service's name and this one."""
    external: Annotated[External, _Named(_named)] | None = None
    """A parameter that somebody else keeps: its name, or `{name, key, secret}`."""
    readers: Annotated[list[Literal["build", "runtime"]], Field(alias="for", min_length=1)]
    """Who reads it: the image's build, the running task, or both."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.value is not None) + self.secret + (self.external is not None) != 1:
            raise ValueError("takes exactly one of value, secret: true and external")
        return self


class Permission(Model):
    """One thing that the app itself may do in AWS, with its task role."""

    actions: Annotated[list[formats.Action], Field(min_length=1)]
    """As `s3:GetObject`."""
    resources: Annotated[list[formats.Resource], Field(min_length=1)]
    """Their ARNs."""
    reason: Annotated[str, Field(min_length=10)] | None = None
    """Why there is a `*` or a `?`; needed where there is one."""

    @model_validator(mode="after")
    def _no_wildcard_without_a_reason(self) -> Self:
        wild = [text for text in [*self.actions, *self.resources] if "*" in text or "?" in text]
        if wild and self.reason is None:
            raise ValueError(f"{', '.join(wild)}: a wildcard needs a reason, a sentence in the key `reason`")
        return self


class Service(Model):
    """A service, its pipeline and its parameters."""

    task: Task
    health_check: HealthCheck = HealthCheck()
    routes: list[Route] = []
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
    parameters: dict[formats.ParameterName, Parameter] = {}
    permissions: list[Permission] = []
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
