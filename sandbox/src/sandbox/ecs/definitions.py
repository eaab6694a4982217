"""RegisterTaskDefinition: what ECS refuses, in its own words, and moto's record of what it takes.

The words are ECS's as users have reported them: the rules of github.com/badmintoncryer/cdk-preflight, which were tried
against the API, and the issues that stand beside a rule. Where no report was found the line says "wording not seen".
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sandbox.account.errors import AwsError
from sandbox.ecs import fargate
from sandbox.ecs.model import Json
from sandbox.ecs.moto_record import record_task_definition

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

MOST_CONTAINERS = 10
_registering = threading.Lock()


def register_task_definition(account: Account, principal: Principal, params: Json) -> Json:
    """Register a revision, or refuse it with the first thing that ECS finds."""
    for problem in problems(params):
        raise AwsError("ClientException", problem, 400)
    with _registering:
        arn = record_task_definition(account, params)
    description = account.client("ecs").describe_task_definition(taskDefinition=arn, include=["TAGS"])
    return {"taskDefinition": description["taskDefinition"], "tags": description.get("tags", [])}


def problems(definition: Json) -> Iterator[str]:
    """All that ECS refuses, in the order in which it is looked for."""
    containers: list[Json] = definition.get("containerDefinitions", [])
    if not containers:
        yield "Container list cannot be empty."
    if len(containers) > MOST_CONTAINERS:
        yield "Too many containers."
    names = Counter(container.get("name") for container in containers)
    if any(times > 1 for times in names.values()):
        yield "Container names must be unique within a task definition."
    if not any(container.get("essential", True) for container in containers):
        yield "Task definition doesn't have any essential container."
    if "FARGATE" in definition.get("requiresCompatibilities", []):
        yield from fargate.problems(definition)
    for container in containers:
        for rule in CONTAINER_RULES:
            yield from rule(container, definition)
    yield from _dependencies(containers)
    yield from _log_router(containers)
    for volume in definition.get("volumes", []):
        if efs := volume.get("efsVolumeConfiguration"):
            yield from _efs(efs)


def _variables(container: Json, definition: Json) -> Iterator[str]:
    """dagster-io/dagster#11622, CircleCI-Public/aws-ecs-orb#210."""
    secrets = Counter(secret["name"] for secret in container.get("secrets", []))
    for name, times in secrets.items():
        if times > 1:
            yield f"Duplicate secret names found: {name}. Each secret name must be unique."
    for variable in container.get("environment", []):
        if variable.get("name") in secrets:
            yield (
                "The secret name must be unique and not shared with any new or existing environment variables set on"
                f" the container, such as '{variable['name']}'."
            )
    if secrets and not definition.get("executionRoleArn"):
        yield "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."


def _sizes(container: Json, definition: Json) -> Iterator[str]:
    """pulumi/pulumi-awsx#1220."""
    name, memory = container.get("name"), container.get("memory")
    if memory and (definition.get("memory") or "").isdigit() and memory > int(definition["memory"]):
        yield f"The 'memory' setting for container '{name}' is greater than for the task."
    if memory and container.get("memoryReservation", 0) > memory:
        yield (
            f"Invalid setting for container '{name}'. 'memory' must be greater than or equal to 'memoryReservation'."
        )


def _network(container: Json, definition: Json) -> Iterator[str]:
    """aws/amazon-ecs-cli#1014."""
    if definition.get("networkMode") != "awsvpc":
        return
    for mapping in container.get("portMappings", []):
        if mapping.get("hostPort", mapping.get("containerPort")) != mapping.get("containerPort"):
            yield "When networkMode=awsvpc, the host ports and container ports in port mappings must match."
    if container.get("links"):
        yield "Links are not supported when networkMode=awsvpc"
    if container.get("hostname"):
        yield "hostname is not supported on container when networkMode=awsvpc"
    if container.get("disableNetworking"):
        yield "Disable Networking is not supported on container when networkMode=awsvpc"
    if container.get("dnsServers"):
        yield "DNS servers are not supported on container when networkMode=awsvpc"
    if container.get("dnsSearchDomains"):
        yield "DNS search domains are not supported on container when networkMode=awsvpc"  # wording not seen
    if container.get("extraHosts"):
        yield "Extra hosts are not supported on container when networkMode=awsvpc"  # wording not seen


