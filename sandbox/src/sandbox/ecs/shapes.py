"""ECS's view of services and tasks, in the API's shapes (time stamps as seconds since the epoch)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sandbox.account.protocol import present
from sandbox.ecs import exec_agent
from sandbox.ecs.deployment import Deployment
from sandbox.ecs.model import Json, Service, Task
from sandbox.ecs.service_deployment import revision_arn

ECHOED = (
    "loadBalancers",
    "serviceRegistries",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "platformFamily",
    "deploymentConfiguration",
    "placementConstraints",
    "placementStrategy",
    "networkConfiguration",
    "healthCheckGracePeriodSeconds",
    "schedulingStrategy",
    "deploymentController",
    "enableECSManagedTags",
    "propagateTags",
    "enableExecuteCommand",
    "availabilityZoneRebalancing",
)
DEPLOYMENT_INPUTS = (
    "networkConfiguration",
    "platformVersion",
    "platformFamily",
    "launchType",
    "capacityProviderStrategy",
)


def seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def counts(tasks: Iterable[Task]) -> tuple[int, int]:
    """How many run and how many are on their way."""
    active = [task for task in tasks if not task.stopped]
    running = sum(task.last_status == "RUNNING" for task in active)
    pending = sum(task.last_status in ("PROVISIONING", "PENDING", "ACTIVATING") for task in active)
    return running, pending


def deployment_shape(service: Service, deployment: Deployment) -> Json:
    running, pending = counts(service.tasks_of(deployment))
    return present(
        {
            "id": deployment.id,
            "status": deployment.status,
            "taskDefinition": deployment.task_definition,
            "desiredCount": _desired(service, deployment),
            "pendingCount": pending,
            "runningCount": running,
            "failedTasks": deployment.failed_tasks,
            "createdAt": seconds(deployment.created_at),
            "updatedAt": seconds(deployment.updated_at),
            "rolloutState": deployment.rollout_state,
            "rolloutStateReason": deployment.rollout_reason,
            "serviceConnectConfiguration": service_connect(deployment.inputs),
            **{name: deployment.inputs.get(name) for name in DEPLOYMENT_INPUTS},
        }
    )


def service_connect(inputs: Json) -> Json | None:
    """Nothing is told of one that is off (hashicorp/terraform-provider-aws#43871)."""
    declared: Json = inputs.get("serviceConnectConfiguration") or {}
    return declared if declared.get("enabled") else None


def _desired(service: Service, deployment: Deployment) -> int:
    if service.ongoing and service.ongoing.strategy != "ROLLING":
        return math.ceil(service.desired_count * deployment.scale / 100)
    return service.desired_count if deployment.status == "PRIMARY" else 0


def _revisions(service: Service) -> list[Json]:
    revisions = []
    for deployment in service.deployments:
        running, pending = counts(service.tasks_of(deployment))
        revisions.append(
            {
                "arn": revision_arn(service.arn, deployment),
                "requestedTaskCount": _desired(service, deployment),
                "runningTaskCount": running,
                "pendingTaskCount": pending,
            }
        )
    return revisions


def task_set_shape(service: Service, deployment: Deployment) -> Json:
    """The task set that stands for a deployment under the CODE_DEPLOY controller."""
    running, pending = counts(service.tasks_of(deployment))
    identifier = deployment.id
    stable = deployment.rollout_state == "COMPLETED"
    return present(
        {
            "id": identifier,
            "taskSetArn": f"{service.arn.replace(':service/', ':task-set/')}/{identifier}",
            "serviceArn": service.arn,
            "clusterArn": service.cluster_arn,
            "status": deployment.status,
            "taskDefinition": deployment.task_definition,
            "computedDesiredCount": math.ceil(service.desired_count * deployment.scale / 100),
            "pendingCount": pending,
            "runningCount": running,
            "createdAt": seconds(deployment.created_at),
            "updatedAt": seconds(deployment.updated_at),
            "loadBalancers": deployment.inputs.get("loadBalancers", []),
            "externalId": deployment.external_id,
            "startedBy": "CODE_DEPLOY" if deployment.external_id else None,
            "scale": {"value": deployment.scale, "unit": "PERCENT"},
            "stabilityStatus": "STEADY_STATE" if stable else "STABILIZING",
            **{name: deployment.inputs.get(name) for name in DEPLOYMENT_INPUTS},
        }
    )


def service_shape(service: Service, tags: list[Json] | None = None) -> Json:
    with service.lock:
        running, pending = counts(service.tasks)
        by_ecs = service.controller == "ECS"
        shape: dict[str, Any] = {
            "serviceArn": service.arn,
            "serviceName": service.name,
            "clusterArn": service.cluster_arn,
            "status": service.status,
            "desiredCount": service.desired_count,
            "runningCount": running,
            "pendingCount": pending,
            "taskDefinition": service.primary.task_definition,
            "deployments": [deployment_shape(service, d) for d in service.deployments] if by_ecs else [],
            "taskSets": None if by_ecs else [task_set_shape(service, d) for d in service.deployments],
            "currentServiceDeployment": service.service_deployments[-1].arn if by_ecs else None,
            "currentServiceRevisions": _revisions(service) if by_ecs else None,
            "events": [
                {"id": event.id, "createdAt": seconds(event.created_at), "message": event.message}
                for event in service.events
            ],
            "createdAt": seconds(service.created_at),
            "createdBy": service.created_by,
            "tags": tags,
            **{name: service.settings.get(name) for name in ECHOED},
        }
        return present(shape)


def task_shape(task: Task, tags: bool = False) -> Json:
    definition = task.task_definition
    return present(
        {
            "taskArn": task.arn,
            "clusterArn": task.cluster_arn,
            "taskDefinitionArn": definition["taskDefinitionArn"],
            "group": task.group,
            "startedBy": task.started_by,
            "lastStatus": task.last_status,
            "desiredStatus": task.desired_status,
            "healthStatus": task.health_status,
            "connectivity": "CONNECTED",
            "cpu": definition.get("cpu"),
            "memory": definition.get("memory"),
            "createdAt": seconds(task.created_at),
            "startedAt": seconds(task.started_at),
            "stoppingAt": seconds(task.stopping_at),
            "stoppedAt": seconds(task.stopped_at),
            "executionStoppedAt": seconds(task.stopped_at),
            "stopCode": task.stop_code,
            "stoppedReason": task.stopped_reason,
            "overrides": task.overrides or {"containerOverrides": []},
            "containers": [_container_shape(task, index) for index in range(len(task.containers))],
            "attachments": _attachments(task),
            "tags": task.tags if tags else [],
            "version": 1,
            "enableExecuteCommand": bool(task.launch.get("enableExecuteCommand")),
            "launchType": task.launch.get("launchType"),
            "platformVersion": task.launch.get("platformVersion"),
            "capacityProviderName": task.launch.get("capacityProviderName"),
        }
    )


def _container_shape(task: Task, index: int) -> Json:
    state = task.containers[index]
    return present(
        {
            "containerArn": state.arn,
            "taskArn": task.arn,
            "name": state.name,
            "image": state.image,
            "imageDigest": state.digest,
            "lastStatus": state.last_status,
            "exitCode": state.exit_code,
            "reason": state.reason,
            "healthStatus": state.health_status,
            "networkBindings": [],
            "managedAgents": _agents(task, state.name),
            "runtimeId": None if state.last_status == "PENDING" else state.runtime_id,
            "networkInterfaces": [{"privateIpv4Address": task.private_ip}] if task.private_ip else [],
        }
    )


def _agents(task: Task, container: str) -> list[Json] | None:
    if not task.launch.get("enableExecuteCommand"):
        return None
    return [{"name": "ExecuteCommandAgent", "lastStatus": exec_agent.status(task, container)}]


def _attachments(task: Task) -> list[Json]:
    if not task.private_ip:
        return []
    subnets = task.network_configuration.get("awsvpcConfiguration", {}).get("subnets", [])
    details = [{"name": "privateIPv4Address", "value": task.private_ip}]
    details += [{"name": "subnetId", "value": subnet} for subnet in subnets[:1]]
    return [
        {
            "id": task.id,
            "type": "ElasticNetworkInterface",
            "status": "DELETED" if task.stopped else "ATTACHED",
            "details": details,
        }
    ]
