"""Scaling of a service's tasks, which is suspended until the first release."""

from typing import Any

import boto3

SCALABLE_DIMENSION = "ecs:service:DesiredCount"
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
