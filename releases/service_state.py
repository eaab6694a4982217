"""What AWS says of a stack's services: what each runs, what is in flight, what is live and what was released."""

from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import boto3

from releases import service_deployments
from releases.controllers import controller_of
from releases.controllers.controller import Controller, Deployment, Tasks
from releases.ecs import (
    AT_ONCE,
    describe_revision,
    describe_services,
    describe_tasks,
    fingerprint_in,
    in_parts,
    list_services,
    with_parameters,
)
from releases.errors import DeliveryError, RecordError
from releases.names import LIVE, aws_name, may_be_short, record_name
from releases.pipeline_state import IDLE, PipelineState, read_pipeline_state
from releases.record import UNRELEASED, Release
from releases.repository import Repository, is_of
from releases.service_deployments import ServiceDeployment, how_to_wait
from releases.template import StoredTemplate, stored_template

MOST_PARAMETERS = 10
"""How many GetParameters takes at once."""


class ProviderShare(NamedTuple):
    """A part of a service's capacity provider strategy.

    Attributes:
        provider: FARGATE or FARGATE_SPOT.
        weight: its share of the tasks beyond the base.
        base: how many tasks it has before that.
    """

    provider: str
    weight: int = 1
    base: int = 0


@dataclass(frozen=True)
class Settings:
    """What an update of a service sets beside its task definition.

    Attributes:
        capacity_providers: where its tasks run. A change reaches no task that runs.
        execute_command: whether ECS Exec opens sessions in its tasks. A change reaches no task that runs.
        grace_period: seconds in which the load balancer's health checks of a new task do not count.
        alarms: the names of those that roll a deployment back.
    """

    capacity_providers: tuple[ProviderShare, ...] = ()
    execute_command: bool = False
    grace_period: int = 0
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class ServiceState:
    """A service at one moment.

    Attributes:
        service: its name in the stack file.
        name: the ECS service's.
        cluster: the name of the ECS cluster that it is in.
        controller: who deploys it.
        task_definition: the revision that it should run: its primary deployment's.
        fingerprint: the template that this revision was made of; "" when it says nothing of it.
        desired: tasks that should run.
        target_groups: the ARNs of those that its tasks are in.
        deployments: the primary deployment first.
        record: the release record's value.
        execution: the pipeline execution that is in the Deploy stage, None when none is.
        settings: what it has beside its task definition.
        template: the task definition that is deployed next, where that is a template; None where the image alone is.
        strategy: how ECS deploys it: `ROLLING`, `BLUE_GREEN`, `CANARY` or `LINEAR`.
        alternates: whether ECS knows a second target group of it, which it shifts traffic to or has shifted it to.
        shifting: the service deployment in which ECS shifts its traffic; None when it has none.
        revisions: the task definitions of its deployments, of which ECS may start tasks.
        pipeline: what its pipeline is at.
    """

    service: str
    name: str
    cluster: str
    controller: Controller
    task_definition: str
    fingerprint: str
    desired: int
    target_groups: tuple[str, ...]
    deployments: tuple[Deployment, ...]
    record: str
    execution: str | None
    settings: Settings = Settings()
    template: StoredTemplate | None = None
    strategy: str = "ROLLING"
    alternates: bool = False
    shifting: ServiceDeployment | None = None
    revisions: tuple[Mapping[str, Any], ...] = ()
    pipeline: PipelineState = IDLE

    @property
    def definition(self) -> Mapping[str, Any]:
        """The task definition that it should run, as DescribeTaskDefinition has it."""
        return next(each for each in self.revisions if each["taskDefinitionArn"] == self.task_definition)

    @property
    def shifts(self) -> bool:
        """Whether it has two target groups, whose weights are those of its deployments."""
        return self.alternates or self.controller.deploys_template

    @property
    def release(self) -> Release | None:
        """What was released last.

        Raises:
            RecordError: the record's value is not a release.
        """
        return Release.parse(self.record)

    def check_record(self) -> None:
        """Read the record now, so that one that no Release step wrote is found before it is needed.

        Raises:
            RecordError: the record's value is not a release; the message names the service.
        """
        try:
            Release.parse(self.record)
        except RecordError as error:
            raise RecordError(f"{self.service}: {error}") from None

    @property
    def blocks_up(self) -> str | None:
        """What is in flight that `up` must not disturb, in words; None when nothing is."""
        return None if self.controller.deploys_template else self.in_flight

    @property
    def in_flight(self) -> str | None:
        """What changes the service right now, in words; None when nothing does."""
        if self.execution:
            return f"pipeline execution {self.execution}"
        primary, *others = self.deployments
        # Beside one that has failed, those before it stay; while they have tasks, ECS may be about to roll back.
        if primary.state == "FAILED":
            others = [other for other in others if other.tasks]
        if primary.state == "IN_PROGRESS" or others:
            return f"deployment {primary.id} of {revision_name(primary.task_definition)}"
        return None

    def how_to_wait(self, stack: str) -> str:
        """Words and a command for waiting until nothing is in flight."""
        if self.shifting is not None and self.shifting.pause:
            return self.shifting.how_to_wait(stack, self.service)
        what = f"execution {self.execution}" if self.execution else "it"
        return how_to_wait(stack, self.service, what)

    def refuse_in_flight(self, stack: str) -> None:
        """Stop a command while something changes the service.

        Raises:
            DeliveryError: what does, and how to wait for it.
        """
        if self.in_flight:
            raise DeliveryError(f"{self.in_flight} is in flight; {self.how_to_wait(stack)}, then run this again")


