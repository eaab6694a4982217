"""A command that somebody runs once: what is registered, run and deregistered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from pipeline_steps_fakes import FakeSession

from delivery.tasks import one_off
from pipeline_steps.settings import VARIABLE, Settings
from releases.command_task import JOB_LABEL
from releases.errors import DeliveryError
from releases.record import Release

Json = dict[str, Any]
SETTINGS = Settings(
    pipeline="dev-web", cluster="dev", service="dev-web", controller="ECS", containers=("web", "worker"), sidecars=("otel",),
    minimum_tasks=1, deploy_minutes=15, repository="dev-web", record="/record", repository_uri="registry/dev-web",
)  # fmt: skip
RELEASE = Release(3, "sha256:released", "dev-web:7", "print", "v1", "execution", "now")
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SERVICE = {
    "launchType": "FARGATE",
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
    "deployments": [
        {
            "id": "new",
            "taskDefinition": "dev-web:9",
            "status": "PRIMARY",
            "rolloutState": "IN_PROGRESS",
            "createdAt": NOW,
        },
        {"id": "old", "taskDefinition": "dev-web:8", "status": "ACTIVE", "rolloutState": "COMPLETED", "createdAt": NOW},
    ],
    "tags": [{"key": "stack", "value": "dev"}],
}
REVISION = {
    "family": "dev-web", "taskRoleArn": "arn:task", "executionRoleArn": "arn:execution", "cpu": "256", "memory": "512",
    "containerDefinitions": [
        {"name": "web", "image": "registry/dev-web@sha256:old", "dockerLabels": {"a": "b"}, "healthCheck": {"command": ["x"]}},
        {"name": "worker", "image": "registry/dev-web@sha256:old"},
        {"name": "otel", "image": "otel:1", "essential": True},
    ],
}  # fmt: skip


def aws(run: Callable[[Json], Json], **more: Callable[[Json], Json]) -> FakeSession:
    variables = {VARIABLE: json.dumps(asdict(SETTINGS))}
    return FakeSession({
        "GetFunction": lambda _: {"Configuration": {"Environment": {"Variables": variables}}},
        "DescribeServices": lambda _: {"services": [SERVICE]},
        "DescribeTaskDefinition": lambda given: {"taskDefinition": {**REVISION, "asked": given["taskDefinition"]}},
        "RegisterTaskDefinition": lambda _: {"taskDefinition": {"taskDefinitionArn": "dev-web__command:1"}},
        "RunTask": run,
        **more,
    })  # fmt: skip


def start(session: FakeSession) -> str:
    return one_off.start(cast(boto3.Session, session), "dev", "web", RELEASE, ["bin/report", "--month", "11"])


def test_it_is_the_proven_definition_with_the_released_image_and_the_command() -> None:
    session = aws(lambda _: {"tasks": [{"taskArn": "task/dev/1"}], "failures": []})
    assert start(session) == "task/dev/1"
    assert [each["taskDefinition"] for each in session.called("DescribeTaskDefinition")] == ["dev-web:8"]
    (registered,) = session.called("RegisterTaskDefinition")
    web, otel = registered.pop("containerDefinitions")
    assert registered == {
        "family": "dev-web__command", "taskRoleArn": "arn:task", "executionRoleArn": "arn:execution",
        "cpu": "256", "memory": "512",
    }  # fmt: skip
    assert web == {
        "name": "web", "image": "registry/dev-web@sha256:released", "command": ["bin/report", "--month", "11"],
        "essential": True, "dockerLabels": {"a": "b", JOB_LABEL: "delivery"},
    }  # fmt: skip
    assert (otel["name"], otel["essential"]) == ("otel", False)
    (run,) = session.called("RunTask")
    assert run.pop("clientToken").isalnum()
    assert run == {
        "cluster": "dev", "taskDefinition": "dev-web__command:1", "startedBy": "delivery", "launchType": "FARGATE",
        "networkConfiguration": SERVICE["networkConfiguration"], "tags": SERVICE["tags"], "enableECSManagedTags": True,
    }  # fmt: skip
    assert [name for name, _ in session.calls][-2:] == ["RunTask", "DeregisterTaskDefinition"]
    assert session.called("DeregisterTaskDefinition") == [{"taskDefinition": "dev-web__command:1"}]


def test_what_was_not_started_leaves_no_definition() -> None:
    session = aws(lambda _: {"tasks": [], "failures": [{"reason": "Capacity is unavailable"}]})
    with pytest.raises(DeliveryError, match=r"^the command was not started: Capacity is unavailable$"):
        start(session)
    assert session.called("DeregisterTaskDefinition") == [{"taskDefinition": "dev-web__command:1"}]


def test_what_was_started_is_followed_though_its_definition_stays() -> None:
    """Whoever does not hear of the task would start another one."""

    def refuse(_: Json) -> Json:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DeregisterTaskDefinition")

    session = aws(lambda _: {"tasks": [{"taskArn": "task/dev/1"}], "failures": []}, DeregisterTaskDefinition=refuse)
    assert start(session) == "task/dev/1"
