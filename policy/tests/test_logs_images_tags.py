"""Logs, images and tags."""

import json
from typing import Any

import pytest

from cases import UNKNOWN, judged, refused, violations

GROUP, PROJECT = "aws:cloudwatch/logGroup:LogGroup", "aws:codebuild/project:Project"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
DAYS = "`fargate-delivery:cluster.log_retention_days` in Pulumi."


@pytest.mark.parametrize(
    ("stack", "properties", "words"),
    [
        ("dev", {"retentionInDays": 7.0}, None),
        ("prd", {"retentionInDays": 90.0}, None),
        ("dev", {}, f"kept for ever. Set retention_in_days, as {DAYS}dev.yaml"),
        ("dev", {"retentionInDays": 0.0}, "kept for ever"),
        ("prd", {"retentionInDays": 30.0}, f"kept for 30 days. Set {DAYS}prd.yaml to 90"),
    ],
)
def test_log_groups(stack: str, properties: dict[str, Any], words: str | None) -> None:
    said = violations("log-retention", GROUP, properties, stack=stack)
    judged(said, words)


@pytest.mark.parametrize(
    ("logs", "passes"),
    [
        ({"cloudwatchLogs": {"groupName": UNKNOWN}}, True),
        ({"cloudwatchLogs": {"status": "DISABLED"}}, True),
        ({"cloudwatchLogs": {"status": "ENABLED"}}, False),
        (None, False),
    ],
)
def test_a_build_has_a_log_group(logs: dict[str, Any] | None, passes: bool) -> None:
    said = violations("log-retention", PROJECT, {} if logs is None else {"logsConfig": logs})
    judged(said, None if passes else "Name one with a retention in logs_config")


def containers(**changes: Any) -> str:
    return json.dumps([{"name": "web", "image": f"{REGISTRY}/prd-chuoi:live", **changes}])


REGISTRY = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com"
DIGEST = f"@sha256:{'0' * 64}"


def test_a_container_has_a_log_group() -> None:
    options = {"awslogs-group": "/other", "awslogs-create-group": "true"}
    makes = containers(logConfiguration={"logDriver": "awslogs", "options": options})
    refused(violations("log-retention", TASK, {"containerDefinitions": makes}), "container web", "task_templates/")
    has = containers(logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/prd-chuoi"}})
    assert violations("log-retention", TASK, {"containerDefinitions": has}) == []


@pytest.mark.parametrize(
    ("image", "passes"),
    [
        (f"{REGISTRY}/prd-chuoi:live", True),
        (f"{REGISTRY}/team/prd-chuoi:live", True),
        (f"{REGISTRY}/prd-chuoi{DIGEST}", True),
        (f"public.ecr.aws/xray/aws-xray-daemon:3.x{DIGEST}", True),
        (f"{REGISTRY}/prd-chuoi:latest", False),
        (f"{REGISTRY}/prd-chuoi:release-7", False),
        (f"{REGISTRY}/prd-chuoi", False),
        ("nginx", False),
        ("docker.io/library/nginx:live", False),
        ("public.ecr.aws/xray/aws-xray-daemon:3.3.7", False),
        ("nginx@sha256:0123", False),
    ],
)
def test_images(image: str, passes: bool) -> None:
    said = violations("no-mutable-image-tags", TASK, {"containerDefinitions": containers(image=image)})
    judged(said, None if passes else f"runs {image}, ")


@pytest.mark.parametrize(
    ("key", "image", "passes"),
    [
        ("templates/chuoi/taskdef.json", "<IMAGE1_NAME>", True),
        ("templates/chuoi/taskdef.json", "nginx:latest", False),
        ("other.json", "nginx:latest", True),
    ],
)
def test_images_of_what_code_deploy_deploys(key: str, image: str, passes: bool) -> None:
    content = json.dumps({"containerDefinitions": json.loads(containers(image=image))})
    said = violations("no-mutable-image-tags", "aws:s3/bucketObjectv2:BucketObjectv2", {"key": key, "content": content})
    judged(said, None if passes else f"runs {image}")


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (json.dumps({"tags": {"project": "fargate-delivery", "stack": "dev"}}), None),
        ({"tags": {"project": "fargate-delivery", "stack": "dev"}}, None),
        (json.dumps({"tags": {"project": "fargate-delivery"}}), "has no tag stack. Set `aws:defaultTags`"),
        ("{}", "no tag project and no tag stack"),
        (None, "in Pulumi.dev.yaml"),
    ],
)
def test_a_provider_s_default_tags(tags: Any, words: str | None) -> None:
    properties = {} if tags is None else {"defaultTags": tags}
    said = violations("tags", "pulumi:providers:aws", properties, stack="dev")
    judged(said, words)


def test_tasks_have_the_tags_of_their_service() -> None:
    token = "aws:ecs/service:Service"
    assert violations("tags", token, {"propagateTags": "SERVICE"}) == []
    refused(violations("tags", token, {}), "components/service/ecs_service.py")
