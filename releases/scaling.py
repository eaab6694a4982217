"""Scaling of a service's tasks, which is suspended until the first release."""

import boto3

SCALABLE_DIMENSION = "ecs:service:DesiredCount"
SUSPENDABLE = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


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
