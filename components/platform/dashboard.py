"""What an on-call person looks at first: each service's requests, tasks and log, and how deliveries go.

The Release step writes the metrics of deliveries (pipeline_steps/announcement.py), CodePipeline that an execution has
failed, and what runs a service's jobs those of their runs (pipeline_steps/jobs.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

import pulumi
import pulumi_aws as aws

from releases.events import FAILED_JOBS, SKIPPED_JOBS, SOURCE, SUCCEEDED_JOBS

WIDTH, ROW, ALARMS, HEADER = 24, 6, 3, 1
"""The grid's columns, and the height of a row of charts, of alarms and of a headline (CloudWatch, dashboard body
structure)."""
RED, ORANGE, BLUE, GREEN = "#d62728", "#ff7f0e", "#1f77b4", "#2ca02c"
HOUR, DAY = 3600, 86400
"""Seconds."""
ERRORS = "fields @timestamp, @message | filter @message like /(?i)(error|exception|fatal|panic)/ | sort @timestamp desc"
QUERIES = {
    "errors": f"{ERRORS} | limit 200",
    "one task": "fields @timestamp, @message | filter @logStream like 'TASK ID' | sort @timestamp | limit 1000",
    "lines by service": "stats count(*) as lines by @log, bin(5m) | sort lines desc",
}
"""Saved for CloudWatch Logs Insights, over the logs of all services."""
GROUPS_OF_A_QUERY = 50
"""Log groups (CloudWatch Logs, PutQueryDefinition)."""

Widget = dict[str, Any]
Metric = list[Any]


class Charted(TypedDict):
    """A service as its metrics know it."""

    service: str
    """Its name in the stack file."""
    ecs_name: pulumi.Input[str]
    log_group: pulumi.Input[str]
    """The ARN of its containers' log group."""
    pipeline: pulumi.Input[str]
    """Its pipeline's name."""
    target_groups: Sequence[pulumi.Input[str]]
    """The last parts of their ARNs; none for a worker."""
    jobs: bool
    """Whether it has any."""
    alarms: Sequence[pulumi.Input[str]]
    """Their ARNs, that of the composite one first."""


class DashboardArgs(TypedDict):
    """Inputs of `Dashboard`."""

    stack: str
    region: str
    cluster_name: pulumi.Input[str]
    balancer_arn_suffix: pulumi.Input[str]
    services: Sequence[Charted]


class Dashboard(pulumi.ComponentResource):
    """The stack's dashboard, and queries of its services' logs.

    Produces: an `aws.cloudwatch.Dashboard` with the stack's name, and an `aws.cloudwatch.QueryDefinition` for each of
    QUERIES, one more for every 50 services.
    """

    def __init__(self, name: str, args: DashboardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:Dashboard", name, None, opts)

        def rendered(known: Mapping[str, Any]) -> str:
            cluster, balancer, services = known["cluster"], known["balancer"], known["services"]
            return json.dumps(body(args["stack"], args["region"], cluster, balancer, services))

        known = pulumi.Output.all(
            services=args["services"], cluster=args["cluster_name"], balancer=args["balancer_arn_suffix"]
        )
        dashboard = aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=args["stack"],
            dashboard_body=known.apply(rendered),
            opts=pulumi.ResourceOptions(parent=self),
        )
        groups = [service["log_group"] for service in args["services"]]
        for first in range(0, len(groups), GROUPS_OF_A_QUERY):
            part = f" {first + 1}-{first + GROUPS_OF_A_QUERY}" if len(groups) > GROUPS_OF_A_QUERY else ""
            for purpose, query in QUERIES.items():
                aws.cloudwatch.QueryDefinition(
                    f"{name}-{purpose.replace(' ', '-')}-{first + 1}",
                    name=f"{args['stack']}/{purpose}{part}",
                    query_string=query,
                    log_group_names=groups[first : first + GROUPS_OF_A_QUERY],
                    opts=pulumi.ResourceOptions(parent=self),
                )
        self.register_outputs({"name": dashboard.dashboard_name})


def body(stack: str, region: str, cluster: str, balancer: str, services: Sequence[Charted]) -> dict[str, Any]:
    """The dashboard's JSON: a row for the deliveries of all services, then for each service its alarms and two rows.

    Args:
        stack: the headline.
        region: where the metrics are.
        cluster: the ECS cluster.
        balancer: the last part of the load balancer's ARN.
        services: in the order of the stack file.
    """
    rows: list[tuple[int, list[Widget]]] = [
        (HEADER, [_headline(f"# {stack}")]),
        (ROW, list(_deliveries(region, [service["pipeline"] for service in services]))),
    ]
    for service in services:
        rows.append((HEADER, [_headline(f"## {service['service']}")]))
        if service["alarms"]:
            rows.append((ALARMS, [_alarms(service)]))
        rows.append((ROW, list(_charts(region, cluster, balancer, service))))
        rows.append((ROW, [_errors(region, service), *([_jobs(region, service)] if service["jobs"] else [])]))
    return {"widgets": list(_placed(rows))}


def _placed(rows: Sequence[tuple[int, list[Widget]]]) -> Iterator[Widget]:
    """The widgets of each row side by side, all as wide."""
    y = 0
    for height, widgets in rows:
        width = WIDTH // len(widgets)
        for index, widget in enumerate(widgets):
            yield {**widget, "x": index * width, "y": y, "width": width, "height": height}
        y += height


