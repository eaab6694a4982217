"""What only production must have."""

from typing import Any

import pytest

from cases import judged, refused, violations

BUCKET, KEY = "aws:s3/bucket:Bucket", "aws:kms/key:Key"
REPOSITORY, BALANCER = "aws:ecr/repository:Repository", "aws:lb/loadBalancer:LoadBalancer"
DATABASE, TABLE = "aws:rds/instance:Instance", "aws:dynamodb/table:Table"


@pytest.mark.parametrize(
    ("token", "protect", "properties", "words"),
    [
        (BUCKET, False, {"forceDestroy": False}, "Pulumi may delete it (protect is off)."),
        (BUCKET, True, {"forceDestroy": True}, "forceDestroy is True."),
        (REPOSITORY, False, {}, "protect is off"),
        (REPOSITORY, False, {"forceDelete": True}, "Pulumi may delete it (protect is off) and forceDelete is True."),
        (KEY, False, {}, "protect is off"),
        (BALANCER, True, {}, "enableDeletionProtection is False"),
        (BALANCER, False, {"enableDeletionProtection": True}, "protect is off"),
        (DATABASE, True, {"deletionProtection": False}, "deletionProtection is False"),
        ("aws:rds/cluster:Cluster", True, {}, "deletionProtection is False"),
        (TABLE, True, {}, "deletionProtectionEnabled is False"),
        ("aws:efs/fileSystem:FileSystem", False, {}, "protect is off"),
    ],
)
def test_what_is_not_protected_is_refused(token: str, protect: bool, properties: dict[str, Any], words: str) -> None:
    said = violations("protected-in-production", token, properties, protect=protect)
    refused(said, words, "Set `fargate-delivery:protect` in Pulumi.prd.yaml to true")
    assert violations("protected-in-production", token, properties, protect=protect, stack="dev") == []


@pytest.mark.parametrize(
    ("token", "properties"),
    [
        (BUCKET, {"forceDestroy": False}),
        (REPOSITORY, {}),
        (KEY, {}),
        (BALANCER, {"enableDeletionProtection": True}),
        (DATABASE, {"deletionProtection": True}),
        (TABLE, {"deletionProtectionEnabled": True}),
    ],
)
def test_what_is_protected_passes(token: str, properties: dict[str, Any]) -> None:
    assert violations("protected-in-production", token, properties, protect=True) == []


def stage(name: str, *categories: str) -> dict[str, Any]:
    return {"name": name, "actions": [{"name": category, "category": category} for category in categories]}


BEFORE = [stage("Source", "Source"), stage("Package", "Build")]
APPROVE, DEPLOY = stage("Approve", "Approval"), stage("Deploy", "Build", "Deploy", "Build")


@pytest.mark.parametrize(
    ("stages", "passes"),
    [
        ([*BEFORE, APPROVE, DEPLOY], True),
        ([*BEFORE, DEPLOY], False),
        ([*BEFORE, DEPLOY, APPROVE], False),
        ([*BEFORE, stage("Deploy", "Build"), APPROVE], False),
        ([*BEFORE, stage("Canary", "Deploy"), APPROVE, DEPLOY], False),
    ],
)
def test_approval(stages: list[dict[str, Any]], passes: bool) -> None:
    token = "aws:codepipeline/pipeline:Pipeline"
    said = violations("approval-in-production", token, {"stages": stages})
    if passes:
        assert said == []
    else:
        refused(said, "nobody has approved", "`fargate-delivery:services.chuoi.approve` in Pulumi.prd.yaml")
    assert violations("approval-in-production", token, {"stages": stages}, stack="local") == []


ROLLBACK = "rollback-in-production"
ON = {"enable": True, "rollback": True}
GROUPS = [{"containerName": "web"}]


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"deploymentCircuitBreaker": ON}, None),
        ({"deploymentCircuitBreaker": ON, "alarms": ON, "loadBalancers": GROUPS}, None),
        ({"deploymentConfiguration": {"strategy": "CANARY"}, "alarms": ON, "loadBalancers": GROUPS}, None),
        ({"deploymentController": {"type": "CODE_DEPLOY"}, "loadBalancers": GROUPS}, None),
        ({}, "deployment_circuit_breaker"),
        ({"deploymentCircuitBreaker": {"enable": True, "rollback": False}}, "components/service/ecs_service.py"),
        ({"deploymentCircuitBreaker": ON, "loadBalancers": GROUPS}, "`fargate-delivery:services.chuoi.alarms`"),
        (
            {"deploymentCircuitBreaker": ON, "loadBalancers": GROUPS, "alarms": {"enable": False, "rollback": False}},
            "take `false` out",
        ),
        ({"deploymentConfiguration": {"strategy": "CANARY"}, "loadBalancers": GROUPS}, "no alarm rolls back"),
    ],
)
def test_rollback_by_ecs(properties: dict[str, Any], words: str | None) -> None:
    token = "aws:ecs/service:Service"
    said = violations(ROLLBACK, token, properties)
    judged(said, words)
    assert violations(ROLLBACK, token, properties, stack="dev") == []


FAILURE, ALARM = "DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"
ALARMS = {"enabled": True, "alarms": ["prd-chuoi-5xx"]}


@pytest.mark.parametrize(
    ("rollback", "alarms", "words"),
    [
        ({"enabled": True, "events": [FAILURE, ALARM]}, ALARMS, None),
        ({"enabled": True, "events": [ALARM]}, ALARMS, "Enable DEPLOYMENT_FAILURE"),
        ({"enabled": True, "events": [FAILURE]}, ALARMS, "no alarm rolls back"),
        ({"enabled": True, "events": [FAILURE, ALARM]}, None, "`fargate-delivery:services.chuoi.alarms`"),
    ],
)
def test_rollback_by_code_deploy(rollback: dict[str, Any], alarms: dict[str, Any] | None, words: str | None) -> None:
    properties = {"autoRollbackConfiguration": rollback, **({"alarmConfiguration": alarms} if alarms else {})}
    said = violations(ROLLBACK, "aws:codedeploy/deploymentGroup:DeploymentGroup", properties)
    judged(said, words)


def test_a_deployment_group_that_rolls_back_nothing() -> None:
    assert len(violations(ROLLBACK, "aws:codedeploy/deploymentGroup:DeploymentGroup", {})) == 2
