"""A service's alarms under mocks: what they measure, who watches them, and how they are switched off."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mocked import Recorder, stack_config

from components.service.alarms import MEASURES, MINUTES, queries
from releases.names import ROUTE_ALARMS
from tests.unit.program.test_program import run

Deploy = Callable[..., Recorder]
ALARM, COMPOSITE = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/compositeAlarm:CompositeAlarm"
SERVICE = "aws:ecs/service:Service"
NAMES = {alarm: f"dev-chuoi-{alarm.replace('_', '-')}" for alarm in MEASURES}
OFF = dict.fromkeys(MEASURES, False)


def with_alarms(deploy: Deploy, alarms: dict[str, Any], **changes: Any) -> Recorder:
    """The dev stack, whose service chuoi has two routes and these alarms."""
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"] |= {"alarms": alarms, **changes}
    return run(deploy, "dev", services=services)


def of_services(recorder: Recorder) -> dict[str, dict[str, Any]]:
    """Child's name → inputs."""
    return {name: recorder.inputs(ALARM, name) for name in recorder.named(ALARM) if "undelivered" not in name}


@pytest.mark.parametrize(
    ("measure", "one", "two"),
    [
        (
            "server_errors",
            "IF(errors0 >= 5, 100 * errors0 / requests0, 0)",
            "MAX([FILL(IF(errors0 >= 5, 100 * errors0 / requests0, 0), 0), "
            "FILL(IF(errors1 >= 5, 100 * errors1 / requests1, 0), 0)])",
        ),
        (
            "latency",
            "IF(requests0 >= 20, seconds0, 0)",
            "MAX([FILL(IF(requests0 >= 20, seconds0, 0), 0), FILL(IF(requests1 >= 20, seconds1, 0), 0)])",
        ),
        ("unhealthy_hosts", "hosts0", "MAX([FILL(hosts0, 0), FILL(hosts1, 0)])"),
    ],
)
def test_the_worst_target_group_counts(measure: str, one: str, two: str) -> None:
    for groups, expression in ((["a"], one), (["a", "b"], two)):
        first, *metrics = queries(MEASURES[measure], groups, "app/x")
        assert (first["expression"], first["return_data"]) == (expression, True)
        assert all("return_data" not in query for query in metrics)


GRPC = {"protocol": "grpc", "health_check": {"path": "/grpc.health.v1.Health/Check"}}


@pytest.mark.parametrize("alarms", [{}, {"latency": 3}, {"server_errors": False}], ids=json.dumps)
def test_errors_of_grpc_are_no_5xx_so_there_is_no_alarm_of_them(deploy: Deploy, alarms: dict[str, Any]) -> None:
    found = of_services(with_alarms(deploy, alarms, **GRPC))
    assert {"chuoi-latency", "chuoi-unhealthy-hosts"} <= found.keys()
    assert "chuoi-server-errors" not in found
    watched = with_alarms(deploy, alarms, **GRPC).inputs(SERVICE, "chuoi-service")["alarms"]
    assert sorted(watched["alarmNames"]) == ["dev-chuoi-latency", "dev-chuoi-unhealthy-hosts"]
    assert "chuoi-server-errors" in of_services(with_alarms(deploy, {}, **{**GRPC, "protocol": "http2"}))


def test_every_metric_of_every_target_group_is_asked_for() -> None:
    _, *found = queries(MEASURES["server_errors"], ["a", "b"], "app/x")
    assert [(query["id"], query["metric"]) for query in found] == [
        (
            f"{called}{n}",
            {
                "namespace": "AWS/ApplicationELB",
                "metric_name": metric,
                "dimensions": {"LoadBalancer": "app/x", "TargetGroup": group},
                "period": 60,
                "stat": "Sum",
            },
        )
        for n, group in enumerate(["a", "b"])
        for called, metric in (("errors", "HTTPCode_Target_5XX_Count"), ("requests", "RequestCount"))
    ]


@pytest.mark.parametrize("measure", MEASURES)
def test_an_alarm_of_a_service_s_five_target_groups_has_ten_metrics_at_most(measure: str) -> None:
    _, *metrics = queries(MEASURES[measure], ["g"] * 5, "app/x")
    assert len(metrics) <= 10


