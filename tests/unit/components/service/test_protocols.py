"""Another protocol of a service that is up: refused at the program's start, by what its target group speaks."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pulumi
import pytest
from aws_fakes import denied
from mocked import SECRET_KEYS, Recorder, deploy, program, stack_config

from components.service import protocols
from components.service.protocols import check_protocols, protocol_refusal, read_protocols
from releases.record import Release
from releases.service_state import ServiceState
from tests.unit.components.service.test_update_hooks import QUIET

__all__ = ["deploy"]
Deploy = Callable[..., Recorder]
RELEASE = Release(1, f"sha256:{'a' * 64}", QUIET.task_definition, "f1", "v1", "e1", "2026-01-01T00:00:00Z").value()
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/chuoi-abcde-0a1b2c3/0a1b2c3d4e5f6071"
UP = replace(QUIET, target_groups=(GROUP,))
REFUSAL = (
    "protocol grpc instead of http1 is refused, because it is another target group, which no task is in until its "
    "deployment has ended, and every request would fail; declare another service with it, and give that one the routes "
    "when it is released, or say protocol: http1 again"
)


class _NotFoundError(Exception):
    pass


class _Elb:
    """A session whose load balancers have these target groups, by ARN; None refuses."""

    class exceptions:
        TargetGroupNotFoundException = _NotFoundError

    def __init__(self, groups: dict[str, dict[str, Any]] | None) -> None:
        self.groups, self.asked = groups, []  # type: ignore[var-annotated]

    def client(self, name: str) -> "_Elb":
        assert name == "elbv2"
        return self

    def describe_target_groups(self, **given: list[str]) -> dict[str, Any]:
        self.asked.append(given)
        if self.groups is None:
            raise denied(
                "DescribeTargetGroups",
                "User: u is not authorized to perform: elasticloadbalancing:DescribeTargetGroups on resource: *",
            )
        if given["TargetGroupArns"][0] not in self.groups:
            raise _NotFoundError
        return {"TargetGroups": [self.groups[arn] for arn in given["TargetGroupArns"]]}


def session(groups: dict[str, dict[str, Any]] | None) -> Any:
    return _Elb(groups)


@pytest.mark.parametrize(
    ("group", "spoken"),
    [
        ({"ProtocolVersion": "HTTP1"}, {"chuoi": "http1"}),
        ({"ProtocolVersion": "GRPC"}, {"chuoi": "grpc"}),
        ({}, {"chuoi": "http1"}),
        (None, {}),
    ],
)
def test_what_a_target_group_speaks(group: dict[str, Any] | None, spoken: dict[str, str]) -> None:
    elb = session({GROUP: group} if group is not None else {})
    assert read_protocols(elb, [UP, replace(QUIET, service="worker")]) == spoken
    assert elb.asked == [{"TargetGroupArns": [GROUP]}], "a worker is in none"


@pytest.mark.parametrize(
    ("state", "spoken", "wanted", "refusal"),
    [
        (UP, "http1", "http1", None),
        (UP, "http1", "grpc", REFUSAL),
        (
            UP,
            "grpc",
            "http2",
            REFUSAL.replace("http1", "grpc").replace("protocol grpc instead", "protocol http2 instead"),
        ),
        (replace(UP, desired=0), "http1", "grpc", None),
        (replace(UP, desired=0, record=RELEASE), "http1", "grpc", REFUSAL),
    ],
    ids=["the same", "up", "up, from grpc", "never released", "at night"],
)
def test_who_gets_another_protocol(state: ServiceState, spoken: str, wanted: Any, refusal: str | None) -> None:
    assert protocol_refusal(state, spoken, wanted) == refusal


def test_all_are_told_in_one_error_and_only_those_with_routes_are_asked() -> None:
    elb = session({GROUP: {"ProtocolVersion": "HTTP1"}})
    states = {name: replace(UP, service=name) for name in ("api", "shop", "site", "worker")}
    with pytest.raises(pulumi.RunError) as failed:
        check_protocols(elb, states, {"api": "grpc", "shop": "http1", "site": "grpc", "new": "http2"})
    assert str(failed.value).splitlines() == [f"api: {REFUSAL}", f"site: {REFUSAL}"]
    assert len(elb.asked) == 3
    check_protocols(elb, states, {"api": "http1"})


def test_a_look_that_is_not_allowed_is_told() -> None:
    words = "the program looks at its target groups before it changes them: these credentials may not"
    with pytest.raises(pulumi.RunError, match=f"^{words} elasticloadbalancing:DescribeTargetGroups"):
        check_protocols(session(None), {"chuoi": UP}, {"chuoi": "grpc"})


@pytest.mark.parametrize("preview", [False, True], ids=["up", "preview"])
def test_the_program_asks_at_its_start(deploy: Deploy, monkeypatch: pytest.MonkeyPatch, preview: bool) -> None:
    asked: list[list[ServiceState]] = []

    def read(_: boto3.Session, states: list[ServiceState]) -> dict[str, str]:
        asked.append(states)
        return {"chuoi": "http2"}

    monkeypatch.setattr(protocols, "read_protocols", read)
    refused = REFUSAL.replace("http1", "http2").replace("grpc", "http1")
    with pytest.raises(pulumi.RunError, match=f"^chuoi: {re.escape(refused)}$"):
        deploy(program, config=stack_config("dev"), secret_keys=SECRET_KEYS, states={"chuoi": UP}, preview=preview)
    assert asked == [[UP]]
