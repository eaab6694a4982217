"""How many tasks: the scalable target, and a policy for each measure."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mocked import SECRET_KEYS, Recorder, program, stack_config

from tests.unit.components.service.test_task_role import declared

TARGET, POLICY = "aws:appautoscaling/target:Target", "aws:appautoscaling/policy:Policy"
Deploy = Callable[..., Recorder]


def policies(deploy: Deploy, tasks: dict[str, Any], routes: int = 1) -> dict[str, Any]:
    """Name → its configuration, of chuoi's."""
    services = declared()
    services["chuoi"] |= {"tasks": tasks, "routes": services["chuoi"]["routes"][:routes]}
    cluster = {"cluster": {"insights": "enabled"}} if "scale" in tasks else {}
    recorder = deploy(program, config=stack_config("dev", services=services, **cluster), secret_keys=SECRET_KEYS)
    assert recorder.inputs(TARGET, "chuoi-scaling")["maxCapacity"] == tasks.get("max", 1)
    return {
        name: recorder.inputs(POLICY, name)["targetTrackingScalingPolicyConfiguration"]
        for name in recorder.named(POLICY)
    }


def of(metric: str, value: int, **more: str) -> dict[str, Any]:
    return {"targetValue": value, "predefinedMetricSpecification": {"predefinedMetricType": metric, **more}}


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ({}, {}),
        ({"max": 3}, {}),
        ({"max": 3, "target_cpu": 60}, {"chuoi-scaling-cpu": of("ECSServiceAverageCPUUtilization", 60)}),
        (
            {"max": 3, "target_cpu": 60, "target_memory": 70, "target_requests": 600},
            {
                "chuoi-scaling-cpu": of("ECSServiceAverageCPUUtilization", 60),
                "chuoi-scaling-memory": of("ECSServiceAverageMemoryUtilization", 70),
                "chuoi-scaling-requests": of(
                    "ALBRequestCountPerTarget", 600, resourceLabel="app/balancer/1/targetgroup/chuoi-rgstd/1"
                ),
            },
        ),
        (
            {"max": 3, "scale": {"queue": "arn:aws:sqs:ap-northeast-1:123456789012:orders", "per_task": 10}},
            {"chuoi-scaling-backlog": {"targetValue": 10, "customizedMetricSpecification": {"metrics": [
                {"id": "messages", "returnData": False, "metricStat": {"stat": "Sum", "metric": {
                    "namespace": "AWS/SQS", "metricName": "ApproximateNumberOfMessagesVisible",
                    "dimensions": [{"name": "QueueName", "value": "orders"}]}}},
                {"id": "tasks", "returnData": False, "metricStat": {"stat": "Average", "metric": {
                    "namespace": "ECS/ContainerInsights", "metricName": "RunningTaskCount",
                    "dimensions": [{"name": "ClusterName", "value": "dev"}, {"name": "ServiceName", "value": "dev-chuoi"}]}}},
                {"id": "backlog", "expression": "messages / tasks", "label": "Messages a task", "returnData": True},
            ]}}},
        ),
    ],
    ids=json.dumps,
)  # fmt: skip
def test_a_policy_for_each_measure(deploy: Deploy, tasks: dict[str, Any], expected: dict[str, Any]) -> None:
    assert policies(deploy, tasks) == expected