def _deliveries(region: str, pipelines: Sequence[pulumi.Input[str]]) -> Iterator[Widget]:
    def of_all(name: str) -> list[Metric]:
        return [[SOURCE, name, "PipelineName", pipeline, {"label": pipeline}] for pipeline in pipelines]

    yield _chart(region, "Releases", of_all("Releases"), stat="Sum", period=HOUR)
    yield _chart(region, "Failed deliveries, %", list(_failures(pipelines)), stat="Sum", period=DAY)
    yield _chart(region, "Upload to release, seconds", of_all("LeadTime"), stat="Average", period=HOUR)
    yield _chart(region, "Deployment, seconds", of_all("DeploymentDuration"), stat="Average", period=HOUR)


def _failures(pipelines: Sequence[pulumi.Input[str]]) -> Iterator[Metric]:
    """Of the executions that released or failed, those that failed; one that had nothing to do counts for neither."""
    for n, pipeline in enumerate(pipelines):
        share = f"100 * FILL(failed{n}, 0) / (FILL(failed{n}, 0) + FILL(released{n}, 0))"
        yield [{"expression": share, "label": pipeline}]
        yield ["AWS/CodePipeline", "FailedPipelineExecutions", "PipelineName", pipeline, _hidden(f"failed{n}")]
        yield [SOURCE, "Releases", "PipelineName", pipeline, _hidden(f"released{n}")]


def _releases(pipeline: pulumi.Input[str]) -> list[Metric]:
    """A line from the bottom to the top at each release.

    CloudWatch's own vertical annotations have fixed times: somebody would have to write the dashboard anew after each
    release, beside Pulumi.
    """
    line = {"expression": "FILL(released, 0)", "label": "release", "color": GREEN, "yAxis": "right", "stat": "Sum"}
    return [[line], [SOURCE, "Releases", "PipelineName", pipeline, {**_hidden("released"), "stat": "Sum"}]]


def _hidden(name: str) -> dict[str, Any]:
    """How a metric is drawn that an expression calls by this name."""
    return {"id": name, "visible": False}


def _charts(region: str, cluster: str, balancer: str, service: Charted) -> Iterator[Widget]:
    place = ["ClusterName", cluster, "ServiceName", service["ecs_name"]]
    usage: list[Metric] = [
        ["AWS/ECS", name, *place, {"label": name}] for name in ("CPUUtilization", "MemoryUtilization")
    ]
    # Each task reports once a minute (ECS, CloudWatch metrics: service RUNNING task count).
    tasks: list[Metric] = [["AWS/ECS", "CPUUtilization", *place, {"stat": "SampleCount", "label": "running"}]]
    releases = _releases(service["pipeline"])
    if service["target_groups"]:
        groups = [["LoadBalancer", balancer, "TargetGroup", group] for group in service["target_groups"]]
        alb = "AWS/ApplicationELB"
        yield _chart(
            region,
            "Requests and errors",
            [
                *([alb, "RequestCount", *group, {"color": BLUE}] for group in groups),
                *([alb, "HTTPCode_Target_4XX_Count", *group, {"color": ORANGE}] for group in groups),
                *([alb, "HTTPCode_Target_5XX_Count", *group, {"color": RED}] for group in groups),
                *releases,
            ],
            stat="Sum",
        )
        times = [[alb, "TargetResponseTime", *group, {"stat": stat}] for group in groups for stat in ("p50", "p99")]
        yield _chart(region, "Response time, seconds", [*times, *releases], stat="p50")
        tasks += [[alb, name, *group] for group in groups for name in ("HealthyHostCount", "UnHealthyHostCount")]
    yield _chart(region, "Tasks", [*tasks, *releases], stat="Maximum")
    yield _chart(region, "CPU and memory, %", [*usage, *releases], stat="Maximum")


def _chart(region: str, title: str, metrics: Sequence[Metric], *, stat: str, period: int = 60) -> Widget:
    settings = {"title": title, "region": region, "view": "timeSeries", "stat": stat, "period": period}
    axes = {"left": {"min": 0}, "right": {"min": 0, "max": 1, "showUnits": False}}
    return {"type": "metric", "properties": {**settings, "yAxis": axes, "metrics": list(metrics)}}


def _alarms(service: Charted) -> Widget:
    title = f"What rolls a deployment of {service['service']} back"
    return {"type": "alarm", "properties": {"title": title, "alarms": list(service["alarms"])}}


def _errors(region: str, service: Charted) -> Widget:
    query = f"SOURCE '{service['log_group']}' | {ERRORS} | limit 50"
    title = f"Errors in the log of {service['service']}"
    return {"type": "log", "properties": {"title": title, "region": region, "view": "table", "query": query}}


def _jobs(region: str, service: Charted) -> Widget:
    of_service = ["PipelineName", service["pipeline"]]
    colors = {SUCCEEDED_JOBS: GREEN, SKIPPED_JOBS: ORANGE, FAILED_JOBS: RED}
    runs = [[SOURCE, name, *of_service, {"color": color}] for name, color in colors.items()]
    return _chart(region, "Runs of jobs", runs, stat="Sum", period=HOUR)


def _headline(markdown: str) -> Widget:
    return {"type": "text", "properties": {"markdown": markdown}}
