"""What two stacks differ in, in words, and that no variable's value is among them."""

import dataclasses
from typing import Any

import pytest
from page_facts import NOW, service, stack

from delivery.page.declared import Difference, differences, fields_of
from delivery.page.facts import Service

DEFINITION = {
    "cpu": "256",
    "memory": "512",
    "runtimePlatform": {"cpuArchitecture": "ARM64"},
    "containerDefinitions": [
        {"name": "agent", "image": "public.ecr.aws/agent:1", "environment": [{"name": "LEVEL", "value": "hidden"}]},
        {
            "name": "web",
            "image": "registry/dev-web@sha256:a",
            "environment": [{"name": "PORT", "value": "hidden"}, {"name": "MODE", "value": "hidden"}],
            "secrets": [{"name": "KEY", "valueFrom": "/hidden"}],
            "portMappings": [{"containerPort": 4000}],
        },
    ],
}


def declared(**settings: Any) -> dict[str, str]:
    return fields_of("dev-web", {"desiredCount": 3, **settings}, DEFINITION, [])


def test_the_fields_of_a_service() -> None:
    assert declared() == {
        "size": "256 CPU units, 512 MiB",
        "architecture": "ARM64",
        "tasks": "3",
        "strategy": "rolling",
        "grace period": "0 s",
        "ECS Exec": "off",
        "variables": "MODE, PORT",
        "parameters": "KEY",
        "ports": "4000",
        "variables of agent": "LEVEL",
        "image of agent": "public.ecr.aws/agent:1",
    }


def test_no_value_is_among_them() -> None:
    assert "hidden" not in str(declared())


@pytest.mark.parametrize(
    ("settings", "label", "text"),
    [
        ({"enableExecuteCommand": True}, "ECS Exec", "on"),
        ({"healthCheckGracePeriodSeconds": 60}, "grace period", "60 s"),
        ({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 2}, {"capacityProvider": "FARGATE"}]}, "capacity", "FARGATE 0, FARGATE_SPOT 2"),
        ({"deploymentController": {"type": "CODE_DEPLOY"}}, "strategy", "codedeploy"),
        ({"deploymentConfiguration": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}}, "strategy", "blue_green, bake 5 min"),
        ({"deploymentConfiguration": {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 3}}}, "strategy", "canary, 10 %, 3 min"),
        ({"deploymentConfiguration": {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 2.5, "stepBakeTimeInMinutes": 6}}}, "strategy", "linear, 2.5 %, 6 min"),
    ],
    ids=["exec", "grace", "capacity", "codedeploy", "blue_green", "canary", "linear"],
)  # fmt: skip
def test_a_setting(settings: dict[str, Any], label: str, text: str) -> None:
    assert declared(**settings)[label] == text


def test_the_tasks_of_a_service_that_scales() -> None:
    limits = [{"MinCapacity": 2, "MaxCapacity": 6}]
    assert fields_of("dev-web", {"desiredCount": 3}, DEFINITION, limits)["tasks"] == "2 to 6"


def of(service: Service, **fields: str) -> Service:
    return dataclasses.replace(service, now=dataclasses.replace(service.now, fields=fields))


def test_two_stacks_that_differ_in_nothing() -> None:
    assert differences(stack(service()), stack(service(release=3))) == {"web": []}


def test_what_two_stacks_differ_in() -> None:
    here = stack(of(service(), size="256", variables="A, B", ports="1"), service("only"), stack="prd")
    there = stack(of(service(commit="", release=2, released=NOW), size="512", variables="B, C"), service("new"))
    assert differences(here, there) == {
        "new": [Difference("service", "not there", "there")],
        "only": [Difference("service", "there", "not there")],
        "web": [
            Difference("release", "commit c0ffeec0ffee, release-7 of 2030-01-10 11:56 UTC", "commit not said, release-2 of 2030-01-10 12:00 UTC"),
            Difference("size", "256", "512"),
            Difference("variables", "A", "C"),
            Difference("ports", "1", "none"),
        ],
    }  # fmt: skip


def test_a_stack_without_a_release() -> None:
    (found,) = differences(stack(service()), stack(service(release=None, released=None, commit="")))["web"]
    assert (found.label, found.there) == ("release", "none")
