"""The dashboard: its JSON, its place in the program, and its picture in the docs."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, Deploy, Recorder, stack_config

from components.platform.dashboard import QUERIES, WIDTH, Charted, Dashboard, DashboardArgs, body
from docs.draw import PICTURE, picture

WEB: Charted = {
    "service": "web",
    "ecs_name": "dev-web-codedeploy",
    "log_group": "/ecs/dev-web",
    "pipeline": "dev-web",
    "target_groups": ["targetgroup/blue/1", "targetgroup/green/2"],
    "jobs": True,
    "alarms": ["arn:all", "arn:errors"],
}
WORKER: Charted = {
    "service": "worker",
    "ecs_name": "dev-worker",
    "log_group": "/ecs/dev-worker",
    "pipeline": "dev-worker",
    "target_groups": [],
    "jobs": False,
    "alarms": [],
}
BALANCER = "app/dev/0"


def widgets(*services: Charted) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body("dev", REGION, "dev", BALANCER, services)["widgets"]
    return found


def charted(metrics: list[list[Any]]) -> set[tuple[str, ...]]:
    """Metric and dimensions, without how they are drawn; no expressions."""
    return {names for metric in metrics if (names := tuple(part for part in metric if isinstance(part, str)))}


def test_a_service_s_charts() -> None:
    by_title = {w["properties"].get("title"): w["properties"] for w in widgets(WEB)}
    alb = [("LoadBalancer", BALANCER, "TargetGroup", group) for group in WEB["target_groups"]]
    requests = ("RequestCount", "HTTPCode_Target_4XX_Count", "HTTPCode_Target_5XX_Count")
    release = ("fargate-delivery", "Releases", "PipelineName", "dev-web")
    assert charted(by_title["Requests and errors"]["metrics"]) == {
        release, *(("AWS/ApplicationELB", name, *group) for name in requests for group in alb)
    }  # fmt: skip
    assert by_title["Requests and errors"]["stat"] == "Sum"
    times = by_title["Response time, seconds"]["metrics"]
    assert [metric[-1]["stat"] for metric in times[:-2]] == ["p50", "p99", "p50", "p99"]
    place = ("ClusterName", "dev", "ServiceName", "dev-web-codedeploy")
    assert charted(by_title["CPU and memory, %"]["metrics"]) == {
        release, *(("AWS/ECS", name, *place) for name in ("CPUUtilization", "MemoryUtilization"))
    }  # fmt: skip
    running, *_ = by_title["Tasks"]["metrics"]
    assert running == ["AWS/ECS", "CPUUtilization", *place, {"stat": "SampleCount", "label": "running"}]
    assert by_title["Errors in the log of web"]["query"].startswith("SOURCE '/ecs/dev-web' | ")


def test_a_service_s_alarms() -> None:
    (found,) = [w for w in widgets(WEB, WORKER) if w["type"] == "alarm"]
    assert found["properties"]["alarms"] == ["arn:all", "arn:errors"]


def test_runs_of_jobs_are_counted_where_there_are_any() -> None:
    (runs,) = [w["properties"] for w in widgets(WEB, WORKER) if w["properties"].get("title") == "Runs of jobs"]
    of_web = ("PipelineName", "dev-web")
    assert [tuple(metric[:-1]) for metric in runs["metrics"]] == [
        ("fargate-delivery", name, *of_web) for name in ("SucceededJobs", "SkippedJobs", "FailedJobs")
    ]
    assert (runs["stat"], runs["period"]) == ("Sum", 3600)


def test_a_worker_has_no_requests() -> None:
    titles = [w["properties"].get("title") for w in widgets(WORKER) if w["type"] != "text"]
    assert titles == [
        "Releases", "Failed deliveries, %", "Upload to release, seconds", "Deployment, seconds",
        "Tasks", "CPU and memory, %", "Errors in the log of worker",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("title", "metrics"),
    [
        ("Releases", [("fargate-delivery", "Releases")]),
        ("Upload to release, seconds", [("fargate-delivery", "LeadTime")]),
        ("Deployment, seconds", [("fargate-delivery", "DeploymentDuration")]),
        (
            "Failed deliveries, %",
            [("AWS/CodePipeline", "FailedPipelineExecutions"), ("fargate-delivery", "Releases")],
        ),
    ],
)
def test_deliveries_are_those_of_all_pipelines(title: str, metrics: list[tuple[str, str]]) -> None:
    chart = next(w for w in widgets(WEB, WORKER) if w["properties"].get("title") == title)
    assert charted(chart["properties"]["metrics"]) == {
        (*metric, "PipelineName", name) for metric in metrics for name in ("dev-web", "dev-worker")
    }


def test_an_expression_is_of_metrics_of_its_chart() -> None:
    for chart in (w["properties"]["metrics"] for w in widgets(WEB, WORKER) if w["type"] == "metric"):
        drawn = [metric[-1] for metric in chart if isinstance(metric[-1], dict)]
        ids = [each["id"] for each in drawn if "id" in each]
        used = {name for each in drawn for name in re.findall(r"\b[a-z]+\d*\b", each.get("expression", ""))}
        assert (len(ids), set(ids)) == (len(used), used)


def test_a_release_is_a_line_in_every_chart_of_its_service() -> None:
    of_stack = [w["properties"] for w in widgets(WEB) if w["type"] == "metric" and w["y"] > 1 + 6]
    own = [each for each in of_stack if each["title"] != "Runs of jobs"]
    assert (len(own), len(of_stack)) == (4, 5)
    for given in own:
        line, metric = given["metrics"][-2:]
        assert (line[0]["expression"], line[0]["yAxis"]) == ("FILL(released, 0)", "right")
        assert metric == [
            "fargate-delivery", "Releases", "PipelineName", "dev-web",
            {"id": "released", "visible": False, "stat": "Sum"},
        ]  # fmt: skip
        assert given["yAxis"]["right"]["max"] == 1


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
def test_a_stack_has_one_with_all_its_services(committed: Mapping[str, Recorder], stack: str) -> None:
    recorder = committed[stack]
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


def test_queries_are_saved_for_all_services_fifty_at_a_time(deploy: Deploy) -> None:
    def program() -> None:
        services: list[Charted] = [
            {"service": name, "ecs_name": name, "log_group": f"/ecs/{name}", "pipeline": name, "target_groups": [],
             "jobs": False, "alarms": []}
            for name in (f"s{n}" for n in range(51))
        ]  # fmt: skip
        args: DashboardArgs = {
            "stack": "dev", "region": REGION, "cluster_name": "dev", "balancer_arn_suffix": BALANCER,
            "services": services,
        }  # fmt: skip
        Dashboard("overview", args)

    recorder, typ = deploy(program, stack="dev"), "aws:cloudwatch/queryDefinition:QueryDefinition"
    saved = {given["name"]: given for name in recorder.named(typ) for given in [recorder.inputs(typ, name)]}
    assert set(saved) == {f"dev/{purpose} {part}" for purpose in QUERIES for part in ("1-50", "51-100")}
    assert saved["dev/errors 1-50"]["logGroupNames"] == [f"/ecs/s{n}" for n in range(50)]
    assert saved["dev/errors 51-100"]["logGroupNames"] == ["/ecs/s50"]
    assert saved["dev/errors 1-50"]["queryString"] == QUERIES["errors"]


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