@dataclass(frozen=True)
class Images:
    """The three places that say which image a service has; they agree after every release.

    Attributes:
        running: the digest that its tasks run; None when none runs. Where that is one platform's image of an index that
            was deployed, the index.
        live: the digest that the tag `live` points to.
        released: the digest in the release record.
    """

    running: str | None
    live: str | None
    released: str | None

    @property
    def agree(self) -> bool:
        """Whether nothing needs repair. A service without tasks has nothing to disagree with."""
        return self.live == self.released and self.running in (None, self.live)


def read_state(session: boto3.Session, stack: str, service: str) -> ServiceState:
    """A service as it is now.

    Raises:
        DeliveryError: there is no such service; the message names those there are. Or it is a long name's short one.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    refuse_short_name(session, stack, service)
    if state := read_states(session, stack, [service]).get(service):
        return state
    names = ", ".join(list_services(session, stack)) or "none, so check the stack, the account and the region"
    raise DeliveryError(f"there is no service {service} in stack {stack}; there are: {names}")


def refuse_short_name(session: boto3.Session, stack: str, service: str) -> None:
    """Stop a command that was given what AWS's names have of a long name.

    Raises:
        DeliveryError: the name in full.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    may_be_another = may_be_short(service) and not _records(session, stack, [service])
    if may_be_another and (name := with_parameters(session, stack).get(service, service)) != service:
        raise DeliveryError(f"{service} is the short form in AWS names; use the full name {name}")


def read_states(session: boto3.Session, stack: str, services: Sequence[str]) -> dict[str, ServiceState]:
    """The states of those services that there are, all at once.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    described = describe_services(session, stack, services)
    there = [name for name in services if name in described]
    records = _records(session, stack, there)
    pipelines, ecs = session.client("codepipeline"), session.client("ecs")

    def state(name: str) -> ServiceState:
        service = described[name]
        controller = controller_of(service)
        cluster = service["clusterArn"].rpartition("/")[2]
        shifting = service_deployments.in_progress(ecs, cluster, service)
        listed = service_deployments.with_progress(controller.deployments(service), shifting)
        revisions = {arn: describe_revision(ecs, arn) for arn in dict.fromkeys(each.task_definition for each in listed)}
        deployments = tuple(
            replace(each, fingerprint=fingerprint_in(revisions[each.task_definition])) for each in listed
        )
        record = records.get(name, UNRELEASED)
        pipeline = read_pipeline_state(pipelines, aws_name(stack, name))
        return ServiceState(
            service=name,
            name=service["serviceName"],
            cluster=cluster,
            controller=controller,
            task_definition=deployments[0].task_definition,
            fingerprint=deployments[0].fingerprint,
            desired=service["desiredCount"],
            target_groups=tuple(controller.target_groups(service)),
            deployments=deployments,
            record=record,
            execution=pipeline.deploying,
            pipeline=pipeline,
            settings=_settings(service),
            template=stored_template(session, stack, name, record) if controller.deploys_template else None,
            strategy=service_deployments.strategy_of(service),
            alternates=any("advancedConfiguration" in balancer for balancer in service.get("loadBalancers", [])),
            shifting=shifting,
            revisions=tuple(revisions.values()),
        )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(there, pool.map(state, there), strict=True))


def images(session: boto3.Session, stack: str, state: ServiceState, tasks: Tasks | None = None) -> Images:
    """Which image a service runs, which is live and which was released.

    Args:
        session: AWS.
        stack: the stack.
        state: the service.
        tasks: those of the service, where they are known already.

    Raises:
        DeliveryError: no container of the revision that runs is the service's own.
        RecordError: the release record is none.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    release, repository = state.release, Repository(session, aws_name(stack, state.service))
    live, released = repository.digest(LIVE), release.image_digest if release else None
    ecs = session.client("ecs")
    if tasks is None:
        tasks = describe_tasks(ecs, state.cluster, serviceName=state.name)
    running, named = _running(ecs, state, repository.name, list(tasks))
    return Images(running and as_deployed(running, (named, live, released), repository.platforms), live, released)


