"""What AWS says of a stack's services: what each runs, what is in flight, what is live and what was released."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3

from delivery.record import FINGERPRINT_LABEL, UNRELEASED, RecordError, Release, record_name

DEPLOY_STAGE = "Deploy"
"""The pipeline's stage that changes what a service runs."""
LIVE = "live"
"""The tag of the image that was released last."""
MOST_SERVICES, MOST_PARAMETERS = 10, 10
"""How many DescribeServices and GetParameters take at once."""
AT_ONCE = 16


@dataclass(frozen=True)
class Deployment:
    """A deployment of an ECS service.

    Attributes:
        id: `ecs-svc/…`.
        task_definition: the revision's ARN.
        state: `IN_PROGRESS`, `COMPLETED` or `FAILED`.
        reason: ECS's words for the state.
        tasks: how many of its tasks run or are about to.
    """

    id: str
    task_definition: str
    state: str
    reason: str
    tasks: int


@dataclass(frozen=True)
class ServiceState:
    """A service at one moment.

    Attributes:
        service: its name in the stack file.
        task_definition: the revision that it should run: its primary deployment's.
        fingerprint: the template that this revision was made of; "" when it says nothing of it.
        desired: tasks that should run.
        deployments: the primary deployment first.
        record: the release record's value.
        execution: the pipeline execution that is in the Deploy stage, None when none is.
    """

    service: str
    task_definition: str
    fingerprint: str
    desired: int
    deployments: tuple[Deployment, ...]
    record: str
    execution: str | None

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


@dataclass(frozen=True)
class Images:
    """The three places that say which image a service has; they agree after every release.

    Attributes:
        running: the digest that its tasks run; None when none runs.
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


def look(session: boto3.Session, stack: str, services: Sequence[str]) -> dict[str, ServiceState]:
    """The states of those services that there are, all at once.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    described = {service["serviceName"]: service for service in _describe(session, stack, services)}
    there = [name for name in services if f"{stack}-{name}" in described]
    records = _records(session, stack, there)
    pipelines, ecs = session.client("codepipeline"), session.client("ecs")

    def state(name: str) -> ServiceState:
        service = described[f"{stack}-{name}"]
        return ServiceState(
            service=name,
            task_definition=service["taskDefinition"],
            fingerprint=_fingerprint(ecs, service["taskDefinition"]),
            desired=service["desiredCount"],
            deployments=tuple(_deployments(service)),
            record=records.get(name, UNRELEASED),
            execution=_deploying(pipelines, f"{stack}-{name}"),
        )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(there, pool.map(state, there), strict=True))


def deployments(session: boto3.Session, stack: str, service: str) -> list[Deployment]:
    """A service's deployments, the primary one first; none when there is no such service.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    return [deployment for found in _describe(session, stack, [service]) for deployment in _deployments(found)]


def images(session: boto3.Session, stack: str, state: ServiceState) -> Images:
    """Which image a service runs, which is live and which was released."""
    release = state.release
    return Images(
        running=_running(session.client("ecs"), stack, state),
        live=_digest(session.client("ecr"), f"{stack}-{state.service}", LIVE),
        released=release.image_digest if release else None,
    )


def own_containers(definition: dict[str, Any], repository: str) -> list[str]:
    """The containers of a task definition that run an image of the repository."""
    return [
        container["name"]
        for container in definition["containerDefinitions"]
        if container["image"].partition("@")[0].rpartition("/")[2].partition(":")[0] == repository
    ]


def revision_name(arn: str) -> str:
    """`family:revision` of a task definition's ARN."""
    return arn.rpartition("/")[2]


def _describe(session: boto3.Session, stack: str, services: Sequence[str]) -> Iterator[dict[str, Any]]:
    ecs = session.client("ecs")
    for names in _some(services, MOST_SERVICES):
        try:
            answer = ecs.describe_services(cluster=stack, services=[f"{stack}-{name}" for name in names])
        except ecs.exceptions.ClusterNotFoundException:
            return
        yield from (service for service in answer["services"] if service["status"] == "ACTIVE")


def _records(session: boto3.Session, stack: str, services: Sequence[str]) -> dict[str, str]:
    ssm, named = session.client("ssm"), {record_name(stack, service): service for service in services}
    values = {}
    for names in _some(list(named), MOST_PARAMETERS):
        for parameter in ssm.get_parameters(Names=list(names))["Parameters"]:
            values[named[parameter["Name"]]] = parameter["Value"]
    return values


def _some(items: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]


def _deployments(service: dict[str, Any]) -> list[Deployment]:
    return list(map(_deployment, sorted(service["deployments"], key=lambda found: found["status"] != "PRIMARY")))


def _deployment(deployment: dict[str, Any]) -> Deployment:
    return Deployment(
        id=deployment["id"],
        task_definition=deployment["taskDefinition"],
        state=deployment.get("rolloutState", "COMPLETED"),
        reason=deployment.get("rolloutStateReason", ""),
        tasks=deployment.get("runningCount", 0) + deployment.get("pendingCount", 0),
    )


def _fingerprint(ecs: Any, task_definition: str) -> str:
    definition = ecs.describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
    labels = (container.get("dockerLabels", {}) for container in definition["containerDefinitions"])
    return next((label[FINGERPRINT_LABEL] for label in labels if FINGERPRINT_LABEL in label), "")


def _deploying(codepipeline: Any, pipeline: str) -> str | None:
    """The execution that is in a pipeline's Deploy stage."""
    try:
        stages = codepipeline.get_pipeline_state(name=pipeline)["stageStates"]
    except codepipeline.exceptions.PipelineNotFoundException:
        return None
    for stage in stages:
        latest = stage.get("latestExecution", {})
        if stage["stageName"] == DEPLOY_STAGE and latest.get("status") in ("InProgress", "Stopping"):
            return str(latest["pipelineExecutionId"])
    return None


def _running(ecs: Any, stack: str, state: ServiceState) -> str | None:
    """The digest that the tasks of the primary deployment's revision run."""
    arns = ecs.list_tasks(cluster=stack, serviceName=f"{stack}-{state.service}")["taskArns"]
    if not arns:
        return None
    definition = ecs.describe_task_definition(taskDefinition=state.task_definition)["taskDefinition"]
    containers = own_containers(definition, f"{stack}-{state.service}")
    tasks = ecs.describe_tasks(cluster=stack, tasks=arns)["tasks"]
    digests = [
        container.get("imageDigest")
        for task in sorted(tasks, key=lambda task: task["taskDefinitionArn"] != state.task_definition)
        for container in task["containers"]
        if container["name"] in containers
    ]
    return next((digest for digest in digests if digest), None)


def _digest(ecr: Any, repository: str, tag: str) -> str | None:
    try:
        found = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"]
    except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
        return None
    return str(found[0]["imageDigest"])
