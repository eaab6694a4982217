"""How many tasks a service runs: Application Auto Scaling's target, and a policy for each measure that it aims at."""

from typing import Annotated, Self

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.model import Model

REQUESTS = "ALBRequestCountPerTarget"


class Tasks(Model):
    """How many tasks run."""

    min: Annotated[int, Field(ge=1, le=1000)] = 1
    max: Annotated[int, Field(ge=1, le=1000)] | None = None
    """The most that scaling may start; without it, `min`."""
    target_cpu: Annotated[int, Field(ge=10, le=90)] | None = None
    """Per cent of CPU that scaling aims at. Of several targets the one that wants most tasks decides; without any,
    nothing scales (Application Auto Scaling, Target tracking)."""
    target_memory: Annotated[int, Field(ge=10, le=90)] | None = None
    """Per cent of memory that it aims at: for an app whose memory grows and shrinks with its load."""
    target_requests: Annotated[int, Field(ge=1)] | None = None
    """Requests a minute that each task answers. With one route only, and not where traffic shifts between two target
    groups: this measure is one target group's (ECS, Use a target metric to scale)."""

    @property
    def max_count(self) -> int:
        """The upper bound, given or not."""
        return self.min if self.max is None else self.max

    @property
    def targets(self) -> list[tuple[str, str, int]]:
        """Name, CloudWatch's measure as Application Auto Scaling calls it, and value of each target."""
        given = (
            ("cpu", "ECSServiceAverageCPUUtilization", self.target_cpu),
            ("memory", "ECSServiceAverageMemoryUtilization", self.target_memory),
            ("requests", REQUESTS, self.target_requests),
        )
        return [(name, metric, value) for name, metric, value in given if value is not None]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_count < self.min:
            raise ValueError(f"max {self.max} is less than min {self.min}")
        for name, _, _ in self.targets:
            if self.max_count == self.min:
                raise ValueError(f"target_{name} has no effect unless max is greater than min")
        return self


def scaling(
    name: str,
    resource_id: pulumi.Input[str],
    tasks: Tasks,
    *,
    suspended: bool,
    requests_at: pulumi.Input[str] | None = None,
    opts: pulumi.ResourceOptions,
) -> None:
    """A scalable target, and a policy for each measure to aim at.

    Args:
        name: what the children's names begin with.
        resource_id: `service/{cluster}/{service}`.
        tasks: how many there may be.
        suspended: whether the target is made suspended.
        requests_at: the load balancer and the target group that count requests, `app/NAME/ID/targetgroup/NAME/ID`.
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
    for measure, metric, value in tasks.targets:
        aws.appautoscaling.Policy(
            f"{name}-scaling-{measure}",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "target_value": value,
                "predefined_metric_specification": {
                    "predefined_metric_type": metric,
                    "resource_label": requests_at if metric == REQUESTS else None,
                },
            },
            opts=pulumi.ResourceOptions(parent=opts.parent),
        )