def as_deployed(running: str, known: Sequence[str | None], platforms: Callable[[str], Set[str]]) -> str:
    """The digest by which an image was deployed that a task runs.

    Of an index ECS may give the digest of what a task pulled, its own platform's image (docs/aws-assumptions.md).

    Args:
        running: the digest that ECS gives.
        known: digests that may be an index of it: what the revision names, what is live, what was released.
        platforms: the digests that an index lists; asked only while nothing known is what runs.
    """
    if running in known:
        return running
    candidates = dict.fromkeys(digest for digest in known if digest)
    return next((digest for digest in candidates if running in platforms(digest)), running)


def named_digest(definition: Mapping[str, Any], repository: str) -> str | None:
    """The digest by which a task definition names an image of the repository; None when it names a tag."""
    containers = service_containers(definition, repository)
    parts = [c["image"].partition("@")[2] for c in definition["containerDefinitions"] if c["name"] in containers]
    return next((digest for digest in parts if digest), None)


def service_containers(definition: Mapping[str, Any], repository: str) -> list[str]:
    """The containers of a task definition that run an image of the repository."""
    return [
        container["name"] for container in definition["containerDefinitions"] if is_of(repository, container["image"])
    ]


def revision_name(arn: str) -> str:
    """`family:revision` of a task definition's ARN."""
    return arn.rpartition("/")[2]


def _records(session: boto3.Session, stack: str, services: Sequence[str]) -> dict[str, str]:
    ssm, named = session.client("ssm"), {record_name(stack, service): service for service in services}
    values = {}
    for names in in_parts(list(named), MOST_PARAMETERS):
        for parameter in ssm.get_parameters(Names=list(names))["Parameters"]:
            values[named[parameter["Name"]]] = parameter["Value"]
    return values


def _settings(service: dict[str, Any]) -> Settings:
    alarms = service.get("deploymentConfiguration", {}).get("alarms", {})
    return Settings(
        capacity_providers=tuple(
            sorted(
                ProviderShare(each["capacityProvider"], each.get("weight", 0), each.get("base", 0))
                for each in service.get("capacityProviderStrategy", [])
            )
        ),
        execute_command=service.get("enableExecuteCommand", False),
        grace_period=service.get("healthCheckGracePeriodSeconds", 0),
        alarms=tuple(sorted(alarms["alarmNames"])) if alarms.get("enable") else (),
    )


def _running(
    ecs: Any, state: ServiceState, repository: str, tasks: Sequence[Mapping[str, Any]]
) -> tuple[str | None, str | None]:
    """The digest that the tasks of the primary deployment's revision run, and the one that this revision names."""
    if not tasks:
        return None, None
    known = {definition["taskDefinitionArn"]: definition for definition in state.revisions}
    definition = known.get(state.task_definition) or describe_revision(ecs, state.task_definition)
    containers = service_containers(definition, repository)
    if not containers:
        raise DeliveryError(
            f"{state.service}: {revision_name(state.task_definition)} has no container with an image of the repository "
            f"{repository}, so it is unknown which image runs"
        )
    digests = [
        container.get("imageDigest")
        for task in sorted(tasks, key=lambda task: task["taskDefinitionArn"] != state.task_definition)
        for container in task["containers"]
        if container["name"] in containers
    ]
    return next((digest for digest in digests if digest), None), named_digest(definition, repository)
