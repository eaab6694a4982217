"""How many tasks a service runs: Application Auto Scaling's target, and the policy that aims at some CPU."""

from typing import Annotated, Self

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.model import Model


class Tasks(Model):
    """How many tasks run."""

    min: Annotated[int, Field(ge=1, le=1000)] = 1
    max: Annotated[int, Field(ge=1, le=1000)] | None = None
    """The most that scaling may start; without it, `min`."""
    target_cpu: Annotated[int, Field(ge=10, le=90)] | None = None
    """Per cent of CPU that scaling aims at; without it nothing scales."""

    @property
    def max_count(self) -> int:
        """The upper bound, given or not."""
        return self.min if self.max is None else self.max

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_count < self.min:
            raise ValueError(f"max {self.max} is less than min {self.min}")
        if self.target_cpu is not None and self.max_count == self.min:
            raise ValueError("target_cpu has no effect unless max is greater than min")
        return self


def scaling(
    name: str,
    resource_id: pulumi.Input[str],
    tasks: Tasks,
    *,
    suspended: bool,
    opts: pulumi.ResourceOptions,
) -> None:
    """A scalable target, and a policy where there is a CPU to aim at.

    Args:
        name: what the children's names begin with.
        resource_id: `service/{cluster}/{service}`.
        tasks: how many there may be.
        suspended: whether the target is made suspended.
        opts: of the target; its parent is the policy's too.
    """
    target = aws.appautoscaling.Target(
        f"{name}-scaling",
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=resource_id,
        min_capacity=tasks.min,
        max_capacity=tasks.max_count,
        suspended_state={
            "dynamic_scaling_in_suspended": suspended,
            "dynamic_scaling_out_suspended": suspended,
            "scheduled_scaling_suspended": suspended,
        },
        opts=opts,
    )
    if tasks.target_cpu is not None:
        aws.appautoscaling.Policy(
            f"{name}-scaling-cpu",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "target_value": tasks.target_cpu,
                "predefined_metric_specification": {"predefined_metric_type": "ECSServiceAverageCPUUtilization"},
            },
            opts=pulumi.ResourceOptions(parent=opts.parent),
        )
