"""What the internet can reach that it could not reach before."""

import ipaddress
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from delivery.pull_request.permissions import DOCUMENTS, compare
from delivery.pull_request.preview import Change
from policy.aws_access import addresses, ingress, is_anybody, names_who, open_blocks, public_setting

ADDRESS_TYPE = "aws:ec2/eip:Eip"
BLOCK_TYPE = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
BALANCER_TYPE = "aws:lb/loadBalancer:LoadBalancer"


def exposed(changes: Sequence[Change]) -> list[tuple[Change, str]]:
    """All that is newly public, in the changes' order: what makes it so, and what is new, in words."""
    return [(change, how) for change in changes for how in dict.fromkeys(_ways(change))]


def _ways(change: Change) -> Iterator[str]:
    if change.action == "delete":
        if change.type == BLOCK_TYPE:
            yield "is no longer kept from being public"
        return
    yield from _opened(change)
    yield from _switched(change)
    yield from _anybody(change)
    was_internal = not change.old or change.old.get("internal")
    if change.type == BALANCER_TYPE and was_internal and not change.new.get("internal"):
        yield "faces the internet"
    if change.type == BLOCK_TYPE:
        lifted = [name for name in open_blocks(change.new) if change.old.get(name)]
        if lifted:
            yield f"is no longer kept from being public: {', '.join(lifted)}"


def _opened(change: Change) -> Iterator[str]:
    """Ports of a security group that addresses of the internet may reach."""
    before = set(_openings(change, change.old))
    for ports, cidr in _openings(change, change.new):
        if not any(_within(ports, cidr, opening) for opening in before):
            yield f"{ports} open to {cidr}"


def _openings(change: Change, inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Ports and addresses that a security group or its rule lets in."""
    for rule in ingress(change.type, inputs):
        for cidr in addresses(rule):
            if is_public(cidr):
                yield _ports(rule), cidr


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


def _within(ports: str, cidr: str, opening: tuple[str, str]) -> bool:
    """Whether something as wide was open already."""
    if ports != opening[0] and opening[0] != "all ports":
        return False
    inner, outer = _network(cidr), _network(opening[1])
    return (
        inner is not None and outer is not None and inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
    )


def is_public(cidr: str) -> bool:
    """Whether a CIDR has addresses of the internet; one that is not known may have."""
    network = _network(cidr)
    return network is None or network.is_global


def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


def _switched(change: Change) -> Iterator[str]:
    """A setting that makes the resource public. An address of its own has nothing else that it could be switched by."""
    public = public_setting(change.type, change.new)
    if public and not public_setting(change.type, change.old):
        yield public
    if change.type == ADDRESS_TYPE and change.new.get("domain") == "vpc" and change.old.get("domain") != "vpc":
        yield "has a public address"


def _anybody(change: Change) -> Iterator[str]:
    """What a policy of the resource's own newly allows to anybody, and to no one by a condition."""
    document = DOCUMENTS.get(change.type)
    if document is None:
        return
    known = compare(change.old.get(document[0]), change.new.get(document[0]))
    for grant in known[0] if known else ():
        if is_anybody(grant.principal) and not names_who(json.loads(grant.condition)):
            yield f"lets anybody {grant.action}"
