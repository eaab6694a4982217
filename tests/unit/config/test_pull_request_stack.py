"""A pull request's own stack, on another one's network and load balancer."""

import json
import runpy
from typing import Any

import pulumi
import pytest
from mocked import COMPUTED, ROOT, SECRET_KEYS, Deploy, Recorder, stack_config
from pulumi.runtime import mocks

from config.pull_request_stack import FIRST_PRIORITY, HIGHEST_PRIORITY, priority, pull_request_number, substitute_number

SHARED: dict[str, dict[str, Any]] = {
    "network": {
        "vpc_id": "vpc-dev",
        "public_subnet_ids": ["subnet-p"],
        "task_subnet_ids": ["subnet-t"],
        "assign_public_ip": True,
    },
    "load_balancer": {
        "https_listener_arn": "arn:listener",
        "arn_suffix": "app/dev/1",
        "security_group_id": "sg-dev",
        "dns_name": "dev.example.net",
        "zone_id": "ZDEV",
    },
}
REFERENCE = "pulumi:pulumi:StackReference"


def of(recorded: list[str], args: mocks.MockResourceArgs) -> dict[str, Any]:
    recorded.append(args.inputs["name"])
    return {"outputs": {"shared": SHARED}, "secretOutputNames": []}


def run(deploy: Deploy, stack: str = "pr-7", **changes: object) -> Recorder:
    config = stack_config("pr", **changes)
    return deploy(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        stack=stack,
        config=config,
        secret_keys=SECRET_KEYS,
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stacks that were asked what they share."""
    recorded: list[str] = []
    monkeypatch.setitem(COMPUTED, REFERENCE, lambda args: of(recorded, args))
    return recorded


def test_it_makes_no_network_and_no_load_balancer(deploy: Deploy, asked: list[str]) -> None:
    recorder = run(deploy)
    types = recorder.types()
    for typ in (
        "awsx:ec2:Vpc",
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:lb/listener:Listener",
        "aws:cloudwatch/dashboard:Dashboard",
    ):
        assert types[typ] == 0
    assert asked == ["organization/fargate-delivery/dev"]
    network = recorder.inputs("aws:ecs/service:Service", "chuoi-service")["networkConfiguration"]
    assert (network["subnets"], network["assignPublicIp"]) == (["subnet-t"], True)
    let_in = recorder.inputs("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "chuoi-in")
    assert let_in["referencedSecurityGroupId"] == "sg-dev"


def test_its_number_is_in_hosts_values_and_priorities(deploy: Deploy, asked: list[str]) -> None:
    recorder = run(deploy)
    (rule,) = recorder.named("aws:lb/listenerRule:ListenerRule")
    inputs = recorder.inputs("aws:lb/listenerRule:ListenerRule", rule)
    assert inputs["listenerArn"] == "arn:listener"
    assert inputs["priority"] == 1710
    assert inputs["conditions"] == [{"hostHeader": {"values": ["chuoi-7.dev.example.com"]}}]
    (record,) = [r for r in recorder.named("aws:route53/record:Record") if "chuoi" in r]
    assert recorder.inputs("aws:route53/record:Record", record)["aliases"][0]["name"] == "dev.example.net"
    values = [
        recorder.inputs("aws:ssm/parameter:Parameter", name).get("insecureValue")
        for name in recorder.named("aws:ssm/parameter:Parameter")
    ]
    assert "chuoi-7.dev.example.com" in values


def test_who_is_no_review_shares(deploy: Deploy) -> None:
    exported: dict[str, Any] = {}
    config = stack_config("dev")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulumi, "export", exported.__setitem__)
        deploy(
            lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
            stack="dev",
            config=config,
            secret_keys=SECRET_KEYS,
        )
    shared: dict[str, dict[str, Any]] = exported["shared"]
    assert {part: list(values) for part, values in shared.items()} == {
        part: list(values) for part, values in SHARED.items()
    }


@pytest.mark.parametrize(
    ("stack", "number"),
    [("pr-7", 7), ("pr-12", 12), ("pr", None), ("pr-", None), ("pr-0", None), ("dev", None), ("pr-7a", None)],
)
def test_the_number_in_a_stack_s_name(stack: str, number: int | None) -> None:
    assert pull_request_number(stack) == number


def test_texts_have_the_number_wherever_they_are() -> None:
    before = {"a": ["x-${number}", {"b": "${number}/${number}"}], "c": 1, "d": None}
    assert substitute_number(before, 7) == {"a": ["x-7", {"b": "7/7"}], "c": 1, "d": None}


def test_priorities_of_reviews_are_apart_and_allowed() -> None:
    assert priority(10, None) == 10
    seen = [priority(route, number) for number in range(1, 490) for route in (1, HIGHEST_PRIORITY)]
    assert len(set(seen)) == len(seen)
    assert min(seen) > FIRST_PRIORITY
    assert max(seen) <= 50000, "as ELB allows"


SERVICE = json.loads(stack_config("pr")["fargate-delivery:services"])["chuoi"]


@pytest.mark.parametrize(
    ("stack", "changes", "words"),
    [
        ("pr", {}, "review: is of a stack named pr-<number>, such as pr-12, and this one is pr"),
        ("pr-7", {"network": {"nat": "none"}}, "network: a review uses that of stack dev; remove it"),
        ("pr-7", {"domain": {"zone": "dev.example.com", "redirects": [{"host": "dev.example.com", "to": "www.dev.example.com", "priority": 1}]}}, "domain.redirects: not in a review"),
        ("pr-7", {"protect": True}, "protect: must be false, because a review is deleted automatically"),
        ("pr-7", {"services": {"chuoi": {**SERVICE, "routes": [{"host": "chuoi-${number}.dev.example.com", "priority": 100}]}}}, "services.chuoi.routes[0].priority: 100 is too high; a review may use up to 99"),
        ("pr-7", {"services": {"chuoi": {**SERVICE, "routes": [{"host": "chuoi.dev.example.com", "priority": 1}]}}}, "services.chuoi.routes[0].host: 'chuoi.dev.example.com' must contain ${number}"),
        ("pr-7", {"services": {"chuoi": {**SERVICE, "deploy": {"strategy": "codedeploy", "test_port": 8443}}}}, "services.chuoi.deploy.test_port: not in a review"),
        ("pr-7", {"review": {"of": "dev", "days": 0}}, "review.days: 0 is not allowed"),
    ],
)  # fmt: skip
def test_mistakes(deploy: Deploy, asked: list[str], stack: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        run(deploy, stack, **changes)
    assert words in str(refused.value)
    assert asked == []


def test_a_pull_request_s_stack_needs_its_file(deploy: Deploy) -> None:
    with pytest.raises(pulumi.RunError, match="review: is missing; by its name, stack pr-7 is a pull request's"):
        deploy(
            lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
            stack="pr-7",
            config=stack_config("dev"),
            secret_keys=SECRET_KEYS,
        )
