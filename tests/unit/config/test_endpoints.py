"""Which endpoints the keys of services need, and images that no endpoint leads to."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.service.task_reads import Reads
from components.service.task_template import TaskTemplate
from config.endpoints import check_endpoints, endpoint_services
from config.stack_file import Stack
from tests.support.example import EXAMPLE

WEB = TaskTemplate.load(EXAMPLE / "task_templates" / "web.json")
ALWAYS = ["ecr.api", "ecr.dkr", "logs", "s3"]
SECRET = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:api-AbCdEf"  # noqa: S105
PARAMETER = "arn:aws:ssm:ap-northeast-1:123456789012:parameter/shared"


def stack(*services: dict[str, Any], **network: Any) -> Stack:
    task = {"template": "web.json", "cpu": 256, "memory": 512, "port": 4000}
    declared = {f"service-{number}": {"task": task, **keys} for number, keys in enumerate(services)}
    return Stack.model_validate(
        {
            "network": {"nat": "none", "endpoints": True, **network},
            "domain": {"zone": "example.com"},
            "services": declared,
        }
    )


def templates(config: Stack, template: TaskTemplate = WEB) -> dict[str, TaskTemplate]:
    return dict.fromkeys(config.services, template)


def with_container(folder: Path, **container: Any) -> TaskTemplate:
    """The web template, with another container or with keys of the first."""
    first, *others = WEB.document["containerDefinitions"]
    containers = [first, *others, container] if "name" in container else [{**first, **container}, *others]
    file = folder / "web.json"

    file.write_text(json.dumps({**WEB.document, "containerDefinitions": containers}))
    return TaskTemplate.load(file)


@pytest.mark.parametrize(
    ("keys", "more"),
    [
        ({}, []),
        ({"parameters": {"A": {"value": "x", "for": ["build"]}}}, []),
        ({"parameters": {"A": {"value": "x", "for": ["runtime"]}}}, ["ssm"]),
        ({"parameters": {"A": {"external": "/a", "for": ["build", "runtime"]}}}, ["ssm"]),
        ({"parameters": {"A": {"secrets_manager": SECRET, "for": ["build"]}}}, []),
        ({"parameters": {"A": {"secrets_manager": SECRET, "for": ["runtime"]}}}, ["secretsmanager"]),
        (
            {"parameters": {"A": {"secrets_manager": SECRET, "for": ["runtime"]}, "B": {"value": "x", "for": ["runtime"]}}},
            ["secretsmanager", "ssm"],
        ),
        ({"exec": True}, ["ssmmessages"]),
        ({"connects_to": [{"security_group": "sg-0a", "port": 5432}]}, []),
        ({"connects_to": [{"service": "service-1"}]}, ["ecs-agent"]),
    ],
)  # fmt: skip
def test_what_a_service_needs(keys: dict[str, Any], more: list[str]) -> None:
    config = stack(keys, {})
    assert endpoint_services(config, templates(config), Reads()) == sorted([*ALWAYS, *more])


@pytest.mark.parametrize(("value", "more"), [(SECRET, "secretsmanager"), (PARAMETER, "ssm")])
def test_what_a_template_names_is_needed_too(tmp_path: Path, value: str, more: str) -> None:
    config = stack({})
    template = with_container(tmp_path, secrets=[{"name": "A", "valueFrom": value}])
    assert endpoint_services(config, templates(config, template), Reads()) == sorted([*ALWAYS, more])


def test_the_apps_may_call_more() -> None:
    config = stack({}, more_endpoints=["sqs", "logs"])
    assert endpoint_services(config, templates(config), Reads()) == sorted([*ALWAYS, "sqs"])


@pytest.mark.parametrize(
    ("network", "image", "refused"),
    [
        ({}, "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/fluent-bit:1", False),
        ({}, "public.ecr.aws/aws-observability/aws-for-fluent-bit:stable", True),
        ({}, "nginx:1", True),
        ({"nat": "single"}, "nginx:1", False),
        ({"endpoints": False}, "nginx:1", False),
    ],
)
def test_an_image_of_another_registry_is_refused_where_there_is_no_nat(
    tmp_path: Path, network: dict[str, Any], image: str, refused: bool
) -> None:
    config = stack({}, **network)
    template = with_container(tmp_path, name="log", image=image, essential=False)
    words = (
        f"services.service-0.task.template: {template.path}: log has image {image}, and without NAT tasks reach no other "
        "registry than ECR; copy it into a repository of ECR's"
    )
    assert list(check_endpoints(config, templates(config, template))) == ([words] if refused else [])


@pytest.mark.parametrize(
    ("running", "more"),
    [(Reads(secrets=[SECRET]), ["secretsmanager"]), (Reads(parameters=[PARAMETER]), ["ssm"]), (Reads(files=["x"]), [])],
)
def test_what_runs_still_reaches_what_it_reads(running: Reads, more: list[str]) -> None:
    config = stack({})
    assert endpoint_services(config, templates(config), running) == sorted([*ALWAYS, *more])
