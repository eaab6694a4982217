"""Scaling of a service's tasks, which is suspended until the first release."""

from collections.abc import Mapping, Sequence
from typing import Any

import boto3

from releases.ecs import in_parts

SCALABLE_DIMENSION = "ecs:service:DesiredCount"
MOST_RESOURCES = 50
"""How many DescribeScalableTargets takes at once (its model: ResourceIdsMaxLen1600, 50)."""
SUSPENDABLE = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def targets(session: boto3.Session, cluster: str, service: str) -> list[dict[str, Any]]:
    """What Application Auto Scaling has of a service's tasks; empty where nothing scales them.

    Args:
        session: AWS.
        cluster: the ECS cluster's name.
        service: the ECS service's name.
    """
    answer = session.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ScalableDimension=SCALABLE_DIMENSION, ResourceIds=[f"service/{cluster}/{service}"]
    )
    found: list[dict[str, Any]] = answer["ScalableTargets"]
    return found


def most_tasks_of(session: boto3.Session, services: Sequence[tuple[str, str]]) -> dict[str, int]:
    """ECS service's name → how many tasks scaling lets it have at most now, of those that are scaled.

    Args:
        session: AWS.
        services: cluster and ECS service's name of each.
    """
    client, most = session.client("application-autoscaling"), dict[str, int]()
    for some in in_parts([f"service/{cluster}/{name}" for cluster, name in services], MOST_RESOURCES):
        pages = client.get_paginator("describe_scalable_targets").paginate(
            ServiceNamespace="ecs", ScalableDimension=SCALABLE_DIMENSION, ResourceIds=list(some)
        )
        found = [target for page in pages for target in page["ScalableTargets"]]
        most |= {target["ResourceId"].rpartition("/")[2]: int(target["MaxCapacity"]) for target in found}
    return most


def schedule(session: boto3.Session, cluster: str, service: str) -> list[str]:
    """When how many tasks may run, by the scheduled actions of a service, in words."""
    pages = (
        session.client("application-autoscaling")
        .get_paginator("describe_scheduled_actions")
        .paginate(ServiceNamespace="ecs", ResourceId=f"service/{cluster}/{service}")
    )
    return sorted(_entry(action) for page in pages for action in page["ScheduledActions"])


def _entry(action: Mapping[str, Any]) -> str:
    bounds = action.get("ScalableTargetAction", {})
    least, most = bounds.get("MinCapacity"), bounds.get("MaxCapacity")
    tasks = f"{most} tasks" if least == most else f"{least} to {most} tasks"
    return f"{tasks} from {action['Schedule']} {action.get('Timezone', 'UTC')} on"


def most_tasks(session: boto3.Session, cluster: str, service: str) -> int:
    """How many tasks scaling lets a service have at most now; 0 while its schedule wants none."""
    return max((int(each["MaxCapacity"]) for each in targets(session, cluster, service)), default=0)


def resume(session: boto3.Session, cluster: str, service: str) -> None:
    """Resume what the program made suspended; no later release does.

    Raises:
        botocore.exceptions.ClientError: Application Auto Scaling refuses.
    """
    session.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ScalableDimension=SCALABLE_DIMENSION,
        ResourceId=f"service/{cluster}/{service}",
        SuspendedState=dict.fromkeys(SUSPENDABLE, False),
    )
