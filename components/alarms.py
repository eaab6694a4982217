"""The alarms of a service that can end a deployment."""

from collections.abc import Mapping, Sequence
from typing import Literal

import pulumi
import pulumi_aws as aws

AlarmName = Literal["server_errors", "unhealthy_hosts"]
METRICS: Mapping[AlarmName, tuple[str, str, float]] = {
    "server_errors": ("HTTPCode_Target_5XX_Count", "Sum", 5),
    "unhealthy_hosts": ("UnHealthyHostCount", "Maximum", 0),
}
"""Metric, statistic, and what must be exceeded within a minute (CloudWatch metrics for the ALB)."""


def alarm_name(full_name: str, alarm: AlarmName, color: str) -> str:
    """An alarm's AWS name; there is one for each target group, so that the new tasks are seen by themselves."""
    return f"{full_name}-{alarm.replace('_', '-')}-{color}"


def target_group_alarms(
    name: str,
    full_name: str,
    alarms: Sequence[AlarmName],
    groups: Sequence[aws.lb.TargetGroup],
    balancer_arn_suffix: pulumi.Input[str],
    parent: pulumi.Resource,
) -> list[pulumi.Output[str]]:
    """Make them, as a component's children; their names."""
    made = []
    for alarm in alarms:
        metric, statistic, most = METRICS[alarm]
        for color, group in zip(("blue", "green"), groups, strict=True):
            found = aws.cloudwatch.MetricAlarm(
                f"{name}-{alarm.replace('_', '-')}-{color}",
                name=alarm_name(full_name, alarm, color),
                alarm_description=f"{full_name}: {metric} of the {color} target group",
                namespace="AWS/ApplicationELB",
                metric_name=metric,
                statistic=statistic,
                period=60,
                evaluation_periods=1,
                comparison_operator="GreaterThanThreshold",
                threshold=most,
                treat_missing_data="notBreaching",
                dimensions={"LoadBalancer": balancer_arn_suffix, "TargetGroup": group.arn_suffix},
                opts=pulumi.ResourceOptions(parent=parent),
            )
            made.append(found.name)
    return made
