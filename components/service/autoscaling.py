"""How many tasks a service runs: Application Auto Scaling's target, and a policy for each measure that it aims at."""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeAlias

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components import types
from components.model import Model
from components.scope import Scope
from components.service.schedules import Cron, TimeZone

REQUESTS = "ALBRequestCountPerTarget"
Tracking: TypeAlias = "aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgsDict"


class Backlog(Model):
    """A queue whose messages determine the number of tasks. `per_task` follows from the seconds that a message takes
    and the time that a message may wait: with 0.2 s a message and a minute of waiting it is 300."""

    queue: types.QueueArn
    """The queue's ARN, in the stack's own account and Region, because its metrics are there."""
    per_task: Annotated[int, Field(ge=1)]
    """How many visible messages of the queue there may be for each task (Application Auto Scaling, target tracking
    with metric math)."""

    def problem(self, scope: Scope) -> str | None:
        """Why scaling would see no message of the queue: a metric of its policies has neither account nor Region
        (Application Auto Scaling, TargetTrackingMetricDataQuery).

        Args:
            scope: where the service is.
        """
        region, account = self.queue.split(":")[3:5]
        if (region, account) == (scope.region, scope.account):
            return None
        return (
            f"{self.queue} is in {region} of account {account}, and this stack in {scope.region} of account "
            f"{scope.account}; CloudWatch has a queue's metrics where the queue is, and scaling reads those of its own "
            "account and Region only"
        )


class Bounds(Model):
    """Other bounds from a given time until the next entry. Application Auto Scaling starts or stops tasks to fit
    them."""

    at: Cron
    """When the entry begins, as `cron(0 22 * * ? *)` with six fields (Application Auto Scaling, Schedule recurring
    scaling actions)."""
    timezone: TimeZone = "UTC"
    """The time zone of `at`, such as `Asia/Tokyo`."""
    min: Annotated[int, Field(ge=0, le=1000)] | None = None
    """The default is `tasks.min`."""
    max: Annotated[int, Field(ge=0, le=1000)] | None = None
    """The default is `tasks.max`, or `min` if `tasks.max` is 0."""


class Tasks(Model):
    """How many tasks run."""

    min: Annotated[int, Field(ge=1, le=1000)] = 1
    """The fewest tasks that run, unless `schedule` sets other bounds."""
    max: Annotated[int, Field(ge=1, le=1000)] | None = None
    """The most tasks that scaling may start; the default is `min`."""
    target_cpu: Annotated[int, Field(ge=10, le=90)] | None = None
    """Per cent of CPU that scaling aims at. When there are several targets, the one that wants the most tasks
    decides; without any, nothing scales (Application Auto Scaling, Target tracking)."""
    target_memory: Annotated[int, Field(ge=10, le=90)] | None = None
    """Per cent of memory that scaling aims at: for an app whose memory follows its load."""
    target_requests: Annotated[int, Field(ge=1)] | None = None
    """Requests per minute and task that scaling aims at. Allowed only with one route and without shifted traffic,
    because the metric belongs to one target group (ECS, Use a target metric to scale)."""

    scale: Backlog | None = None
    """Scaling by the messages of a queue; needs `cluster.insights`, which counts the running tasks."""

    schedule: list[Bounds] = Field(default_factory=list)
    """Bounds by the clock, such as no tasks at night. With it a change of `min` and `max` takes effect from the next
    entry."""

    @property
    def sleeps(self) -> bool:
        """Whether the schedule takes all tasks away at times."""
        return any(self.bounds(entry)[1] == 0 for entry in self.schedule)

    def bounds(self, entry: Bounds) -> tuple[int, int]:
        """The least and the most of an entry of the schedule."""
        least = self.min if entry.min is None else entry.min
        return least, entry.max if entry.max is not None else 0 if entry.min == 0 else self.max_count

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
        for index, entry in enumerate(self.schedule):
            least, most = self.bounds(entry)
            if most < least:
                raise ValueError(f"schedule[{index}]: max {most} is less than min {least}")
            if least == 0 < most:
                raise ValueError(
                    f"schedule[{index}]: min 0 needs max 0, because no measure would start the first task again"
                )
        if self.sleeps and all(self.bounds(entry)[1] == 0 for entry in self.schedule):
            raise ValueError(
                "schedule: stops all tasks, and no entry starts them again; add an entry without min and max"
            )
        if self.scale is not None and self.max_count == self.min:
            raise ValueError("scale has no effect unless max is greater than min")
        return self


