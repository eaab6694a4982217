"""A VPC as EC2 describes it, and which connections it allows."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.account.account import Account

Json = dict[str, Any]
Peer = ipaddress.IPv4Network | ipaddress.IPv6Network
ANYWHERE = ipaddress.ip_network("0.0.0.0/0")
HTTPS = 443
SECONDS_KEPT = 30.0
"""How long what was read is taken for what is, unless a call changes it: health checks ask several times a second."""


@dataclass(frozen=True)
class Interface:
    """Where a packet starts or ends: a network interface of a task, a load balancer or an endpoint.

    Attributes:
        subnet: the id of its subnet.
        groups: the ids of its security groups.
        public: whether it has a public address.
    """

    subnet: str
    groups: Sequence[str]
    public: bool = False


@dataclass(frozen=True)
class Vpc:
    """Subnets, security groups, route tables, endpoints and gateways, as EC2 describes them, by id."""

    region: str
    subnets: dict[str, Json]
    groups: dict[str, Json]
    tables: Sequence[Json]
    endpoints: Sequence[Json]
    nat_gateways: dict[str, Json]
    internet_gateways: dict[str, Json]
    prefix_lists: dict[str, str]

    def to_service(self, source: Interface, service: str) -> str | None:
        """Why HTTPS from an interface does not arrive at an AWS service such as `ecr.api`; None when it does.

        A private DNS name leads to an interface endpoint where the VPC has one, whatever else there is; a gateway
        endpoint is a route (https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html).
        """
        name = f"com.amazonaws.{self.region}.{service}"
        vpc = self.subnets[source.subnet]["VpcId"]
        endpoints = [each for each in self.endpoints if each["VpcId"] == vpc and each["ServiceName"] == name]
        for endpoint in endpoints:
            if endpoint["VpcEndpointType"] == "Interface" and endpoint.get("PrivateDnsEnabled"):
                return self._to_endpoint(source, endpoint)
        table = self._table(source.subnet)
        for endpoint in endpoints:
            if endpoint["VpcEndpointType"] == "Gateway" and table["RouteTableId"] in endpoint.get("RouteTableIds", []):
                peers = [self.prefix_lists[name]] if name in self.prefix_lists else []
                if self._permits(source.groups, "IpPermissionsEgress", HTTPS, ANYWHERE, peers):
                    return None
                return f"no egress rule of {_list(source.groups)} lets port {HTTPS} out to {endpoint['VpcEndpointId']}"
        return self._to_internet(source)

    def between(self, source: Interface, target: Interface, port: int) -> str | None:
        """Why TCP to a port of another interface of this VPC does not arrive; None when it does."""
        out, into = self._network(target.subnet), self._network(source.subnet)
        if not self._permits(source.groups, "IpPermissionsEgress", port, out, target.groups):
            return f"no egress rule of {_list(source.groups)} lets port {port} out to {_list(target.groups)}"
        if not self._permits(target.groups, "IpPermissions", port, into, source.groups):
            return f"no ingress rule of {_list(target.groups)} lets port {port} in from {_list(source.groups)}"
        return None

    def default_groups(self, subnet: str) -> list[str]:
        """The default security group of a subnet's VPC."""
        vpc = self.subnets[subnet]["VpcId"]
        return [id for id, group in self.groups.items() if group["VpcId"] == vpc and group["GroupName"] == "default"]

    def _to_endpoint(self, source: Interface, endpoint: Json) -> str | None:
        groups = [group["GroupId"] for group in endpoint.get("Groups", [])]
        stands = [Interface(subnet, groups) for subnet in endpoint.get("SubnetIds", []) if subnet in self.subnets]
        problems = [self.between(source, each, HTTPS) for each in stands] or ["it is in no subnet"]
        if None in problems:
            return None
        return f"{endpoint['VpcEndpointId']} ({endpoint['ServiceName']}): {problems[0]}"

    def _to_internet(self, source: Interface) -> str | None:
        route = self._default_route(source.subnet)
        if route is None:
            return f"{source.subnet} has no route to the internet, and its VPC no endpoint for it"
        if (gateway := route.get("GatewayId", "")).startswith("igw-"):
            if not source.public:
                return f"{source.subnet} leads to {gateway}, which needs a public address, and there is none"
        elif nat := route.get("NatGatewayId"):
            if problem := self._broken(nat):
                return problem
        else:
            return f"{source.subnet} has a route to 0.0.0.0/0 that is no internet gateway's and no NAT gateway's"
        if not self._permits(source.groups, "IpPermissionsEgress", HTTPS, ANYWHERE, ()):
            return f"no egress rule of {_list(source.groups)} lets port {HTTPS} out to the internet"
        return None

    def _broken(self, nat: str) -> str | None:
        gateway = self.nat_gateways.get(nat)
        if gateway is None or gateway["State"] != "available":
            return f"{nat} is {gateway['State'] if gateway else 'gone'}"
        route = self._default_route(gateway["SubnetId"]) or {}
        if gateway.get("ConnectivityType", "public") == "public" and route.get("GatewayId", "").startswith("igw-"):
            return None
        return f"{nat} is in {gateway['SubnetId']}, which leads to no internet gateway"

    def _default_route(self, subnet: str) -> Json | None:
        vpc = self.subnets[subnet]["VpcId"]
        for route in self._table(subnet).get("Routes", []):
            if route.get("DestinationCidrBlock") != str(ANYWHERE) or route.get("State") == "blackhole":
                continue
            gateway = route.get("GatewayId", "")
            attached = [a["VpcId"] for a in self.internet_gateways.get(gateway, {}).get("Attachments", [])]
            if gateway.startswith("igw-") and vpc not in attached:
                continue
            return dict(route)
        return None

    def _table(self, subnet: str) -> Json:
        """The subnet's own route table, else its VPC's main one."""
        vpc = self.subnets[subnet]["VpcId"]
        main: Json = {}
        for table in self.tables:
            for association in table.get("Associations", []):
                if association.get("SubnetId") == subnet:
                    return table
                if association.get("Main") and table["VpcId"] == vpc:
                    main = table
        return main

    def _network(self, subnet: str) -> Peer:
        return ipaddress.ip_network(self.subnets[subnet]["CidrBlock"])

    def _permits(self, groups: Iterable[str], direction: str, port: int, addresses: Peer, peers: Sequence[str]) -> bool:
        """Whether a rule of one of the groups allows TCP on a port.

        The peer is known by its addresses, or as `peers`: the ids of its security groups, or a prefix list's.
        """
        rules = [rule for group in groups for rule in self.groups.get(group, {}).get(direction, [])]
        return any(
            _covers(rule, port)
            and (
                any(_contains(each["CidrIp"], addresses) for each in rule.get("IpRanges", []))
                or any(each["GroupId"] in peers for each in rule.get("UserIdGroupPairs", []))
                or any(each["PrefixListId"] in peers for each in rule.get("PrefixListIds", []))
            )
            for rule in rules
        )


