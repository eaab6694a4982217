"""Fargate's steps before a container can start: roles, secrets, images, log streams.

Each failure is worded as ECS words a task's `stoppedReason`:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.account.errors import AwsError
from sandbox.containers.registry import PlatformError
from sandbox.ecs import volumes
from sandbox.ecs.connections import SECRETS_AND_AUTH, unreachable
from sandbox.ecs.containers import ContainerEngine
from sandbox.ecs.environment_files import environment_files
from sandbox.ecs.exec_agent import TASKS, opens_channels
from sandbox.ecs.logs import LogStream, open_stream
from sandbox.ecs.model import Json, Task
from sandbox.ecs.start_error import TaskStartError, describe

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.credentials import Credentials

REGISTRY = re.compile(r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/")


@dataclass
class Provisions:
    """What the containers of one task are started with."""

    images: dict[str, Any] = field(default_factory=dict)
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    streams: dict[str, LogStream] = field(default_factory=dict)


def provision(account: Account, engine: ContainerEngine, task: Task) -> Provisions:
    """Everything that must be there before the first container starts; TaskStartError otherwise."""
    definition = task.task_definition
    overrides = {entry["name"]: entry for entry in task.overrides.get("containerOverrides", [])}
    execution, role = roles(account, definition, task.overrides, task.id)
    if task.launch.get("enableExecuteCommand"):
        task.agent_status = "RUNNING" if role and opens_channels(account, task, role) else "STOPPED"
    if reason := volumes.unreachable(account, task) or volumes.denied(account, task, role):
        raise TaskStartError(reason)
    result = Provisions()
    for container in definition["containerDefinitions"]:
        name = container["name"]
        environment = {
            "AWS_REGION": account.region,
            "AWS_DEFAULT_REGION": account.region,
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        }
        environment |= environment_files(account, execution, container.get("environmentFiles", []))
        for source in (container, overrides.get(name, {})):
            environment |= {pair["name"]: pair["value"] for pair in source.get("environment", [])}
        environment |= _secrets(account, task, execution, container.get("secrets", []))
        result.environments[name] = environment
    for container in definition["containerDefinitions"]:
        result.images[container["name"]] = _pull(account, engine, execution, task, container)
    for container in definition["containerDefinitions"]:
        stream = _stream(account, execution, task, container)
        if stream:
            result.streams[container["name"]] = stream
    return result


def roles(
    account: Account, definition: Json, overrides: Json, task_id: str = "task"
) -> tuple[Credentials | None, Credentials | None]:
    """Sessions of a task's execution role and of its task role; TaskStartError when ECS may not assume one."""
    execution, task_role = (overrides.get(name) or definition.get(name) for name in ("executionRoleArn", "taskRoleArn"))
    return _assume(account, task_id, execution), _assume(account, task_id, task_role)


def _assume(account: Account, task_id: str, role: str | None) -> Credentials | None:
    if not role:
        return None
    try:
        return account.assume(role, TASKS, task_id)
    except AwsError as error:
        raise TaskStartError(
            f"ECS was unable to assume the role '{role}' that was provided for this task. Please verify"
            " that the role being passed has the proper trust relationship and permissions and that your"
            " IAM user has permissions to pass this role."
        ) from error


def _reach(account: Account, task: Task, *services: str) -> None:
    """TaskStartError when the task's network does not lead to one of these services."""
    for service in services:
        if reason := unreachable(account, task, service):
            raise TaskStartError(reason)


def _secrets(account: Account, task: Task, execution: Credentials | None, declared: list[Json]) -> dict[str, str]:
    if not declared:
        return {}
    if execution is None:
        raise TaskStartError(SECRETS_AND_AUTH + "execution role is required to retrieve secrets, but none is specified")
    parameters = {s["name"]: parameter_name(s["valueFrom"]) for s in declared if not _is_secret(s)}
    _reach(
        account, task, *(["ssm"] if parameters else []), *(["secretsmanager"] if any(map(_is_secret, declared)) else [])
    )
    values = _parameters(account, execution, sorted(set(parameters.values())))
    environment = {name: values[parameter] for name, parameter in parameters.items()}
    for secret in declared:
        if _is_secret(secret):
            environment[secret["name"]] = _secret_value(account, execution, secret["valueFrom"])
    return environment


def _is_secret(secret: Json) -> bool:
    return str(secret["valueFrom"]).startswith("arn:") and ":secretsmanager:" in secret["valueFrom"]


def parameter_name(value_from: str) -> str:
    """The name of an SSM parameter that a `valueFrom` gives as a name or an ARN."""
    if not value_from.startswith("arn:"):
        return value_from
    path = value_from.split(":parameter/", 1)[-1]
    return f"/{path}" if "/" in path else path