def scaling(
    name: str,
    cluster: pulumi.Input[str],
    service: pulumi.Input[str],
    tasks: Tasks,
    *,
    suspended: bool,
    requests_at: pulumi.Input[str] | None = None,
    opts: pulumi.ResourceOptions,
) -> None:
    """A scalable target, and a policy for each measure to aim at.

    Args:
        name: what the children's names begin with.
        cluster: the ECS cluster's name.
        service: the ECS service's name.
        tasks: how many there may be.
        suspended: whether the target is made suspended.
        requests_at: the load balancer and the target group that count requests, `app/NAME/ID/targetgroup/NAME/ID`.
        opts: of the target; its parent is the policy's too.
    """
    child = pulumi.ResourceOptions(parent=opts.parent)
    target = aws.appautoscaling.Target(
        f"{name}-scaling",
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=pulumi.Output.concat("service/", cluster, "/", service),
        min_capacity=tasks.min,
        max_capacity=tasks.max_count,
        suspended_state={
            "dynamic_scaling_in_suspended": suspended,
            "dynamic_scaling_out_suspended": suspended,
            "scheduled_scaling_suspended": suspended,
        },
        opts=pulumi.ResourceOptions.merge(
            opts,
            # At night they are the schedule's.
            pulumi.ResourceOptions(ignore_changes=["min_capacity", "max_capacity"] if tasks.schedule else []),
        ),
    )
    for index, entry in enumerate(tasks.schedule):
        least, most = tasks.bounds(entry)
        aws.appautoscaling.ScheduledAction(
            f"{name}-scaling-{index}",
            name=f"{name}-{index}",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            schedule=entry.at,
            timezone=entry.timezone,
            scalable_target_action={"min_capacity": least, "max_capacity": most},
            opts=child,
        )
    measures: list[tuple[str, Tracking]] = [
        (
            measure,
            {
                "target_value": value,
                "predefined_metric_specification": {
                    "predefined_metric_type": metric,
                    "resource_label": requests_at if metric == REQUESTS else None,
                },
            },
        )
        for measure, metric, value in tasks.targets
    ]
    if tasks.scale is not None:
        measures.append(("backlog", backlog(tasks.scale, cluster, service)))
    for measure, configuration in measures:
        aws.appautoscaling.Policy(
            f"{name}-scaling-{measure}",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration=configuration,
            opts=child,
        )


def backlog(of: Backlog, cluster: pulumi.Input[str], service: pulumi.Input[str]) -> Tracking:
    """A queue's messages a task, as the target of scaling.

    Args:
        of: the queue, and how many.
        cluster: the ECS cluster's name.
        service: the ECS service's name.
    """
    messages = _metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Sum", QueueName=of.queue.rpartition(":")[2])
    tasks = _metric("ECS/ContainerInsights", "RunningTaskCount", "Average", ClusterName=cluster, ServiceName=service)
    return {
        "target_value": of.per_task,
        "customized_metric_specification": {
            "metrics": [
                {"id": "messages", "metric_stat": messages, "return_data": False},
                {"id": "tasks", "metric_stat": tasks, "return_data": False},
                {"id": "backlog", "expression": "messages / tasks", "label": "Messages a task", "return_data": True},
            ]
        },
    }


def _metric(namespace: str, name: str, statistic: str, **dimensions: pulumi.Input[str]) -> Any:
    named = [{"name": dimension, "value": value} for dimension, value in dimensions.items()]
    return {"metric": {"namespace": namespace, "metric_name": name, "dimensions": named}, "stat": statistic}
