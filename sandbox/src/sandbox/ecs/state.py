"""The services and tasks of an account, and the lookups that ECS's operations share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sandbox.account.errors import AwsError
from sandbox.ecs.model import Json, Service, Task

if TYPE_CHECKING:
    from sandbox.account.account import Account


class EcsState:
    """All services (by cluster and name) and tasks (by id) of one account."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.services: dict[tuple[str, str], Service] = {}
        self.tasks: dict[str, Task] = {}
        self.containers: dict[str, dict[str, Any]] = {}

    def service(self, cluster: str, name_or_arn: str) -> Service | None:
        return self.services.get((short_name(cluster), short_name(name_or_arn)))


def state_of(account: Account) -> EcsState:
    return account.parts.of(EcsState)


def short_name(name_or_arn: str) -> str:
    return name_or_arn.rsplit("/", 1)[-1]


def targets(account: Account, target_group_arn: str) -> list[tuple[Task, Any, int]]:
    """Healthy targets of a target group: task, running container, container port."""
    state = state_of(account)
    with state.lock:
        tasks = list(state.tasks.values())
    return [
        (task, state.containers[task.id][balancer["containerName"]], int(balancer["containerPort"]))
        for task in tasks
        if task.ready and task.id in state.containers
        for balancer in task.load_balancers
        if balancer["targetGroupArn"] == target_group_arn
    ]


def cluster_arn(account: Account, name_or_arn: str | None) -> str:
    """The ARN of an active cluster; `ClusterNotFoundException` otherwise."""
    clusters = account.client("ecs").describe_clusters(clusters=[name_or_arn or "default"])["clusters"]
    if not clusters or clusters[0]["status"] != "ACTIVE":
        raise AwsError("ClusterNotFoundException", "Cluster not found.", 400)
    return str(clusters[0]["clusterArn"])


def find_service(account: Account, params: Json) -> Service:
    """The service that a request names; raises AwsError when there is none."""
    service = state_of(account).service(cluster_arn(account, params.get("cluster")), params["service"])
    if service is None:
        raise AwsError("ServiceNotFoundException", "Service not found.", 400)
    return service


def task_definition(account: Account, name_or_arn: str) -> Json:
    """A registered, active task definition with its tags under `tags`."""
    try:
        answer = account.client("ecs").describe_task_definition(taskDefinition=name_or_arn, include=["TAGS"])
    except ClientError as error:
        raise AwsError("ClientException", "Unable to describe task definition.", 400) from error
    definition: Json = answer["taskDefinition"]
    if definition.get("status", "ACTIVE") != "ACTIVE":
        raise AwsError("ClientException", "TaskDefinition is inactive", 400)
    return {**definition, "tags": answer.get("tags", [])}
