"""What a service runs, and what was released."""

import re
from dataclasses import asdict, dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from delivery.record import Release, record_name


class DeliveryError(Exception):
    """What a command cannot do; the message says what to do next."""


@dataclass(frozen=True)
class Secret:
    """An environment variable whose value ECS reads when a task starts."""

    name: str
    arn: str


@dataclass(frozen=True)
class Status:
    """A service as it is now.

    Attributes:
        service: its name in the stack file.
        image_digest: what its tasks run; None when none runs.
        task_definition: the revision's ARN.
        revision: the revision's number.
        cpu: CPU units.
        memory: MiB.
        environment: plain variables of the containers that run the service's image.
        secrets: those from Parameter Store.
        desired: tasks that should run.
        running: tasks that run.
        deployment: the newest deployment's state.
        release: the release record, None before the first release.
    """

    service: str
    image_digest: str | None
    task_definition: str
    revision: int
    cpu: int
    memory: int
    environment: dict[str, str]
    secrets: list[Secret]
    desired: int
    running: int
    deployment: str
    release: Release | None

    def document(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)

    def lines(self) -> list[tuple[str, str]]:
        """For people: label and text."""
        release = self.release
        released = "nothing yet" if release is None else f"release-{release.release} of {release.time}"
        return [
            ("service", self.service),
            ("image", self.image_digest or "no task runs"),
            ("release", released),
            ("task definition", self.task_definition.rpartition("/")[2]),
            ("size", f"{self.cpu} CPU units, {self.memory} MiB"),
            ("tasks", f"{self.running} running, {self.desired} desired"),
            ("deployment", self.deployment),
            *(("environment", f"{name}={value}") for name, value in sorted(self.environment.items())),
            *(("secret", f"{secret.name} from {secret.arn.partition(':parameter')[2]}") for secret in self.secrets),
        ]


def status(stack: str, service: str) -> Status:
    """Look at a service.

    Raises:
        DeliveryError: there is no such service, or AWS refuses to tell.
    """
    try:
        return _status(stack, service)
    except ClientError as error:
        raise DeliveryError(str(error)) from None


def _status(stack: str, service: str) -> Status:
    ecs, name = boto3.client("ecs"), f"{stack}-{service}"
    found = ecs.describe_services(cluster=stack, services=[name])["services"]
    if not found or found[0]["status"] == "INACTIVE":
        there = sorted(arn.rpartition("/")[2] for arn in ecs.list_services(cluster=stack)["serviceArns"])
        names = ", ".join(other.removeprefix(f"{stack}-") for other in there) or "none"
        raise DeliveryError(f"there is no service {service} in stack {stack}; there are: {names}")
    described = found[0]
    definition = ecs.describe_task_definition(taskDefinition=described["taskDefinition"])["taskDefinition"]
    of_service = re.compile(rf"/{re.escape(name)}[:@]")
    own = [c for c in definition["containerDefinitions"] if of_service.search(c["image"])]
    arns = ecs.list_tasks(cluster=stack, serviceName=name)["taskArns"]
    tasks = ecs.describe_tasks(cluster=stack, tasks=arns)["tasks"] if arns else []
    value = boto3.client("ssm").get_parameter(Name=record_name(stack, service))["Parameter"]["Value"]
    return Status(
        service=service,
        image_digest=_running_digest(tasks, described["taskDefinition"], {c["name"] for c in own}),
        task_definition=described["taskDefinition"],
        revision=definition["revision"],
        cpu=int(definition["cpu"]),
        memory=int(definition["memory"]),
        environment={e["name"]: e["value"] for c in own for e in c.get("environment", [])},
        secrets=[Secret(s["name"], s["valueFrom"]) for c in own for s in c.get("secrets", [])],
        desired=described["desiredCount"],
        running=described["runningCount"],
        deployment=next((d.get("rolloutState", d["status"]) for d in described["deployments"]), "none"),
        release=Release.parse(value),
    )


def _running_digest(tasks: list[dict[str, Any]], revision: str, containers: set[str]) -> str | None:
    """The digest that the service's tasks run, of its newest revision first."""
    ordered = sorted(tasks, key=lambda task: task["taskDefinitionArn"] != revision)
    digests = [
        container.get("imageDigest")
        for task in ordered
        for container in task["containers"]
        if container["name"] in containers
    ]
    return next((digest for digest in digests if digest), None)