def _covers(rule: Json, port: int) -> bool:
    return rule["IpProtocol"] == "-1" or (
        rule["IpProtocol"] in ("tcp", "6") and int(rule["FromPort"]) <= port <= int(rule["ToPort"])
    )


def _contains(block: str, addresses: Peer) -> bool:
    network = ipaddress.ip_network(block)
    return network.version == addresses.version and addresses.subnet_of(network)  # type: ignore[arg-type]


def _list(groups: Sequence[str]) -> str:
    return ", ".join(groups) or "no security group"


def read(ec2: Any, region: str) -> Vpc:
    """All of a region's networks."""
    lists = ec2.describe_managed_prefix_lists()["PrefixLists"]
    return Vpc(
        region=region,
        subnets=_by_id(ec2.describe_subnets()["Subnets"], "SubnetId"),
        groups=_by_id(ec2.describe_security_groups()["SecurityGroups"], "GroupId"),
        tables=ec2.describe_route_tables()["RouteTables"],
        endpoints=[each for each in ec2.describe_vpc_endpoints()["VpcEndpoints"] if each["State"] == "available"],
        nat_gateways=_by_id(ec2.describe_nat_gateways()["NatGateways"], "NatGatewayId"),
        internet_gateways=_by_id(ec2.describe_internet_gateways()["InternetGateways"], "InternetGatewayId"),
        prefix_lists={each["PrefixListName"]: each["PrefixListId"] for each in lists},
    )


def _by_id(described: list[Json], key: str) -> dict[str, Json]:
    return {each[key]: each for each in described}


class _Kept:
    """What was read last, of one account."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.at = 0.0
        self.changes = 0
        self.vpc: Vpc | None = None


def vpc_of(account: Account) -> Vpc:
    """An account's networks."""
    cache = account.parts.of(_Kept)
    with cache.lock:
        changes = account.network_changes  # before the read, which may not have what is changed meanwhile
        if cache.vpc is None or changes != cache.changes or time.monotonic() > cache.at + SECONDS_KEPT:
            cache.vpc, cache.at = read(account.client("ec2"), account.region), time.monotonic()
            cache.changes = changes
        return cache.vpc