def _parameters(account: Account, execution: Credentials, names: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    client = account.client("ssm", execution)
    prefix = SECRETS_AND_AUTH + "execution resource retrieval failed: unable to retrieve secrets from ssm: "
    for start in range(0, len(names), 10):
        try:
            answer = client.get_parameters(Names=names[start : start + 10], WithDecryption=True)
        except (ClientError, BotoCoreError) as error:
            raise TaskStartError(f"{prefix}service call has been retried 1 time(s): {describe(error)}") from error
        if answer.get("InvalidParameters"):
            missing = ",".join(answer["InvalidParameters"])
            raise TaskStartError(f"{prefix}service call has been retried 1 time(s): invalid ssm parameters: {missing}")
        values |= {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
    return values


def _secret_value(account: Account, execution: Credentials, value_from: str) -> str:
    """A secret, or one field of it: `ARN:json-key:version-stage:version-id`, of which each may be empty."""
    parts = value_from.split(":")
    json_key, stage, version = [*parts[7:], "", "", ""][:3]
    chosen = {"VersionStage": stage} if stage else {"VersionId": version} if version else {}
    try:
        answer = account.client("secretsmanager", execution).get_secret_value(SecretId=":".join(parts[:7]), **chosen)
    except (ClientError, BotoCoreError) as error:
        raise TaskStartError(
            f"{SECRETS_AND_AUTH}execution resource retrieval failed: unable to retrieve secret from asm:"
            f" service call has been retried 1 time(s): {describe(error)}"
        ) from error
    value = str(answer["SecretString"])
    if not json_key:
        return value
    try:
        return str(json.loads(value)[json_key])
    except (ValueError, KeyError) as error:
        raise TaskStartError(
            f"{SECRETS_AND_AUTH}execution resource retrieval failed: unable to retrieve secret from asm:"
            f" retrieved secret from Secrets Manager did not contain json key {json_key}"
        ) from error


def _pull(account: Account, engine: ContainerEngine, execution: Credentials | None, task: Task, container: Json) -> Any:
    """The image by its digest: a deployment's first task resolves the tag for all its tasks, or each for itself."""
    uri = container["image"]
    if not REGISTRY.match(uri):
        raise TaskStartError(
            f"CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve"
            f" ref {uri}: this sandbox can pull from its own ECR only"
        )
    if execution is None:
        raise TaskStartError(
            "CannotPullECRContainerError: Fargate requires task definition to have execution role ARN to"
            " support ECR images."
        )
    _reach(account, task, "ecr.api", "ecr.dkr", "s3")
    digest = None if account.readings.late_tags else task.digests.get(uri)
    pinned = f"{_without_tag(uri)}@{digest}" if digest else uri
    try:
        image = engine.pull(account.client("ecr", execution), pinned)
    except Exception as error:
        raise TaskStartError(pull_failure(pinned, error)) from error
    task.digests.setdefault(uri, image.index or image.digest)
    state = task.container(container["name"])
    state.digest = image.digest if account.readings.platform_digests else image.index or image.digest
    return image


def pull_failure(uri: str, error: Exception) -> str:
    """The `stoppedReason` of a failed pull; a refused registry login has words of its own."""
    cause = error.__cause__
    if isinstance(cause, ClientError) and cause.operation_name == "GetAuthorizationToken":
        return (
            f"{SECRETS_AND_AUTH}execution resource retrieval failed: unable to retrieve ecr registry auth:"
            f" service call has been retried 3 time(s): {describe(cause)}"
        )
    if isinstance(error, PlatformError):
        return (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does not contain"
            f" descriptor matching platform '{error.platform}'"
        )
    problem = str(error).removeprefix(f"failed to resolve ref {uri}: ")
    return (
        f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref"
        f" {uri}: {problem}"
    )


def _without_tag(uri: str) -> str:
    base = uri.split("@", 1)[0]
    head, _, last = base.rpartition("/")
    return f"{head}/{last.split(':', 1)[0]}"


def _stream(account: Account, execution: Credentials | None, task: Task, container: Json) -> LogStream | None:
    declared = container.get("logConfiguration")
    if not declared:
        return None
    if declared["logDriver"] != "awslogs":
        _secrets(account, task, execution, declared.get("secretOptions", []))
        return None
    if execution is None:
        raise TaskStartError(
            "ResourceInitializationError: failed to validate logger args: the awslogs driver requires an execution role"
        )
    _reach(account, task, "logs")
    try:
        return open_stream(account, execution, declared.get("options", {}), container["name"], task.id)
    except (ClientError, BotoCoreError) as error:
        raise TaskStartError(
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1"
            f" times: failed to create Cloudwatch log stream: {describe(error)} : exit status 1"
        ) from error
