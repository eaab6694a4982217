"""Which quotas an account's stacks need, and what is said of those that are too low."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delivery.commands.up import Project
from delivery.quotas import ON_DEMAND, SPOT, Quota, needed, report
from tests.support.example import EXAMPLE

Json = dict[str, Any]


def builds(machine: str) -> Quota:
    return Quota("codebuild", f"Concurrently running builds for {machine} environment")


def service(cpu: Any = 256, build: Any = None, tasks: Any = None, architecture: str = "x86_64") -> Json:
    return {"task": {"cpu": cpu, "architecture": architecture}, "build": build or {}, "tasks": tasks or {}}


def stack(spot: bool = False, **services: Any) -> Json:
    return {"fargate-delivery:services": services, "fargate-delivery:cluster": {"spot": spot}}


LARGE = {"compute": "BUILD_GENERAL1_LARGE"}
NEEDS: Mapping[str, tuple[dict[str, Json], dict[Quota, int]]] = {
    "nothing": ({}, {}),
    "one small task": (
        {"dev": stack(web=service())},
        {builds("Linux/Small"): 1, Quota("fargate", ON_DEMAND): 1},
    ),
    "one of ARM, where no other machine is needed": (
        {"dev": stack(web=service(architecture="arm64"))},
        {builds("ARM/Small"): 1, Quota("fargate", ON_DEMAND): 1},
    ),
    "the most tasks, twice": (
        {"dev": stack(web=service(1024, LARGE, {"min": 2, "max": 5}), job=service(512, LARGE, {"min": 3}))},
        {builds("Linux/Large"): 2, Quota("fargate", ON_DEMAND): 13},
    ),
    "on Spot, and another stack that is not": (
        {"dev": stack(True, web=service(4096)), "prd": stack(web=service(2048))},
        {builds("Linux/Small"): 2, Quota("fargate", SPOT): 8, Quota("fargate", ON_DEMAND): 4},
    ),
    "shared between both": (
        {
            "dev": stack(
                True,
                web={**service(1024, tasks={"max": 11}), "capacity": {"spot": 4, "on_demand_base": 1}},
                job={**service(1024), "capacity": {"spot": 0}},
            )
        },
        {builds("Linux/Small"): 2, Quota("fargate", SPOT): 16, Quota("fargate", ON_DEMAND): 8},
    ),
    "files that are wrong": (
        {
            "a": {"fargate-delivery:services": None},
            "b": stack(x=None, y=service("256"), z=service(architecture="mips")),
        },
        {},
    ),
}


@pytest.mark.parametrize("case", NEEDS)
def test_what_is_needed(case: str) -> None:
    stacks, need = NEEDS[case]
    assert needed(stacks) == need


def test_of_a_stack_of_the_example() -> None:
    """Of defaults and services that are in three places."""
    assert needed({"prd": Project(EXAMPLE, "prd").config()}) == {
        builds("ARM/Large"): 2,
        Quota("fargate", ON_DEMAND): 17,
    }


class Session:
    """Service Quotas: what was applied, over what is AWS's default."""

    region_name = "eu-west-1"

    def __init__(self, default: Mapping[Quota, float], applied: Mapping[Quota, float], refused: str = "") -> None:
        self.answers = {"list_aws_default_service_quotas": default, "list_service_quotas": applied}
        self.refused = refused

    def client(self, name: str) -> Any:
        assert name == "service-quotas"
        return SimpleNamespace(get_paginator=lambda operation: SimpleNamespace(paginate=self._pages(operation)))

    def _pages(self, operation: str) -> Any:
        def paginate(ServiceCode: str) -> list[Json]:
            if ServiceCode == self.refused:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "ListServiceQuotas")
            quotas = {quota: value for quota, value in self.answers[operation].items() if quota.service == ServiceCode}
            return [
                {"Quotas": [{"QuotaName": quota.name, "QuotaCode": f"L-{len(quota.name)}", "Value": value}]}
                for quota, value in quotas.items()
            ]

        return paginate


OF_ARM = service(1024, architecture="arm64")
STACKS = {"dev": stack(web=service(1024), api=service(1024), shop=OF_ARM, job=OF_ARM)}
ENOUGH = {builds("Linux/Small"): 2.0, builds("ARM/Small"): 2.0, Quota("fargate", ON_DEMAND): 8.0}
RAISE = "aws service-quotas request-service-quota-increase --service-code"


def report_lines(default: Mapping[Quota, float], applied: Mapping[Quota, float], refused: str = "") -> list[str]:
    return list(report(Session(default, applied, refused), STACKS))


def test_nothing_is_said_of_what_is_enough() -> None:
    assert report_lines({}, ENOUGH) == []
    assert report_lines(ENOUGH, {}) == []


@pytest.mark.parametrize(
    ("quota", "value", "words"),
    [
        (builds("Linux/Small"), 0.0, f"is 0, and 2 are needed when all services are released at once; each of them fails. Raise it, which takes AWS up to some days: {RAISE} codebuild --quota-code L-55 --desired-value 2 --region eu-west-1"),
        (builds("ARM/Small"), 1.0, "is 1, and 2 are needed when all services are released at once; the others wait, or fail."),
        (Quota("fargate", ON_DEMAND), 6.0, f"{RAISE} fargate --quota-code L-37 --desired-value 8 --region eu-west-1"),
    ],
)  # fmt: skip
def test_what_is_too_low_is_said_with_the_command(quota: Quota, value: float, words: str) -> None:
    (line,) = report_lines(ENOUGH, {quota: value})
    assert line.startswith(f"Quota {quota.name!r} is {value:g}, ")
    assert words in line


def test_what_is_not_known_is_said() -> None:
    without = {quota: value for quota, value in ENOUGH.items() if quota != builds("ARM/Small")}
    (line,) = report_lines(without, {})
    assert line.endswith(
        "2 are needed, and Service Quotas does not say how many there are. See it: aws service-quotas list-service-quotas "
        "--service-code codebuild --region eu-west-1"
    )


def test_what_may_not_be_read_stops_nothing() -> None:
    lines = report_lines(ENOUGH, {Quota("fargate", ON_DEMAND): 6.0}, refused="codebuild")
    assert len(lines) == 2
    assert lines[0].startswith("The quotas of codebuild were not read: ")
    assert json.dumps(lines[1]).count("L-37") == 1
