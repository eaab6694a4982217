"""A load balancer that is up stays as internal as it was made: another kind is refused at the program's start."""

import re
from collections.abc import Callable
from typing import Any

import boto3
import pulumi
import pytest
from aws_fakes import denied
from mocked import SECRET_KEYS, Recorder, deploy, program, stack_config

from components.platform import scheme
from components.platform.scheme import check_scheme, read_scheme

__all__ = ["deploy"]
Deploy = Callable[..., Recorder]
REFUSAL = (
    "load_balancer.internal: the load balancer dev is internet-facing, and none is made into the other kind; declare "
    "another stack with it, and take this one down when the services are there, or say internal: false again"
)


class _NotFoundError(Exception):
    pass


class _Elb:
    """A session of an account whose load balancer `dev` is of this scheme: `none` for none, None refuses to tell."""

    class exceptions:
        LoadBalancerNotFoundException = _NotFoundError

    def __init__(self, found: str | None) -> None:
        self.found = found

    def client(self, name: str) -> "_Elb":
        assert name == "elbv2"
        return self

    def describe_load_balancers(self, **given: list[str]) -> dict[str, Any]:
        assert given == {"Names": ["dev"]}
        if self.found is None:
            words = "User: u is not authorized to perform: elasticloadbalancing:DescribeLoadBalancers on resource: *"
            raise denied("DescribeLoadBalancers", words)
        if self.found == "none":
            raise _NotFoundError
        return {"LoadBalancers": [{"Scheme": self.found}]}


def session(found: str | None) -> Any:
    return _Elb(found)


@pytest.mark.parametrize(
    ("found", "internal", "refusal"),
    [
        ("none", True, None),
        ("none", False, None),
        ("internal", True, None),
        ("internet-facing", False, None),
        ("internet-facing", True, REFUSAL),
        ("internal", False, REFUSAL.replace("is internet-facing", "is internal").replace("internal: false", "internal: true")),
    ],
)  # fmt: skip
def test_who_gets_another_kind(found: str, internal: bool, refusal: str | None) -> None:
    assert read_scheme(session(found), "dev") == (None if found == "none" else found)
    if refusal is None:
        check_scheme(session(found), "dev", internal=internal)
        return
    with pytest.raises(pulumi.RunError, match=f"^{re.escape(refusal)}$"):
        check_scheme(session(found), "dev", internal=internal)


def test_a_look_that_is_not_allowed_is_told() -> None:
    words = "the program looks at its load balancer before it changes it: these credentials may not"
    with pytest.raises(pulumi.RunError, match=f"^{words} elasticloadbalancing:DescribeLoadBalancers"):
        check_scheme(session(None), "dev", internal=True)


@pytest.mark.parametrize("preview", [False, True], ids=["up", "preview"])
def test_the_program_asks_at_its_start(deploy: Deploy, monkeypatch: pytest.MonkeyPatch, preview: bool) -> None:
    asked: list[str] = []

    def read(_: boto3.Session, name: str) -> str:
        asked.append(name)
        return "internet-facing"

    monkeypatch.setattr(scheme, "read_scheme", read)
    config = stack_config("dev", load_balancer={"internal": True})
    with pytest.raises(pulumi.RunError, match=f"^{re.escape(REFUSAL)}$"):
        deploy(program, config=config, secret_keys=SECRET_KEYS, preview=preview)
    assert asked == ["dev"]


def test_nothing_is_asked_where_the_load_balancer_is_not_the_stack_s(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> str:
        raise AssertionError("it is somebody else's")

    monkeypatch.setattr(scheme, "read_scheme", read)
    listener = (
        "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:listener/app/shared/0123456789abcdef/0123456789abcdef"
    )
    config = stack_config(
        "dev",
        load_balancer={"listener_arn": listener},
        network={"vpc_id": "vpc-0123456789abcdef0", "private_subnet_ids": ["subnet-3"]},
    )
    deploy(program, config=config, secret_keys=SECRET_KEYS)