def test_what_is_on_unless_it_is_said(dev: Recorder) -> None:
    found = of_services(dev)
    how = {
        name: (each["name"], each["comparisonOperator"], each["threshold"], each["datapointsToAlarm"])
        for name, each in found.items()
    }
    at_least = "GreaterThanOrEqualToThreshold"
    assert how == {
        "chuoi-server-errors": ("dev-chuoi-server-errors", at_least, 5, 2),
        "chuoi-latency": ("dev-chuoi-latency", at_least, 2, 3),
        "chuoi-unhealthy-hosts": ("dev-chuoi-unhealthy-hosts", at_least, 1, 3),
    }
    for name, each in found.items():
        assert (each["evaluationPeriods"], each["treatMissingData"]) == (MINUTES, "notBreaching")
        watched = [query["metric"] for query in each["metricQueries"] if "metric" in query]
        assert {(m["dimensions"]["LoadBalancer"], m["dimensions"]["TargetGroup"]) for m in watched} == {
            ("app/balancer/1", f"targetgroup/chuoi-{route}/1") for route in ("rgstd", "zvdyf")
        }
        assert dev.named(ALARM)[name].parent.endswith("fargate-delivery:index:EcsService::chuoi")


def test_one_alarm_of_them_all_has_the_service_s_name(dev: Recorder) -> None:
    assert dev.types()[COMPOSITE] == 1, "mailer is a worker"
    found = dev.inputs(COMPOSITE, "chuoi-alarm")
    assert found["alarmName"] == "dev-chuoi"
    assert found["alarmRule"] == " OR ".join(f'ALARM("{name}")' for name in NAMES.values())
    assert dev.named(COMPOSITE)["chuoi-alarm"].parent.endswith("fargate-delivery:index:EcsService::chuoi")


def test_the_composite_alarm_pages_and_the_others_do_not(deploy: Deploy) -> None:
    pager = "arn:aws:sns:eu-west-1:111122223333:pager"
    recorder = run(deploy, "dev", notifications={"slack": True, "page": pager})
    found = recorder.inputs(COMPOSITE, "chuoi-alarm")
    assert (found["alarmActions"], found["okActions"]) == ([pager], [pager])
    assert not any("alarmActions" in inputs for inputs in of_services(recorder).values())


def test_ecs_watches_them(dev: Recorder) -> None:
    assert dev.inputs(SERVICE, "chuoi-service")["alarms"] == {
        "alarmNames": list(NAMES.values()), "enable": True, "rollback": True,
    }  # fmt: skip
    assert "alarms" not in dev.inputs(SERVICE, "mailer-service"), "a worker"


@pytest.mark.parametrize("off", MEASURES)
def test_one_is_switched_off(deploy: Deploy, off: str) -> None:
    recorder = with_alarms(deploy, {off: False})
    left = [name for alarm, name in NAMES.items() if alarm != off]
    assert {each["name"] for each in of_services(recorder).values()} == set(left)
    assert recorder.inputs(SERVICE, "chuoi-service")["alarms"]["alarmNames"] == left
    assert NAMES[off] not in recorder.inputs(COMPOSITE, "chuoi-alarm")["alarmRule"]


def test_all_are_switched_off(deploy: Deploy) -> None:
    recorder = with_alarms(deploy, OFF)
    assert of_services(recorder) == {}
    assert recorder.types()[COMPOSITE] == 0
    assert recorder.inputs(SERVICE, "chuoi-service")["alarms"] == {
        "alarmNames": ["dev-chuoi"], "enable": False, "rollback": False,
    }, "ECS would keep those that it is not told of"  # fmt: skip


def test_from_where_on_it_is_too_much(deploy: Deploy) -> None:
    found = of_services(with_alarms(deploy, {"server_errors": 0.5, "latency": 0.25, "unhealthy_hosts": 3}))
    assert {name: each["threshold"] for name, each in found.items()} == {
        "chuoi-server-errors": 0.5, "chuoi-latency": 0.25, "chuoi-unhealthy-hosts": 3,
    }  # fmt: skip


def test_the_names_of_a_route_s_alarms_are_those_that_are_made() -> None:
    assert tuple(MEASURES) == ROUTE_ALARMS
