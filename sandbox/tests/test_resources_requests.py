"""What is sent for a service and a build project, and how long a service is waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from resource_account import Account, Props

from sandbox.providers.resources import RESOURCES, base, ecs_service

SERVICE = "aws:ecs/service:Service"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("SANDBOX_SPEED", "1000")
    with mock_aws():
        yield Account()


class Calls:
    """Stands in for a client: answers by operation and keeps what was sent."""

    def __init__(self, client: Any, **answers: Callable[[Props], Any]) -> None:
        self.client, self.answers = client, answers
        self.sent: list[tuple[str, Props]] = []

    def __getattr__(self, name: str) -> Any:
        if name not in self.answers:
            return getattr(self.client, name)

        def call(**arguments: Any) -> Any:
            self.sent.append((name, arguments))
            return self.answers[name](arguments)

        return call


def described(*deployments: Props, running: int = 2) -> Props:
    common = {"serviceArn": "arn:s", "serviceName": "web", "status": "ACTIVE", "desiredCount": 2}
    return {"services": [{**common, "runningCount": running, "deployments": list(deployments)}]}


def deployment(id: str, status: str, rollout: str, **more: Any) -> Props:
    return {"id": id, "status": status, "rolloutState": rollout, **more}


def service_with(account: Account, *answers: Props) -> tuple[Any, Calls]:
    left = list(answers)

    def describe(arguments: Props) -> Props:
        return left.pop(0) if len(left) > 1 else left[0]

    def delete(arguments: Props) -> None:
        left[:] = [{"services": []}]

    calls = Calls(
        account.aws.client("ecs"),
        create_service=lambda a: {"service": {"serviceArn": "arn:s"}},
        update_service=lambda a: {},
        describe_services=describe,
        delete_service=delete,
        tag_resource=lambda a: {},
    )
    return replace(account.aws, client=lambda service: calls), calls


SERVICE_INPUTS = {"name": "web", "cluster": "main", "taskDefinition": "web:1", "waitForSteadyState": True}
NEW = deployment("ecs-svc/1", "PRIMARY", "IN_PROGRESS")
DONE = deployment("ecs-svc/1", "PRIMARY", "COMPLETED")
OLD = deployment("ecs-svc/0", "ACTIVE", "COMPLETED")


def test_service_is_sent_in_the_apis_shape(account: Account) -> None:
    aws, calls = service_with(account, described(DONE))
    RESOURCES[SERVICE].create(
        aws,
        {
            **SERVICE_INPUTS,
            "capacityProviderStrategies": [{"capacityProvider": "FARGATE", "weight": 1}],
            "networkConfiguration": {"subnets": ["s"], "assignPublicIp": True},
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "loadBalancers": [{"targetGroupArn": "t", "containerName": "app", "containerPort": "80"}],
            "tags": {"a": "b"},
        },
    )
    assert calls.sent[0][1] == {
        "cluster": "main",
        "serviceName": "web",
        "taskDefinition": "web:1",
        "desiredCount": 0,
        "schedulingStrategy": "REPLICA",
        "enableECSManagedTags": False,
        "enableExecuteCommand": False,
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"], "assignPublicIp": "ENABLED"}},
        "deploymentConfiguration": {
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
        "loadBalancers": [{"targetGroupArn": "t", "containerName": "app", "containerPort": 80}],
        "tags": [{"key": "a", "value": "b"}],
    }


def test_a_service_s_alarms_need_a_name_and_stay_when_they_are_not_said(account: Account) -> None:
    watched = {"alarmNames": ["a"], "enable": True, "rollback": True}
    aws, calls = service_with(account, described(DONE))
    id, _ = RESOURCES[SERVICE].create(aws, {**SERVICE_INPUTS, "alarms": watched})
    assert calls.sent[0][1]["deploymentConfiguration"]["alarms"] == watched
    nothing = {"alarmNames": [], "enable": False, "rollback": False}
    with pytest.raises(RuntimeError, match=r"missing required field, CreateServiceInput\..*\.Alarms\.AlarmNames"):
        RESOURCES[SERVICE].create(aws, {**SERVICE_INPUTS, "alarms": nothing})
    RESOURCES[SERVICE].update(aws, id, {**SERVICE_INPUTS, "alarms": watched}, SERVICE_INPUTS)
    assert [name for name, _ in calls.sent].count("update_service") == 0


HOOK = {"hookTargetArn": "f", "roleArn": "r", "lifecycleStages": ["POST_SCALE_UP"], "hookDetails": '{"a": 1}'}
PAUSE = {
    "targetType": "PAUSE",
    "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
    "timeoutConfiguration": {"timeoutInMinutes": "60", "action": "ROLLBACK"},
}
CANARY = {
    "strategy": "CANARY",
    "bakeTimeInMinutes": "5",
    "canaryConfiguration": {"canaryPercent": 10, "canaryBakeTimeInMinutes": "3"},
    "linearConfiguration": {"stepPercent": 10, "stepBakeTimeInMinutes": "3"},
    "lifecycleHooks": [HOOK, PAUSE],
}
ADVANCED = {
    "alternateTargetGroupArn": "t2",
    "productionListenerRule": "p",
    "testListenerRule": "test",
    "roleArn": "role",
}
BALANCERS = [{"targetGroupArn": "t", "containerName": "app", "containerPort": 80, "advancedConfiguration": ADVANCED}]
SENT: Props = {
    "strategy": "CANARY",
    "bakeTimeInMinutes": 5,
    "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 3},
    "lifecycleHooks": [
        {**HOOK, "hookDetails": {"a": 1}},
        {**PAUSE, "timeoutConfiguration": {"timeoutInMinutes": 60, "action": "ROLLBACK"}},
    ],
}
STRATEGIES: list[tuple[Props, Props]] = [
    (CANARY, SENT),
    ({**CANARY, "strategy": "BLUE_GREEN", "lifecycleHooks": []}, {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}),
    ({**CANARY, "strategy": "LINEAR", "bakeTimeInMinutes": "", "lifecycleHooks": []}, {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 10.0, "stepBakeTimeInMinutes": 3}}),
    ({"strategy": "ROLLING"}, {"strategy": "ROLLING"}),
    ({"bakeTimeInMinutes": "5"}, {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "sent"), STRATEGIES, ids=[str(declared.get("strategy")) for declared, _ in STRATEGIES]
)
def test_a_service_s_strategy_is_sent_as_the_provider_sends_it(account: Account, declared: Props, sent: Props) -> None:
    aws, calls = service_with(account, described(DONE))
    inputs = {**SERVICE_INPUTS, "waitForSteadyState": False, "loadBalancers": BALANCERS}
    RESOURCES[SERVICE].create(aws, {**inputs, "deploymentConfiguration": declared})
    RESOURCES[SERVICE].update(
        aws, "arn:s", {**inputs, "deploymentConfiguration": {}}, {**inputs, "deploymentConfiguration": declared}
    )
    percents = {"maximumPercent": 200, "minimumHealthyPercent": 100}
    made, updated = (arguments for name, arguments in calls.sent if name in ("create_service", "update_service"))
    assert made["deploymentConfiguration"] == updated["deploymentConfiguration"] == {**percents, **sent}
    assert (made["loadBalancers"], "loadBalancers" in updated) == (BALANCERS, False)


def test_a_service_s_strategy_is_read_as_it_was_declared(account: Account) -> None:
    answer = described(DONE)
    configuration = {**SENT, "linearConfiguration": {"stepPercent": 10.0, "stepBakeTimeInMinutes": 6}}
    answer["services"][0] |= {
        "deploymentConfiguration": configuration,
        "loadBalancers": BALANCERS,
        "taskDefinition": "web:1",
    }
    aws, _ = service_with(account, answer)
    declared = {k: v for k, v in CANARY.items() if k != "linearConfiguration"}
    inputs = {**SERVICE_INPUTS, "deploymentConfiguration": declared, "loadBalancers": BALANCERS}
    state = RESOURCES[SERVICE].read(aws, "arn:s", inputs) or {}
    assert {name: state[name] for name in ("deploymentConfiguration", "loadBalancers")} == {
        "deploymentConfiguration": declared,
        "loadBalancers": BALANCERS,
    }
    configuration["canaryConfiguration"] = {"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 3}
    drifted = RESOURCES[SERVICE].read(aws, "arn:s", inputs) or {}
    assert drifted["deploymentConfiguration"]["canaryConfiguration"] == {
        "canaryPercent": 20.0,
        "canaryBakeTimeInMinutes": "3",
    }


@pytest.mark.parametrize("status", ["SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"])
def test_a_service_that_shifts_traffic_is_waited_for_by_its_service_deployment(account: Account, status: str) -> None:
    answer = described(DONE)
    answer["services"][0] |= {"deploymentConfiguration": SENT, "currentServiceDeployment": "arn:d"}
    aws, calls = service_with(account, answer)
    statuses = ["PENDING", "IN_PROGRESS", status]
    asked: list[str] = []

    def describe(arguments: Props) -> Props:
        asked.extend(arguments["serviceDeploymentArns"])
        return {"serviceDeployments": [{"status": statuses.pop(0), "statusReason": "the hook said no"}]}

    calls.answers["describe_service_deployments"] = describe
    with (
        nullcontext()
        if status == "SUCCESSFUL"
        else pytest.raises(RuntimeError, match=r"\(arn:s\) update: the hook said no")
    ):
        RESOURCES[SERVICE].update(aws, "arn:s", SERVICE_INPUTS, {**SERVICE_INPUTS, "deploymentConfiguration": CANARY})
    assert (asked, statuses) == (["arn:d"] * 3, [])


def test_service_waits_until_its_deployment_is_the_only_one(account: Account) -> None:
    aws, calls = service_with(account, described(NEW, OLD), described(NEW), described(DONE, OLD), described(DONE))
    RESOURCES[SERVICE].create(aws, SERVICE_INPUTS)
    assert sum(name == "describe_services" for name, _ in calls.sent) == 5


def test_service_that_rolls_back_is_an_error(account: Account) -> None:
    failed = deployment("ecs-svc/1", "INACTIVE", "FAILED", rolloutStateReason="tasks failed to start.")
    back = deployment("ecs-svc/2", "PRIMARY", "IN_PROGRESS")
    aws, calls = service_with(account, described(NEW), described(back, failed))
    with pytest.raises(RuntimeError, match=r"ECS Service \(arn:s\) update: deployment failed: tasks failed to start"):
        RESOURCES[SERVICE].update(aws, "arn:s", SERVICE_INPUTS, {**SERVICE_INPUTS, "taskDefinition": "web:2"})
    assert [a for name, a in calls.sent if name == "update_service"] == [
        {"cluster": "main", "service": "arn:s", "taskDefinition": "web:2"}
    ]


def test_service_that_never_settles_is_an_error(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ecs_service, "SHORTEST_LIMIT", 0.5)
    aws, _ = service_with(account, described(NEW))
    with pytest.raises(TimeoutError, match=r"last state: 'tfPENDING', timeout: 20m0s"):
        RESOURCES[SERVICE].update(aws, "arn:s", SERVICE_INPUTS, {**SERVICE_INPUTS, "desiredCount": 3})


def test_service_is_drained_before_it_is_deleted(account: Account) -> None:
    aws, calls = service_with(account, described(DONE), described(DONE), described(DONE, running=0))
    RESOURCES[SERVICE].delete(aws, "arn:s", SERVICE_INPUTS)
    names = [name for name, _ in calls.sent]
    assert names == [
        *("describe_services", "update_service", "describe_services", "describe_services"),
        *("delete_service", "describe_services"),
    ]
    assert calls.sent[1][1]["desiredCount"] == 0


def test_project_update_sends_every_setting(account: Account) -> None:
    calls = Calls(
        account.aws.client("codebuild"),
        update_project=lambda a: {},
        batch_get_projects=lambda a: {"projects": [{"arn": "arn:x/builder", "name": "builder"}]},
    )
    aws = replace(account.aws, client=lambda service: calls)
    news = {
        "name": "builder",
        "serviceRole": "r",
        "buildTimeout": 5,
        "source": {"type": "CODEPIPELINE", "buildspec": "version: 0.2"},
        "environment": {"type": "T", "image": "i", "computeType": "C", "privilegedMode": "true"},
        "logsConfig": {"cloudwatchLogs": {"groupName": "g"}},
        "tags": {"a": "b"},
    }
    RESOURCES["aws:codebuild/project:Project"].update(aws, "arn:x/builder", {}, news)
    assert calls.sent[0][1] == {
        "name": "builder",
        "serviceRole": "r",
        "timeoutInMinutes": 5,
        "queuedTimeoutInMinutes": 480,
        "source": {"type": "CODEPIPELINE", "buildspec": "version: 0.2"},
        "environment": {"type": "T", "image": "i", "computeType": "C", "privilegedMode": True},
        "logsConfig": {"cloudWatchLogs": {"status": "ENABLED", "groupName": "g"}},
        "tags": [{"key": "a", "value": "b"}],
    }


LINKED_ROLE = (
    "InvalidParameterException",
    "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
)
REFUSALS = {
    "aws:codebuild/project:Project": (
        "InvalidInputException",
        "CodeBuild is not authorized to perform: sts:AssumeRole",
    ),
    "aws:codepipeline/pipeline:Pipeline": ("InvalidStructureException", "CodePipeline is not authorized to perform"),
    "aws:codedeploy/deploymentGroup:DeploymentGroup": ("InvalidRoleException", "AWS CodeDeploy does not have"),
    "aws:ecs/cluster:Cluster": LINKED_ROLE,
    "aws:ecs/service:Service": LINKED_ROLE,
    "aws:appautoscaling/target:Target": ("ValidationException", "Unable to assume IAM role: arn:aws:iam::1:role/r"),
}


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize(("refused", "code", "created"), [(3, "", True), (10_000, "", False), (1, "Other", False)])
def test_a_role_that_is_refused_may_be_too_new(
    monkeypatch: pytest.MonkeyPatch, kind: str, refused: int, code: str, created: bool
) -> None:
    resource, left, now = RESOURCES[kind], [refused], iter(range(10_000))
    error = {"Code": code or REFUSALS[kind][0], "Message": REFUSALS[kind][1]}

    def call(*_: Any) -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise ClientError({"Error": error}, "Create")
        return "made"

    monkeypatch.setattr(type(resource), "call", call)
    monkeypatch.setattr(base, "time", SimpleNamespace(monotonic=lambda: next(now), sleep=lambda _: None))
    made: Any = resource
    if created:
        assert made.call_once_the_role_is_known(None, {}) == "made"
        return
    with pytest.raises(ClientError):
        made.call_once_the_role_is_known(None, {})
    assert left[0] == refused - 1 or not code
