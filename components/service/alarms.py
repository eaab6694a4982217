"""The alarms of a service that has routes: each rolls a deployment back, and one of them all is what to page on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import pulumi
import pulumi_aws as aws
from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from components.model import Model
from components.service.routing import Protocol
from releases.names import alarm_name

FEWEST_ERRORS, FEWEST_REQUESTS = 5, 20
"""Within a minute: below them one request weighs too much. 20 are what a 95th percentile is of."""
MINUTES = 5
"""How far an alarm looks back."""


def _off(given: Any) -> Any:
    if given is None:
        raise ValueError("false switches the alarm off")
    return None if given is False else given


class _Off(BeforeValidator):
    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        limit, _null = handler(core)["anyOf"]
        return {"anyOf": [limit, {"const": False}]}


OFF = _Off(_off)
"""`false` is none."""


class Alarms(Model):
    """The thresholds of a service's alarms; `false` turns an alarm off. Each alarm rolls back a deployment in
    flight. One composite alarm over all of them has the service's name and notifies `notifications.page`. Each
    target group is measured separately (`MEASURES`)."""

    server_errors: Annotated[Annotated[float, Field(gt=0, le=100)] | None, OFF] = 5
    """Per cent of a minute's requests that the tasks answer with 5xx, in two of five minutes. The default of 5 is
    what one task of twenty causes when it always fails. Minutes with fewer than 5 errors never count, because at
    night one error is many per cent. With `protocol: grpc` there is no such alarm, because failed calls are
    answers with status 200."""
    latency: Annotated[Annotated[float, Field(gt=0)] | None, OFF] = 2
    """Seconds in which 95 % of a minute's requests are answered, in three of five minutes. The alarm uses p95,
    because p99 of less than a hundred requests is the slowest of them. Minutes with fewer than 20 requests never
    count. A service that is normally slower needs its own number: while an alarm is in ALARM, a deployment that
    ECS begins is not watched, and CodeDeploy's ends at once."""
    unhealthy_hosts: Annotated[Annotated[int, Field(ge=1)] | None, OFF] = 1
    """How many tasks fail the load balancer's health check in three of five minutes, which is longer than a task
    that starts slowly."""


@dataclass(frozen=True)
class Measure:
    """What an alarm measures of one target group.

    Attributes:
        words: what it is called in the alarm's description.
        metrics: those of the load balancer with their statistics, by what the expression calls them.
        expression: metric math; `{n}` is the target group's number.
        minutes: how many of the last MINUTES must be too much.
    """

    words: str
    metrics: Mapping[str, tuple[str, str]]
    expression: str
    minutes: int


REQUESTS = ("RequestCount", "Sum")
MEASURES: Mapping[str, Measure] = {
    "server_errors": Measure(
        "per cent of a minute's requests that the tasks answer with 5xx",
        {"errors": ("HTTPCode_Target_5XX_Count", "Sum"), "requests": REQUESTS},
        f"IF(errors{{n}} >= {FEWEST_ERRORS}, 100 * errors{{n}} / requests{{n}}, 0)",
        minutes=2,
    ),
    "latency": Measure(
        "seconds in which 95 % of a minute's requests are answered",
        {"seconds": ("TargetResponseTime", "p95"), "requests": REQUESTS},
        f"IF(requests{{n}} >= {FEWEST_REQUESTS}, seconds{{n}}, 0)",
        minutes=3,
    ),
    "unhealthy_hosts": Measure(
        "tasks that do not pass the load balancer's health check",
        {"hosts": ("UnHealthyHostCount", "Maximum")},
        "hosts{n}",
        minutes=3,
    ),
}
"""The keys are those of `Alarms`.

Each target group is judged by itself, and the worst one counts: so the new tasks of a blue/green deployment are seen
however little of the traffic they get, and so is a route with few requests. It is one alarm all the same: CodeDeploy
takes ten, and an alarm takes ten metrics, which are those of the five target groups that an ECS service may have.

Two minutes of errors are enough, as CloudWatch has the load balancer's numbers some minutes late, and a deployment is
watched for less than five minutes after its tasks are steady (ECS, deployment-alarm-failure). Slow answers and failed
health checks take three minutes, because a task that starts cold has two. A minute without data is a good one: the
load balancer reports no number that would be 0, and `FILL`, which says so for each target group, wants alarms that
look at M of N (CloudWatch, using metric math).

The load balancer's own 5xx (502, when a task closes the connection) are in no metric of a target group; tasks that end
like that fail their health check, or the circuit breaker counts them.
"""


