"""`awsx:ec2:Vpc` on the real engine: its children as pulumi-awsx makes them."""

from typing import Any

import pytest

from sandbox.engine import EngineError
from tests.engine.conftest import Program, changed

pytestmark = pytest.mark.nightly


def children(program: Program, kind: str) -> dict[str, dict[str, Any]]:
    exported = [r for r in program.resources() if r["type"] == f"aws:ec2/{kind}"]
    return {resource["urn"].split("::")[-1]: resource for resource in exported}


@pytest.mark.parametrize(
    ("strategy", "gateways", "routes_to"),
    [
        ("NONE", [], []),
        ("SINGLE", ["net-1"], ["net-1", "net-1"]),
        ("ONE_PER_AZ", ["net-1", "net-2"], ["net-1", "net-2"]),
    ],
)
def test_nat_strategies(program: Program, strategy: str, gateways: list[str], routes_to: list[str]) -> None:
    program.write(f"""
        vpc = awsx.ec2.Vpc("net", cidr_block="10.3.0.0/16", number_of_availability_zones=2, enable_dns_hostnames=True,
            nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(strategy=awsx.ec2.NatGatewayStrategy.{strategy}),
            subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO, tags={{"Name": "shown", "team": "web"}})
        pulumi.export("public", vpc.public_subnet_ids)
        pulumi.export("private", vpc.private_subnet_ids)
        pulumi.export("gateway", vpc.internet_gateway.id)
        pulumi.export("vpc", vpc.vpc_id)
        aws.ec2.SecurityGroup("uses", vpc_id=vpc.vpc_id)
    """)
    assert changed(program.run("preview"))["net-public-1"] == "create"
    up = program.run("up")
    subnets = children(program, "subnet:Subnet")
    assert {name: s["inputs"]["cidrBlock"] for name, s in subnets.items()} == {
        "net-public-1": "10.3.64.0/19",
        "net-private-1": "10.3.0.0/18",
        "net-public-2": "10.3.192.0/19",
        "net-private-2": "10.3.128.0/18",
    }
    assert subnets["net-public-1"]["inputs"]["tags"] == {"Name": "net-public-1", "team": "web", "SubnetType": "Public"}
    assert up.outputs["public"] == [subnets[f"net-public-{zone}"]["id"] for zone in (1, 2)]
    assert up.outputs["gateway"].startswith("igw-")
    nat = {resource["id"]: name for name, resource in children(program, "natGateway:NatGateway").items()}
    assert sorted(nat.values()) == gateways
    routes = children(program, "route:Route")
    assert [
        nat[routes[f"net-private-{zone}"]["inputs"]["natGatewayId"]]
        for zone in (1, 2)
        if f"net-private-{zone}" in routes
    ] == routes_to
    assert changed(program.run("preview", refresh=True)) == {}
    program.run("destroy")
    assert program.client("ec2").describe_vpcs(VpcIds=[])["Vpcs"][1:] == []


def test_children_are_protected_with_their_component(program: Program) -> None:
    program.write("awsx.ec2.Vpc('kept', number_of_availability_zones=1, opts=pulumi.ResourceOptions(protect=True))")
    program.run("up")
    assert children(program, "subnet:Subnet")["kept-public-1"]["protect"] is True
    with pytest.raises(EngineError, match="protect"):
        program.run("destroy")
    program.write("awsx.ec2.Vpc('kept', number_of_availability_zones=1)")
    program.run("up")
    program.run("destroy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nat_gateways={'strategy': 'Single'}, subnet_specs=[{'type': 'Public'}]", "both private and public subnets"),
        ("cidr_block='10.0.0.0/27'", "at least /26 available per AZ"),
        ("number_of_availability_zones=99", "at least 99 Availability Zones"),
        ("subnet_strategy='AutoMerge'", "the sandbox has no AutoMerge yet"),
    ],
)
def test_what_the_component_refuses(program: Program, arguments: str, message: str) -> None:
    program.write(f"awsx.ec2.Vpc('refused', {arguments})")
    with pytest.raises(EngineError, match=message):
        program.run("preview")
