"""A stack that the internet does not reach: an internal load balancer."""

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.conftest import Apps, Stack, new_stack

pytestmark = pytest.mark.nightly

INTERNAL = "  fargate-delivery:load_balancer: {internal: true}\n"
NETWORK = "  fargate-delivery:network: {nat: none}\n"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local` with an internal load balancer, and nothing released."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services(["hello"])
        stack.edit("Pulumi.local.yaml", NETWORK, f"  fargate-delivery:network: {{nat: single}}\n{INTERNAL}")
        stack.up()
        yield stack


def heard(stack: Stack, host: str, path: str = "/healthz") -> str:
    """What the load balancer answers for a host."""
    (address,) = [each["address"] for each in stack.control("listeners") if int(each["port"]) == 443]
    request = urllib.request.Request(f"http://{address}{path}", headers={"Host": host})
    with urllib.request.urlopen(request, timeout=20) as page:  # noqa: S310
        return str(page.read().decode())


def balancer(stack: Stack) -> dict[str, Any]:
    (found,) = stack.client("elbv2").describe_load_balancers()["LoadBalancers"]
    return dict(found)


def subnets(stack: Stack) -> set[str]:
    """Those of the tasks."""
    (service,) = stack.client("ecs").describe_services(cluster="local", services=["local-hello"])["services"]
    return set(service["networkConfiguration"]["awsvpcConfiguration"]["subnets"])


def test_it_stands_where_the_tasks_are_and_lets_their_vpc_in(local: Stack) -> None:
    made = balancer(local)
    assert made["Scheme"] == "internal"
    assert {zone["SubnetId"] for zone in made["AvailabilityZones"]} == subnets(local)
    public = local.client("ec2").describe_subnets(Filters=[{"Name": "tag:SubnetType", "Values": ["Public"]}])["Subnets"]
    assert not {subnet["SubnetId"] for subnet in public} & subnets(local)
    (group,) = local.client("ec2").describe_security_groups(GroupIds=made["SecurityGroups"])["SecurityGroups"]
    let_in = {(each["CidrIp"], rule["FromPort"]) for rule in group["IpPermissions"] for each in rule["IpRanges"]}
    assert let_in == {("10.0.0.0/16", 80), ("10.0.0.0/16", 443)}


def test_a_release_answers_through_it(local: Stack, apps: Apps) -> None:
    assert local.ship("hello", apps.make("a1")).code == 0
    assert heard(local, "hello.local.example.com") == "a1"
    assert local.changes() == {}


def test_it_stays_as_internal_as_it_was_made_and_nothing_is_broken_by_trying(local: Stack) -> None:
    local.edit("Pulumi.local.yaml", INTERNAL, "")
    for command in ("preview", "up"):
        done = local.run(command)
        assert done.code != 0
        assert "load_balancer.internal: the load balancer local is internal, and none is made" in done.out + done.err
    assert heard(local, "hello.local.example.com") == "a1"
    local.edit("Pulumi.local.yaml", NETWORK.replace("none", "single"), f"{NETWORK.replace('none', 'single')}{INTERNAL}")
    assert local.changes() == {}