def measurable(limits: Alarms, protocol: Protocol) -> Alarms:
    """The limits that the load balancer's numbers tell of: a call of gRPC's that fails is an answer 200, with a status
    in its trailers (gRPC over HTTP/2, Responses).

    Args:
        limits: as they are declared.
        protocol: of the service's target groups.
    """
    return limits.model_copy(update={"server_errors": None}) if protocol == "grpc" else limits


@dataclass(frozen=True)
class ServiceAlarms:
    """What was made.

    Attributes:
        names: the alarms that roll a deployment back.
        arns: the composite alarm's and theirs; none when all are off.
    """

    names: Sequence[pulumi.Output[str]] = ()
    arns: Sequence[pulumi.Output[str]] = ()


def service_alarms(
    name: str,
    full_name: str,
    limits: Alarms,
    groups: Sequence[aws.lb.TargetGroup],
    balancer_arn_suffix: pulumi.Input[str],
    page: str | None,
    parent: pulumi.Resource,
) -> ServiceAlarms:
    """An alarm for each limit, and one that is in ALARM when any of them is; as a component's children.

    The last one tells `page`, an SNS topic, when it goes on and off.
    """
    child = pulumi.ResourceOptions(parent=parent)
    alarms = [
        aws.cloudwatch.MetricAlarm(
            alarm_name(name, alarm),
            name=alarm_name(full_name, alarm),
            alarm_description=f"{full_name}: {MEASURES[alarm].words}",
            metric_queries=queries(MEASURES[alarm], [group.arn_suffix for group in groups], balancer_arn_suffix),
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=limit,
            evaluation_periods=MINUTES,
            datapoints_to_alarm=MEASURES[alarm].minutes,
            treat_missing_data="notBreaching",
            opts=child,
        )
        for alarm, limit in limits
        if limit is not None
    ]
    if not alarms:
        return ServiceAlarms()
    names = [alarm.name for alarm in alarms]
    together = aws.cloudwatch.CompositeAlarm(
        f"{name}-alarm",
        alarm_name=full_name,
        alarm_description=f"{full_name}: one of its alarms has gone off",
        alarm_actions=None if page is None else [page],
        ok_actions=None if page is None else [page],
        alarm_rule=pulumi.Output.all(*names).apply(lambda known: " OR ".join(f'ALARM("{each}")' for each in known)),
        opts=child,
    )
    return ServiceAlarms(names, [together.arn, *(alarm.arn for alarm in alarms)])


def watched_alarms(full_name: str, names: Sequence[pulumi.Input[str]]) -> aws.ecs.ServiceAlarmsArgsDict:
    """What ECS watches. `enable: false` is sent explicitly, because UpdateService keeps alarms that are left out.

    The provider refuses a list without a name, and ECS asks of no name whether there is such an alarm.

    Args:
        full_name: the service's, which stands for an alarm where there is none.
        names: those of the alarms that roll a deployment back.
    """
    if not names:
        return {"alarm_names": [full_name], "enable": False, "rollback": False}
    return {"alarm_names": list(names), "enable": True, "rollback": True}


def queries(
    measure: Measure, groups: Sequence[pulumi.Input[str]], balancer_arn_suffix: pulumi.Input[str]
) -> list[aws.cloudwatch.MetricAlarmMetricQueryArgsDict]:
    """The metrics of each target group, and the expression that the alarm is on: the worst group's."""
    terms = [measure.expression.format(n=n) for n in range(len(groups))]
    worst = terms[0] if len(terms) == 1 else f"MAX([{', '.join(f'FILL({term}, 0)' for term in terms)}])"
    metric_queries: list[aws.cloudwatch.MetricAlarmMetricQueryArgsDict] = [
        {"id": "worst", "expression": worst, "label": measure.words, "return_data": True}
    ]
    for n, group in enumerate(groups):
        for called, (metric, statistic) in measure.metrics.items():
            metric_queries.append(
                {
                    "id": f"{called}{n}",
                    "metric": {
                        "namespace": "AWS/ApplicationELB",
                        "metric_name": metric,
                        "dimensions": {"LoadBalancer": balancer_arn_suffix, "TargetGroup": group},
                        "period": 60,
                        "stat": statistic,
                    },
                }
            )
    return metric_queries
