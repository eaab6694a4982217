"""What ECS says of a stack's services and of their tasks."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import boto3
from botocore.exceptions import ClientError

from releases.controllers import CONTROLLERS, service_of
from releases.errors import denied
from releases.names import (
    aws_name,
    cluster_parameter,
    may_be_short,
    parameter_path,
    short_name,
)
from releases.record import FINGERPRINT_LABEL

MOST_SERVICES = 10
"""How many DescribeServices takes at once."""
STARTS_A_DEPLOYMENT = frozenset(
    {
        *("loadBalancers", "networkConfiguration", "platformVersion", "serviceConnectConfiguration"),
        *("serviceRegistries", "taskDefinition", "volumeConfiguration", "vpcLatticeConfigurations"),
    }
)
"""Inputs of `aws.ecs.Service` a change of which starts a deployment (ECS, UpdateService)."""
AT_ONCE = 16
"""How many calls are made at the same time."""


@lru_cache
def cluster_of(session: boto3.Session, stack: str) -> str:
    """The cluster of a stack's services: the stack's own, which has its name, or one that it was given.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    found = session.client("ssm").get_parameters(Names=[cluster_parameter(stack)])["Parameters"]
    return str(found[0]["Value"]) if found else stack


def describe_services(session: boto3.Session, stack: str, services: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Those services that there are, by their names in the stack file; the newer one while a strategy is being changed.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    ecs, cluster = session.client("ecs"), cluster_of(session, stack)
    whose = {each.service_name(stack, service): service for each in CONTROLLERS.values() for service in services}
    names = list(whose)

    def describe_some(names: Sequence[str]) -> list[dict[str, Any]]:
        try:
            answer = ecs.describe_services(cluster=cluster, services=names)
        except ecs.exceptions.ClusterNotFoundException:
            return []
        return [service for service in answer["services"] if service["status"] == "ACTIVE"]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        active = [service for some in pool.map(describe_some, in_parts(names, MOST_SERVICES)) for service in some]
    return {
        whose[service["serviceName"]]: service
        for service in sorted(active, key=lambda service: str(service.get("createdAt", "")))
    }


def describe_service(ecs: Any, cluster: str, name: str) -> dict[str, Any]:
    """A service that there is, by the ECS service's name; with its tags."""
    answer = ecs.describe_services(cluster=cluster, services=[name], include=["TAGS"])
    described: dict[str, Any] = answer["services"][0]
    return described


def tasks_of(ecs: Any, cluster: str, name: str) -> list[dict[str, Any]]:
    """The tasks of a service that run, and those that have stopped as long as ECS lists them, an hour or more."""
    return [
        task
        for status in ("RUNNING", "STOPPED")
        for task in describe_tasks(ecs, cluster, serviceName=name, desiredStatus=status)
    ]


def newest_event(service: Mapping[str, Any]) -> str:
    """What ECS said last of a service; "" before the first event.

    Args:
        service: as DescribeServices has it.
    """
    return str(service["events"][0]["message"]) if service.get("events") else ""


def list_services(session: boto3.Session, stack: str) -> list[str]:
    """The names, in the stack file, of a stack's services, sorted; none when there is no cluster.

    A long name is not in those of AWS: what may be one is looked for among the parameters, each of which has it. Whose
    credentials may not list those gets the names as AWS has them.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell of the services.
    """
    ecs, ours = session.client("ecs"), aws_name(stack, "")
    try:
        pages = ecs.get_paginator("list_services").paginate(cluster=cluster_of(session, stack), maxResults=100)
        names = [arn.rpartition("/")[2] for page in pages for arn in page["serviceArns"]]
        services = {service_of(stack, name) for name in names if name.startswith(ours)}
    except ecs.exceptions.ClusterNotFoundException:
        return []
    in_full = with_parameters(session, stack) if any(map(may_be_short, services)) else {}
    return sorted({in_full.get(service, service) for service in services})


def with_parameters(session: boto3.Session, stack: str) -> dict[str, str]:
    """The services that have parameters, a release record or others, by what they are called in AWS's names."""
    path = f"{parameter_path(stack)}/"
    of_stack = {"Key": "Name", "Option": "BeginsWith", "Values": [path]}
    try:
        pages = session.client("ssm").get_paginator("describe_parameters").paginate(ParameterFilters=[of_stack])
        names = [each["Name"].removeprefix(path) for page in pages for each in page["Parameters"]]
    except ClientError as error:
        if denied(error) is None:
            raise
        return {}
    return {short_name(service): service for service, _, rest in (name.partition("/") for name in names) if rest}


def describe_tasks(ecs: Any, cluster: str, **which: str) -> Iterator[dict[str, Any]]:
    """Tasks as DescribeTasks has them, which takes as many as a page of ListTasks has.

    Args:
        ecs: ECS's client.
        cluster: the ECS cluster's name.
        which: further arguments of ListTasks; by itself it lists those that are to run.
    """
    for page in ecs.get_paginator("list_tasks").paginate(cluster=cluster, **which):
        if page["taskArns"]:
            yield from ecs.describe_tasks(cluster=cluster, tasks=page["taskArns"])["tasks"]


def describe_revision(ecs: Any, arn: str) -> dict[str, Any]:
    """A revision of a task definition."""
    described: dict[str, Any] = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    return described


def active_revisions(ecs: Any, family: str) -> list[str]:
    """The ARNs of a family's revisions that are not deregistered."""
    pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix=family, status="ACTIVE")
    arns = [arn for page in pages for arn in page["taskDefinitionArns"]]
    return [arn for arn in arns if arn.rpartition("/")[2].rpartition(":")[0] == family]


def definition_fields(ecs: Any) -> Collection[str]:
    """The fields of a task definition that can be registered; DescribeTaskDefinition has more."""
    fields: Collection[str] = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    return fields


def fingerprint_of(ecs: Any, arn: str) -> str:
    """The template that a revision was made of; "" when it says nothing of it."""
    return fingerprint_in(describe_revision(ecs, arn))


def fingerprint_in(definition: Mapping[str, Any]) -> str:
    """The template that a task definition was made of; "" when it says nothing of it."""
    labels = (container.get("dockerLabels", {}) for container in definition["containerDefinitions"])
    return next((label[FINGERPRINT_LABEL] for label in labels if FINGERPRINT_LABEL in label), "")


def log_stream(container: Mapping[str, Any], task: str) -> tuple[str, str] | None:
    """The log group and the stream of a container; None where its log is not in CloudWatch Logs.

    The stream is `prefix-name/container-name/ecs-task-id` (ECS, using the awslogs log driver).

    Args:
        container: its definition.
        task: its task's ARN.
    """
    options = container.get("logConfiguration", {}).get("options", {})
    if not {"awslogs-group", "awslogs-stream-prefix"} <= options.keys():
        return None
    stream = f"{options['awslogs-stream-prefix']}/{container['name']}/{task.rpartition('/')[2]}"
    return options["awslogs-group"], stream


def in_parts(items: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """The items, so many at once."""
    for start in range(0, len(items), most):
        yield items[start : start + most]
