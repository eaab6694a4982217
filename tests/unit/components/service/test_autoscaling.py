"""How many tasks: the scalable target, and a policy for each measure."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from mocked import SECRET_KEYS, Recorder, of_stack, program, stack_config
from pydantic import ValidationError

from components.service.autoscaling import Tasks
from tests.unit.components.service.test_task_role import declared

TARGET, POLICY = "aws:appautoscaling/target:Target", "aws:appautoscaling/policy:Policy"
ACTION = "aws:appautoscaling/scheduledAction:ScheduledAction"
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


@pytest.mark.parametrize(
    ("queue", "where"),
    [
        ("arn:aws:sqs:eu-west-1:123456789012:orders", "eu-west-1 of account 123456789012"),
        ("arn:aws:sqs:ap-northeast-1:111122223333:orders", "ap-northeast-1 of account 111122223333"),
        ("arn:aws-cn:sqs:cn-north-1:111122223333:orders", "cn-north-1 of account 111122223333"),
    ],
)
def test_a_queue_whose_metrics_are_elsewhere_is_refused_before_anything_is_made(queue: str, where: str) -> None:
    services = declared()
    services["chuoi"]["tasks"] = {"max": 3, "scale": {"queue": queue, "per_task": 10}}
    with pytest.raises(pulumi.RunError) as refused:
        of_stack("dev", services=services, cluster={"insights": "enabled"})
    assert str(refused.value) == (
        f"services.chuoi.tasks.scale.queue: {queue} is in {where}, and this stack in ap-northeast-1 of account "
        "123456789012; CloudWatch has a queue's metrics where the queue is, and scaling reads those of its own account "
        "and Region only"
    )


NIGHT = {
    "min": 2, "max": 8, "schedule": [
        {"at": "cron(0 22 * * ? *)", "timezone": "Asia/Tokyo", "min": 0},
        {"at": "cron(0 7 ? * MON-FRI *)", "timezone": "Asia/Tokyo"},
        {"at": "cron(0 12 * * ? *)", "min": 4},
    ],
}  # fmt: skip


def test_a_schedule_changes_the_bounds_and_its_release_wakes_the_service(deploy: Deploy) -> None:
    services = declared()
    services["chuoi"] |= {"tasks": NIGHT}
    recorder = deploy(program, config=stack_config("dev", services=services), secret_keys=SECRET_KEYS)
    actions = [recorder.inputs(ACTION, name) for name in sorted(recorder.named(ACTION))]
    assert [(each["name"], each["schedule"], each["timezone"], each["scalableTargetAction"]) for each in actions] == [
        ("chuoi-0", "cron(0 22 * * ? *)", "Asia/Tokyo", {"minCapacity": 0, "maxCapacity": 0}),
        ("chuoi-1", "cron(0 7 ? * MON-FRI *)", "Asia/Tokyo", {"minCapacity": 2, "maxCapacity": 8}),
        ("chuoi-2", "cron(0 12 * * ? *)", "UTC", {"minCapacity": 4, "maxCapacity": 8}),
    ]
    ignored = set(recorder.named(TARGET)["chuoi-scaling"].ignoreChanges)
    assert ignored == {"minCapacity", "maxCapacity", "suspendedState"}
    *_, deploys = recorder.inputs("aws:codepipeline/pipeline:Pipeline", "chuoi-pipeline")["stages"]
    by_name = {action["name"]: action for action in deploys["actions"]}
    assert list(by_name)[-3:] == ["Wake", "Deploy", "Release"]
    assert json.loads(by_name["Release"]["configuration"]["UserParameters"])["woken"] == "#{Wake.WOKEN}"
    assert by_name["Wake"]["namespace"] == "Wake"


def test_without_a_schedule_to_0_nothing_wakes(deploy: Deploy) -> None:
    services = declared()
    services["chuoi"] |= {"tasks": {"min": 2, "max": 8, "schedule": [{"at": "cron(0 7 * * ? *)", "min": 4}]}}
    recorder = deploy(program, config=stack_config("dev", services=services), secret_keys=SECRET_KEYS)
    *_, deploys = recorder.inputs("aws:codepipeline/pipeline:Pipeline", "chuoi-pipeline")["stages"]
    assert "Wake" not in [action["name"] for action in deploys["actions"]]
    assert "woken" not in json.dumps(deploys)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ([{"at": "cron(0 22 * * ? *)", "min": 0}], "schedule: stops all tasks, and no entry starts them again"),
        ([{"at": "cron(0 22 * * ? *)", "min": 0, "max": 2}], "schedule[0]: min 0 needs max 0"),
        ([{"at": "cron(0 22 * * ? *)", "min": 9}], "schedule[0]: max 8 is less than min 9"),
        ([{"at": "rate(1 day)", "min": 4}], "String should match pattern"),
        ([{"at": "cron(0 25 * * ? *)", "min": 4}], "is not a schedule: Invalid hour value"),
    ],
)
def test_schedules_that_are_none(schedule: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Tasks.model_validate({"min": 2, "max": 8, "schedule": schedule})
    assert words in str(caught.value)
