"""Scaling of a service's tasks, which is suspended until the first release."""

import boto3

SCALABLE_DIMENSION = "ecs:service:DesiredCount"
SUSPENDABLE = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def most_tasks(session: boto3.Session, cluster: str, service: str) -> int:
    """How many tasks scaling lets a service have at most now; 0 while its schedule wants none.

    Args:
        session: AWS.
        cluster: the ECS cluster's name.
        service: the ECS service's name.
    """
    answer = session.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ScalableDimension=SCALABLE_DIMENSION, ResourceIds=[f"service/{cluster}/{service}"]
    )
    return max((int(each["MaxCapacity"]) for each in answer["ScalableTargets"]), default=0)


def resume(session: boto3.Session, cluster: str, service: str) -> None:
    """Resume what the program made suspended; no later release does.

    Args:
        session: AWS.
        cluster: the ECS cluster's name.
        service: the ECS service's name.

    Raises:
        botocore.exceptions.ClientError: Application Auto Scaling refuses.
    """
    session.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ScalableDimension=SCALABLE_DIMENSION,
        ResourceId=f"service/{cluster}/{service}",
        SuspendedState=dict.fromkeys(SUSPENDABLE, False),
    )