def _mounts(container: Json, definition: Json) -> Iterator[str]:
    volumes = {volume.get("name") for volume in definition.get("volumes", [])}
    names = {each.get("name") for each in definition["containerDefinitions"]}
    for mount in container.get("mountPoints", []):
        if mount.get("sourceVolume") not in volumes:
            yield f"Unknown volume '{mount.get('sourceVolume')}'."
    for source in container.get("volumesFrom", []):
        if source.get("sourceContainer") not in names:
            yield f"Invalid 'volumesFrom' setting. Unknown container: '{source.get('sourceContainer')}'"


def _limits(container: Json, definition: Json) -> Iterator[str]:
    for ulimit in container.get("ulimits", []):
        if ulimit["softLimit"] > ulimit["hardLimit"]:
            yield f"Soft limit exceeds hard limit for ulimit {ulimit['name']}"
    period = container.get("restartPolicy", {}).get("restartAttemptPeriod")
    if period is not None and not 60 <= period <= 1800:
        yield f"the 'restartAttemptPeriod' setting for container '{container['name']}' must be between 60 and 1800"
    if len(container.get("environmentFiles", [])) > 10:
        yield "The maximum number of environment files was exceeded. Specify ten or less and try again."
    for file in container.get("environmentFiles", []):
        if not file["value"].startswith("arn:"):
            yield "Invalid arn syntax"
    check = container.get("healthCheck", {})
    for field, least, most in (("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10), ("startPeriod", 0, 300)):
        if field in check and not least <= check[field] <= most:
            yield f"Health check {field} must be between {least} and {most}."  # wording not seen


CONTAINER_RULES: tuple[Callable[[Json, Json], Iterator[str]], ...] = (
    *(_variables, _sizes, _network, _mounts, _limits),
)


def _dependencies(containers: list[Json]) -> Iterator[str]:
    """boto/boto3#2436, dagster-io/dagster#6926."""
    by_name = {container.get("name"): container for container in containers}
    waits: dict[Any, list[Any]] = {}
    for container in containers:
        for dependency in container.get("dependsOn", []):
            name, condition = dependency["containerName"], dependency["condition"]
            other = by_name.get(name)
            if other is None:
                yield f"Cannot depend on container + '{name}' because it does not exist"
                continue
            if name == container.get("name"):
                yield f"Container {name} cannot depend on itself"  # wording not seen
            elif condition in ("SUCCESS", "COMPLETE") and other.get("essential", True):
                yield "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"
            elif condition == "HEALTHY" and not other.get("healthCheck"):
                yield "A dependency container with HEALTHY condition must have health check configured"
            waits.setdefault(container.get("name"), []).append(name)
    while waits:
        free = [name for name, conditions in waits.items() if not any(other in waits for other in conditions)]
        if not free:
            yield "Container dependencies should not have a cycle"  # wording of links, Shippable/support#4194
            return
        for name in free:
            del waits[name]


def _log_router(containers: list[Json]) -> Iterator[str]:
    """aws/amazon-cloudwatch-logs-for-fluent-bit#20, fabfuel/ecs-deploy#164."""
    routers = [each for each in containers if each.get("firelensConfiguration")]
    users = [each for each in containers if each.get("logConfiguration", {}).get("logDriver") == "awsfirelens"]
    if routers and not users:
        yield (
            "When a firelensConfiguration object is specified, at least one container has to be configured with the"
            " awsfirelens log driver."
        )
    if users and not routers:
        yield (
            "When awsfirelens log driver is specified in log configuration, a firelens configuration object must be"
            " configured in one of the containers."
        )


def _efs(efs: Json) -> Iterator[str]:
    """aws/aws-cdk#10683."""
    authorization, encrypted = efs.get("authorizationConfig", {}), efs.get("transitEncryption") == "ENABLED"
    if authorization.get("accessPointId"):
        if efs.get("rootDirectory", "/") != "/":
            yield 'When using an EFS access point, the root directory must either be set to "/" or be omitted'
        if not encrypted:
            yield "EFS access points require TransitEncryption to be enabled"  # wording not seen
    if authorization.get("iam") == "ENABLED" and not encrypted:
        yield "EFS IAM authorization requires TransitEncryption to be enabled"
    if efs.get("transitEncryptionPort") and not encrypted:
        yield "TransitEncryptionPort requires that TransitEncryption is enabled"
