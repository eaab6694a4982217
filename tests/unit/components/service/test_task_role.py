"""What the app itself may do, and sessions of ECS Exec, under mocks."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, SECRET_KEYS, Recorder, program, stack_config

from releases.service_state import ProviderShare, Settings
from tests.unit.components.service.strategies.test_codedeploy import RUNS
from tests.unit.program.test_program import run, statements

Deploy = Callable[..., Recorder]
SERVICE, ROLE_POLICY = "aws:ecs/service:Service", "aws:iam/rolePolicy:RolePolicy"
KEY, LOG_GROUP = "aws:kms/key:Key", "aws:cloudwatch/logGroup:LogGroup"
LOG = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/dev/sessions"
READ = {"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::pictures/logo.png"]}
SEND = {"actions": ["ses:SendEmail"], "resources": ["*"], "reason": "an identity is no resource here"}


def declared(**changes: Any) -> dict[str, Any]:
    """The dev stack's services, chuoi with these keys."""
    services: dict[str, Any] = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"] |= changes
    return services


def running(deploy: Deploy, has: Settings, **changes: Any) -> Recorder:
    """The same, where the service is there and has these settings."""
    config = stack_config("dev", services=declared(**changes))
    return deploy(program, config=config, secret_keys=SECRET_KEYS, states={"chuoi": replace(RUNS, settings=has)})


def test_an_app_may_do_nothing_unless_it_is_said(dev: Recorder) -> None:
    assert not [name for name in dev.named(ROLE_POLICY) if "-task-" in name]
    assert dev.inputs(SERVICE, "chuoi-service")["enableExecuteCommand"] is False


def test_what_an_app_may_do(deploy: Deploy) -> None:
    recorder = run(deploy, "dev", services=declared(permissions=[READ, SEND]))
    granted = statements(recorder, ROLE_POLICY, "chuoi-task-policy")
    assert {sid: (each["Action"], each["Resource"]) for sid, each in granted.items()} == {
        "App1": (READ["actions"], READ["resources"]),
        "App2": (SEND["actions"], SEND["resources"]),
    }
    assert recorder.inputs(ROLE_POLICY, "chuoi-task-policy")["role"] == "dev-chuoi-task"
    depends_on = recorder.named(SERVICE)["chuoi-service"].dependencies
    assert any(urn.endswith("::chuoi-task-policy") for urn in depends_on), "its tasks start with it"


def test_sessions_are_opened_where_it_is_said_and_logged(deploy: Deploy) -> None:
    recorder = run(deploy, "dev", services=declared(exec=True))
    granted = statements(recorder, ROLE_POLICY, "chuoi-task-policy")
    channels = {f"ssmmessages:{act}{kind}Channel" for act in ("Create", "Open") for kind in ("Control", "Data")}
    assert {sid: (set(each["Action"]), each["Resource"]) for sid, each in granted.items()} == {
        "OpenSessions": (channels, ["*"]),
        "FindSessionLog": ({"logs:DescribeLogGroups"}, ["*"]),
        "LogSessions": ({"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"}, [f"{LOG}:*"]),
    }
    assert recorder.inputs(SERVICE, "chuoi-service")["enableExecuteCommand"] is True
    assert recorder.inputs(SERVICE, "mailer-service")["enableExecuteCommand"] is False
    assert "mailer-task-policy" not in recorder.named(ROLE_POLICY)


def test_the_log_of_sessions_is_encrypted(dev: Recorder) -> None:
    sessions = dev.inputs("aws:ecs/cluster:Cluster", "cluster-cluster")["configuration"]
    assert sessions["executeCommandConfiguration"] == {
        "logging": "OVERRIDE",
        "logConfiguration": {"cloudWatchLogGroupName": "/ecs/dev/sessions", "cloudWatchEncryptionEnabled": True},
    }
    log = dev.inputs(LOG_GROUP, "cluster-session-log")
    assert log["kmsKeyId"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/cluster-session-key"
    policy = json.loads(dev.inputs(KEY, "cluster-session-key")["policy"])
    logs = next(statement for statement in policy["Statement"] if statement["Sid"] == "Logs")
    assert logs["Principal"] == {"Service": f"logs.{REGION}.amazonaws.com"}
    assert logs["Condition"] == {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": LOG}}


ON_SPOT = Settings(
    capacity_providers=(ProviderShare("FARGATE_SPOT"),),
    grace_period=60,
    alarms=("dev-chuoi-latency", "dev-chuoi-server-errors", "dev-chuoi-unhealthy-hosts"),
)


@pytest.mark.parametrize(
    ("has", "forced", "kept"),
    [
        (ON_SPOT, False, True),
        (replace(ON_SPOT, capacity_providers=(ProviderShare("FARGATE"),)), True, False),
        (replace(ON_SPOT, execute_command=True), True, False),
        (replace(ON_SPOT, alarms=()), False, False),
    ],
    ids=["the same", "was on demand", "had sessions", "had no alarms"],
)
def test_a_new_deployment_is_forced_where_tasks_must_change(
    deploy: Deploy, has: Settings, forced: bool, kept: bool
) -> None:
    recorder = running(deploy, has)
    assert recorder.inputs(SERVICE, "chuoi-service").get("forceNewDeployment", False) is forced
    assert ("forceNewDeployment" in recorder.named(SERVICE)["chuoi-service"].ignoreChanges) is kept
