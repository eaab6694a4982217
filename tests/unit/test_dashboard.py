"""The dashboard: its JSON, its place in the program, and its picture in the docs."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, Recorder, stack_config
from test_program import Deploy, run

from components.dashboard import WIDTH, Charted, body
from docs.draw import PICTURE, picture

WEB = Charted(
    "web",
    "dev-web-codedeploy",
    "/ecs/dev-web",
    "dev-web",
    ["targetgroup/blue/1", "targetgroup/green/2"],
    ["arn:all", "arn:errors"],
)
WORKER = Charted("worker", "dev-worker", "/ecs/dev-worker", "dev-worker")
BALANCER = "app/dev/0"


def widgets(*services: Charted) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body("dev", REGION, "dev", BALANCER, services)["widgets"]
    return found


def charted(metrics: list[list[Any]]) -> set[tuple[str, ...]]:
    """Metric and dimensions, without how they are drawn."""
    return {tuple(part for part in metric if isinstance(part, str)) for metric in metrics}


def test_a_service_s_charts() -> None:
    by_title = {w["properties"].get("title"): w["properties"] for w in widgets(WEB)}
    alb = [("LoadBalancer", BALANCER, "TargetGroup", group) for group in WEB.target_groups]
    requests = ("RequestCount", "HTTPCode_Target_4XX_Count", "HTTPCode_Target_5XX_Count")
    assert charted(by_title["Requests and errors"]["metrics"]) == {
        ("AWS/ApplicationELB", name, *group) for name in requests for group in alb
    }
    assert by_title["Requests and errors"]["stat"] == "Sum"
    times = by_title["Response time, seconds"]["metrics"]
    assert [metric[-1]["stat"] for metric in times] == ["p50", "p99", "p50", "p99"]
    place = ("ClusterName", "dev", "ServiceName", "dev-web-codedeploy")
    assert charted(by_title["CPU and memory, %"]["metrics"]) == {
        ("AWS/ECS", name, *place) for name in ("CPUUtilization", "MemoryUtilization")
    }
    assert by_title["Errors in the log of web"]["query"].startswith("SOURCE '/ecs/dev-web' | ")


def test_a_service_s_alarms() -> None:
    (found,) = [w for w in widgets(WEB, WORKER) if w["type"] == "alarm"]
    assert found["properties"]["alarms"] == ["arn:all", "arn:errors"]


def test_a_worker_has_no_requests() -> None:
    titles = [w["properties"].get("title") for w in widgets(WORKER) if w["type"] != "text"]
    assert titles == [
        "Deliveries", "Duration of a delivery, seconds", "From upload to release, seconds", "Deliveries that failed",
        "CPU and memory, %", "Errors in the log of worker",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("title", "metric"),
    [
        ("Deliveries that failed", ("AWS/CodePipeline", "FailedPipelineExecutions")),
        ("From upload to release, seconds", ("fargate-delivery", "LeadTime")),
    ],
)
def test_deliveries_are_those_of_all_pipelines(title: str, metric: tuple[str, str]) -> None:
    chart = next(w for w in widgets(WEB, WORKER) if w["properties"].get("title") == title)
    assert charted(chart["properties"]["metrics"]) == {
        (*metric, "PipelineName", name) for name in ("dev-web", "dev-worker")
    }


@pytest.mark.parametrize("services", [[WEB], [WORKER], [WEB, WORKER, WEB]])
def test_no_widget_covers_another(services: list[Charted]) -> None:
    taken = [
        {(x, y) for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])}
        for w in widgets(*services)
    ]
    assert all(0 <= x < WIDTH for cells in taken for x, _ in cells)
    assert not any(one & other for one, other in itertools.combinations(taken, 2))
    assert set.union(*taken) == {(x, y) for x in range(WIDTH) for y in range(max(y for _, y in set.union(*taken)) + 1)}


@pytest.mark.parametrize("stack", ["dev", "prd", "local"])
def test_a_stack_has_one_with_all_its_services(deploy: Deploy, stack: str) -> None:
    recorder: Recorder = run(deploy, stack)
    given = recorder.inputs("aws:cloudwatch/dashboard:Dashboard", "overview-dashboard")
    headlines = [
        w["properties"]["markdown"] for w in json.loads(given["dashboardBody"])["widgets"] if w["type"] == "text"
    ]
    services = list(json.loads(stack_config(stack)["fargate-delivery:services"]))
    assert (given["dashboardName"], headlines) == (stack, [f"# {stack}", *(f"## {name}" for name in services)])
    shown = [w["properties"]["alarms"] for w in json.loads(given["dashboardBody"])["widgets"] if w["type"] == "alarm"]
    made = {arn for typ in ("metricAlarm:MetricAlarm", "compositeAlarm:CompositeAlarm") for arn in arns(recorder, typ)}
    assert {arn for each in shown for arn in each} == made
    assert all(arn.endswith(f":{stack}-{name}") for (arn, *_), name in zip(shown, routed(stack), strict=True))


def arns(recorder: Recorder, typ: str) -> Iterator[str]:
    """Of the services' alarms."""
    for name in recorder.named(f"aws:cloudwatch/{typ}"):
        given = recorder.inputs(f"aws:cloudwatch/{typ}", name)
        if not given.get("name", "").endswith("-undelivered"):
            yield f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{given.get('alarmName') or given['name']}"


def routed(stack: str) -> list[str]:
    """The services that have alarms."""
    services = json.loads(stack_config(stack)["fargate-delivery:services"])
    return [name for name, service in services.items() if service.get("routes")]


def test_the_picture_is_of_today() -> None:
    assert PICTURE.read_text() == picture(), "run `make docs`"
