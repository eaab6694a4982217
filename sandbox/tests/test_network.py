"""Which packets arrive: a row for each fault of a network that stops a task, or its load balancer's health check."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws

from sandbox.network.vpc import Interface, read

REGION = "eu-west-1"
ANYWHERE = [{"CidrIp": "0.0.0.0/0"}]


@dataclass
class Network:
    """A VPC with a public and a private subnet, and groups of a load balancer and of tasks, as a stack makes them."""

    ec2: Any
    ids: dict[str, str] = field(default_factory=dict)

    def build(self) -> None:
        ec2 = self.ec2
        self.ids["vpc"] = vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        for name, block in (("public", "10.0.0.0/24"), ("private", "10.0.1.0/24")):
            self.ids[name] = ec2.create_subnet(VpcId=vpc, CidrBlock=block)["Subnet"]["SubnetId"]
            table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
            ec2.associate_route_table(RouteTableId=table, SubnetId=self.ids[name])
            self.ids[f"{name} table"] = table
        self.ids["igw"] = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.ids["igw"], VpcId=vpc)
        self.route("public", GatewayId=self.ids["igw"])
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = ec2.create_nat_gateway(SubnetId=self.ids["public"], AllocationId=address)["NatGateway"]
        self.ids["nat"] = nat["NatGatewayId"]
        self.route("private", NatGatewayId=self.ids["nat"])
        for name in ("balancer", "tasks", "endpoint"):
            self.ids[name] = self.group(name)
        self.allow("egress", "tasks", {"IpRanges": ANYWHERE}, protocol="-1")
        self.allow("egress", "balancer", {"UserIdGroupPairs": [{"GroupId": self.ids["tasks"]}]})
        self.allow("ingress", "tasks", {"UserIdGroupPairs": [{"GroupId": self.ids["balancer"]}]})

    def group(self, name: str) -> str:
        id = str(self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.ids["vpc"])["GroupId"])
        every = [{"IpProtocol": "-1", "IpRanges": ANYWHERE}]
        self.ec2.revoke_security_group_egress(GroupId=id, IpPermissions=every)
        return id

    def route(self, subnet: str, **target: str) -> None:
        table = self.ids[f"{subnet} table"]
        self.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)

    def no_route(self, subnet: str) -> None:
        self.ec2.delete_route(RouteTableId=self.ids[f"{subnet} table"], DestinationCidrBlock="0.0.0.0/0")

    def allow(self, direction: str, group: str, peer: dict[str, Any], protocol: str = "tcp", port: int = 4000) -> None:
        ports = {} if protocol == "-1" else {"FromPort": port, "ToPort": port}
        permissions = [{"IpProtocol": protocol, **ports, **peer}]
        getattr(self.ec2, f"authorize_security_group_{direction}")(GroupId=self.ids[group], IpPermissions=permissions)

    def revoke_all(self, direction: str, group: str) -> None:
        (found,) = self.ec2.describe_security_groups(GroupIds=[self.ids[group]])["SecurityGroups"]
        permissions = found["IpPermissions" if direction == "ingress" else "IpPermissionsEgress"]
        getattr(self.ec2, f"revoke_security_group_{direction}")(GroupId=self.ids[group], IpPermissions=permissions)

    def endpoint(self, service: str, kind: str) -> None:
        where: dict[str, Any] = {"RouteTableIds": [self.ids["private table"]]}
        if kind == "Interface":
            where = {"SubnetIds": [self.ids["private"]], "SecurityGroupIds": [self.ids["endpoint"]]}
            where["PrivateDnsEnabled"] = True
        name = f"com.amazonaws.{REGION}.{service}"
        self.ec2.create_vpc_endpoint(VpcId=self.ids["vpc"], ServiceName=name, VpcEndpointType=kind, **where)

    def task(self, subnet: str = "private", public: bool = False) -> Interface:
        return Interface(self.ids[subnet], [self.ids["tasks"]], public)

    def to(self, service: str, task: Interface) -> str | None:
        return self.named(read(self.ec2, REGION).to_service(task, service))

    def balancer_to(self, task: Interface, port: int) -> str | None:
        source = Interface(self.ids["public"], [self.ids["balancer"]])
        return self.named(read(self.ec2, REGION).between(source, task, port))

    def named(self, problem: str | None) -> str | None:
        for name, id in self.ids.items():
            problem = problem and problem.replace(id, name)
        return problem


@cache
def client() -> Any:
    """One for all tests, because making one takes long."""
    return boto3.client("ec2", REGION, aws_access_key_id="a", aws_secret_access_key="b")  # noqa: S106


@pytest.fixture
def network() -> Iterator[Network]:
    with mock_aws():
        network = Network(client())
        network.build()
        yield network


def sound(network: Network) -> None:
    """Nothing is wrong."""


def nat_in_a_private_subnet(network: Network) -> None:
    network.no_route("public")


def nat_deleted(network: Network) -> None:
    network.ec2.delete_nat_gateway(NatGatewayId=network.ids["nat"])


def endpoint_behind_a_closed_group(network: Network) -> None:
    network.endpoint("ssm", "Interface")


def endpoint_that_lets_tasks_in(network: Network) -> None:
    network.no_route("private")
    network.endpoint("ssm", "Interface")
    peer = {"UserIdGroupPairs": [{"GroupId": network.ids["tasks"]}]}
    network.allow("ingress", "endpoint", peer, port=443)


def endpoint_deleted(network: Network) -> None:
    endpoint_that_lets_tasks_in(network)
    (endpoint,) = network.ec2.describe_vpc_endpoints()["VpcEndpoints"]
    network.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])


def gateway_detached(network: Network) -> None:
    nat_deleted(network)
    network.ec2.detach_internet_gateway(InternetGatewayId=network.ids["igw"], VpcId=network.ids["vpc"])


TO_SSM: list[tuple[Callable[[Network], None], str, bool, str | None]] = [
    (sound, "private", False, None),
    (sound, "public", True, None),
    (sound, "public", False, "public leads to igw, which needs a public address, and there is none"),
    (lambda n: n.no_route("private"), "private", False, "private has no route to the internet, and its VPC no endpoint for it"),
    (nat_in_a_private_subnet, "private", False, "nat is in public, which leads to no internet gateway"),
    (nat_deleted, "private", False, "nat is deleted"),
    (gateway_detached, "public", True, "public has no route to the internet, and its VPC no endpoint for it"),
    (lambda n: n.revoke_all("egress", "tasks"), "private", False, "no egress rule of tasks lets port 443 out to the internet"),
    (endpoint_that_lets_tasks_in, "private", False, None),
    (endpoint_deleted, "private", False, "private has no route to the internet, and its VPC no endpoint for it"),
    (lambda n: n.endpoint("logs", "Interface"), "private", False, None),
]  # fmt: skip


@pytest.mark.parametrize(("plant", "subnet", "public", "problem"), TO_SSM)
def test_a_service_is_reached_or_why_not(
    network: Network, plant: Callable[[Network], None], subnet: str, public: bool, problem: str | None
) -> None:
    plant(network)
    assert network.to("ssm", network.task(subnet, public)) == problem


def test_private_dns_leads_to_the_endpoint_even_where_a_nat_gateway_would_do(network: Network) -> None:
    endpoint_behind_a_closed_group(network)
    problem = network.to("ssm", network.task())
    assert problem is not None
    assert problem.endswith("(com.amazonaws.eu-west-1.ssm): no ingress rule of endpoint lets port 443 in from tasks")
    assert network.to("logs", network.task()) is None


def test_a_gateway_endpoint_is_a_route_of_its_tables(network: Network) -> None:
    network.no_route("private")
    network.endpoint("s3", "Gateway")
    assert network.to("s3", network.task()) is None
    assert network.to("ecr.api", network.task()) is not None
    network.revoke_all("egress", "tasks")
    assert "no egress rule of tasks lets port 443 out to vpce-" in (network.to("s3", network.task()) or "")
    lists = network.ec2.describe_managed_prefix_lists()["PrefixLists"]
    (s3,) = [each["PrefixListId"] for each in lists if each["PrefixListName"] == f"com.amazonaws.{REGION}.s3"]
    network.allow("egress", "tasks", {"PrefixListIds": [{"PrefixListId": s3}]}, port=443)
    assert network.to("s3", network.task()) is None


FROM_BALANCER: list[tuple[Callable[[Network], None], int, str | None]] = [
    (sound, 4000, None),
    (sound, 4001, "no egress rule of balancer lets port 4001 out to tasks"),
    (lambda n: n.revoke_all("egress", "balancer"), 4000, "no egress rule of balancer lets port 4000 out to tasks"),
    (lambda n: n.revoke_all("ingress", "tasks"), 4000, "no ingress rule of tasks lets port 4000 in from balancer"),
]


@pytest.mark.parametrize(("plant", "port", "problem"), FROM_BALANCER)
def test_the_load_balancer_reaches_the_task_or_why_not(
    network: Network, plant: Callable[[Network], None], port: int, problem: str | None
) -> None:
    plant(network)
    assert network.balancer_to(network.task(), port) == problem


def test_addresses_do_as_well_as_groups(network: Network) -> None:
    network.revoke_all("egress", "balancer")
    network.revoke_all("ingress", "tasks")
    network.allow("egress", "balancer", {"IpRanges": [{"CidrIp": "10.0.0.0/16"}]})
    network.allow("ingress", "tasks", {"IpRanges": [{"CidrIp": "10.0.1.0/24"}]})
    assert network.balancer_to(network.task(), 4000) == "no ingress rule of tasks lets port 4000 in from balancer"
    network.allow("ingress", "tasks", {"IpRanges": [{"CidrIp": "10.0.0.0/24"}]})
    assert network.balancer_to(network.task(), 4000) is None
