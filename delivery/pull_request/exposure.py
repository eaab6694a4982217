"""What the internet can reach that it could not reach before."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.pull_request.permissions import ANYBODY, DOCUMENTS, NOTHING, compare
from delivery.pull_request.preview import Change

ENTITIES = ("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks")
"""The inputs of a security group's rule that name addresses."""
SWITCHES: Mapping[str, tuple[str, Any, str]] = {
    "aws:ec2/eip:Eip": ("domain", "vpc", "has a public address"),
    "aws:ec2/instance:Instance": ("associatePublicIpAddress", True, "has a public address"),
    "aws:ec2/subnet:Subnet": ("mapPublicIpOnLaunch", True, "gives what starts in it a public address"),
    "aws:ecs/service:Service": ("networkConfiguration.assignPublicIp", True, "gives its tasks public addresses"),
    "aws:lambda/functionUrl:FunctionUrl": ("authorizationType", "NONE", "answers anybody"),
    "aws:rds/clusterInstance:ClusterInstance": ("publiclyAccessible", True, "has a public address"),
    "aws:rds/instance:Instance": ("publiclyAccessible", True, "has a public address"),
    "aws:redshift/cluster:Cluster": ("publiclyAccessible", True, "has a public address"),
    "aws:s3/bucket:Bucket": ("acl", "public-read", "is read by anybody"),
}
"""Type → an input, its value that is public, and what that means."""
BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
BLOCK_TYPE = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
BALANCER_TYPE = "aws:lb/loadBalancer:LoadBalancer"


@dataclass(frozen=True)
class Exposed:
    """Something that is public now.

    Attributes:
        change: the resource that makes it so.
        how: what is new, in words.
    """

    change: Change
    how: str


def exposed(changes: Sequence[Change]) -> list[Exposed]:
    """All that is newly public, in the changes' order."""
    return [Exposed(change, how) for change in changes for how in dict.fromkeys(_ways(change))]


def _ways(change: Change) -> Iterator[str]:
    if change.action == "delete":
        if change.type == BLOCK_TYPE:
            yield "is no longer kept from being public"
        return
    yield from _opened(change)
    yield from _switched(change)
    yield from _anybody(change)
    if (
        change.type == BALANCER_TYPE
        and not change.new.get("internal")
        and (not change.old or change.old.get("internal"))
    ):
        yield "faces the internet"
    if change.type == BLOCK_TYPE:
        lifted = [name for name in BLOCKS if change.old.get(name) and not change.new.get(name)]
        if lifted:
            yield f"is no longer kept from being public: {', '.join(lifted)}"


def _opened(change: Change) -> Iterator[str]:
    """Ports of a security group that addresses of the internet may reach."""
    before = set(_openings(change, change.old))
    for ports, addresses in _openings(change, change.new):
        if not any(_within(ports, addresses, opening) for opening in before):
            yield f"{ports} open to {addresses}"


def _openings(change: Change, inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Ports and addresses that a security group or its rule lets in."""
    if change.type in ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"):
        rules = inputs.get("ingress") or []
    elif change.type == "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule" or (
        change.type == "aws:ec2/securityGroupRule:SecurityGroupRule" and inputs.get("type") == "ingress"
    ):
        rules = [inputs]
    else:
        rules = []
    for rule in rules:
        for entity in ENTITIES:
            addresses = rule.get(entity) or []
            for address in [addresses] if isinstance(addresses, str) else addresses:
                if is_public(address):
                    yield _ports(rule), address


def _ports(rule: Mapping[str, Any]) -> str:
    protocol = str(rule.get("ipProtocol", rule.get("protocol", "-1")))
    first, last = rule.get("fromPort"), rule.get("toPort")
    if protocol == "-1":
        return "all ports"
    if first is None or first == -1:
        return f"all of {protocol}"
    return (
        f"{protocol} port {_number(first)}" if first == last else f"{protocol} ports {_number(first)}-{_number(last)}"
    )


def _number(port: Any) -> str:
    return str(int(port)) if isinstance(port, int | float) else str(port)


def _within(ports: str, addresses: str, opening: tuple[str, str]) -> bool:
    """Whether something as wide was open already."""
    if ports != opening[0] and opening[0] != "all ports":
        return False
    inner, outer = _network(addresses), _network(opening[1])
    return (
        inner is not None and outer is not None and inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
    )


def is_public(addresses: str) -> bool:
    """Whether a CIDR has addresses of the internet; one that is not known may have."""
    network = _network(addresses)
    return network is None or network.is_global


def _network(addresses: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(addresses, strict=False)
    except ValueError:
        return None


def _switched(change: Change) -> Iterator[str]:
    if change.type in SWITCHES:
        path, public, meaning = SWITCHES[change.type]
        if _at(change.new, path) == public and _at(change.old, path) != public:
            yield meaning


def _at(inputs: Mapping[str, Any], path: str) -> Any:
    value: Any = inputs
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _anybody(change: Change) -> Iterator[str]:
    """What a policy of the resource's own newly allows to anybody, without a condition."""
    document = DOCUMENTS.get(change.type)
    if document is None:
        return
    known = compare(change.old.get(document[0]), change.new.get(document[0]))
    for grant in known[0] if known else ():
        if grant.principal in (ANYBODY, f"AWS:{ANYBODY}") and grant.condition == NOTHING:
            yield f"lets anybody {grant.action}"
