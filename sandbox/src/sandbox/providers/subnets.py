"""Which subnets `awsx:ec2:Vpc` makes: names, kinds, zones and address ranges (pulumi-awsx 3, awsx/ec2)."""

import ipaddress
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KINDS = ("Public", "Private", "Isolated")
"""In the order in which a zone's subnets are made: a private one's route needs the public one's NAT gateway."""
LEGACY_ORDER = ("Private", "Public", "Isolated", "Unused")
LEGACY_SMALLEST_MASK = {"Private": 19, "Public": 20, "Isolated": 24}
WIDEST_DEFAULT = 16
NARROWEST_ZONE = 26


class LayoutError(ValueError):
    """The subnets do not fit, or contradict each other."""


@dataclass(frozen=True)
class Subnet:
    """One subnet to make; `zone_index` counts from 0."""

    name: str
    kind: str
    zone: str
    zone_index: int
    block: str
    tags: Mapping[str, str]


def layout(
    vpc: str,
    block: str,
    zones: Sequence[str],
    specs: Sequence[Mapping[str, Any]] | None,
    strategy: str,
    zone_mask: int | None = None,
) -> tuple[list[Subnet], list[dict[str, Any]]]:
    """The subnets zone by zone, and the specs that they follow (the output `subnetLayout`).

    Args:
        vpc: the component's name; subnets are `{vpc}-{kind in lower case, or the spec's name}-{zone, from 1}`.
        block: the VPC's addresses.
        zones: names of the Availability Zones.
        specs: `subnetSpecs`; without them a private and a public subnet in each zone.
        strategy: Auto, Exact or Legacy.
        zone_mask: prefix length of a zone's share; by default the VPC is cut into enough equal parts.

    Raises:
        LayoutError: as the component words it.
    """
    network = ipaddress.IPv4Network(block)
    mask = zone_mask or network.prefixlen + math.ceil(math.log2(max(len(zones), 1)))
    resolved = _specs(specs, mask, strategy)
    if any("cidrBlocks" in spec for spec in resolved):
        shares = _explicit(resolved, len(zones))
    else:
        shares = [_share(network, mask, index, resolved) for index in range(len(zones))]
    subnets = [
        Subnet(
            name=f"{vpc}-{spec.get('name') or spec['type'].lower()}-{index + 1}",
            kind=spec["type"],
            zone=zone,
            zone_index=index,
            block=part,
            tags=spec.get("tags", {}),
        )
        for index, zone in enumerate(zones)
        for spec, part in zip(resolved, shares[index], strict=True)
    ]
    _check_overlaps(subnets)
    if strategy == "Exact":
        _check_gaps(network, subnets)
    declared = [subnet for subnet in subnets if subnet.kind in KINDS]
    return sorted(declared, key=lambda subnet: (subnet.zone_index, KINDS.index(subnet.kind))), resolved


def _specs(specs: Sequence[Mapping[str, Any]] | None, zone_mask: int, strategy: str) -> list[dict[str, Any]]:
    """The specs with their prefix lengths, in the order of their addresses."""
    if specs is None:
        if zone_mask > NARROWEST_ZONE:
            raise LayoutError(
                f"Automatic subnet creation requires a VPC with at least /{NARROWEST_ZONE} available per AZ, but only "
                f"/{zone_mask} is available. If you do need very small subnets, please specify them explicitly."
            )
        widest = max(zone_mask, WIDEST_DEFAULT)
        return [{"type": "Private", "cidrMask": widest + 1}, {"type": "Public", "cidrMask": widest + 2}]
    if not specs:
        raise LayoutError("No subnets specified")
    sized = [_sized(spec) for spec in specs]
    if strategy != "Legacy":
        return sized
    halving = 0 if len(specs) == 1 else 1
    legacy = [
        {"cidrMask": max(zone_mask + halving, LEGACY_SMALLEST_MASK.get(spec["type"], 0)), **spec} for spec in sized
    ]
    return sorted(legacy, key=lambda spec: LEGACY_ORDER.index(spec["type"]))


def _sized(spec: Mapping[str, Any]) -> dict[str, Any]:
    if "size" not in spec:
        return dict(spec)
    mask = 32 - int(math.log2(spec["size"]))
    if 2 ** (32 - mask) != spec["size"]:
        raise LayoutError(f"The following subnet sizes are invalid: {spec['size']}. Valid sizes are powers of two.")
    if spec.get("cidrMask", mask) != mask:
        raise LayoutError(
            f"Subnet size {spec['size']} does not match the expected size for a /{spec['cidrMask']} subnet"
        )
    return {**spec, "cidrMask": mask}


def _share(network: ipaddress.IPv4Network, zone_mask: int, zone: int, specs: Sequence[Mapping[str, Any]]) -> list[str]:
    """One zone's address ranges: each at the next address where one of its size can begin."""
    default = zone_mask + math.ceil(math.log2(len(specs)))
    sizes = [2 ** (32 - int(spec.get("cidrMask", default))) for spec in specs]
    zone_size = 2 ** (32 - zone_mask)
    if sum(sizes) > zone_size:
        raise LayoutError(
            f"Subnets are too large for VPC. VPC has {zone_size} addresses, but subnets require {sum(sizes)} addresses."
        )
    address = int(network.network_address) + zone * zone_size
    blocks = []
    for size in sizes:
        address = math.ceil(address / size) * size
        blocks.append(f"{ipaddress.IPv4Address(address)}/{33 - size.bit_length()}")
        address += size
    return blocks


def _explicit(specs: Sequence[Mapping[str, Any]], zones: int) -> list[list[str]]:
    for index, spec in enumerate(specs):
        if "cidrBlocks" not in spec:
            raise LayoutError("If any subnet spec has explicit cidrBlocks, all subnets must have explicit cidrBlocks.")
        if len(spec["cidrBlocks"]) != zones:
            raise LayoutError(
                f"The number of CIDR blocks in subnetSpecs[{index}] must match the number of availability zones"
                f" ({zones})."
            )
    return [[spec["cidrBlocks"][zone] for spec in specs] for zone in range(zones)]


def _check_overlaps(subnets: Sequence[Subnet]) -> None:
    blocks = [ipaddress.IPv4Network(subnet.block) for subnet in subnets]
    clashing = [
        f"{subnet.name}: {subnet.block}"
        for subnet, block in zip(subnets, blocks, strict=True)
        if sum(block.overlaps(other) for other in blocks) > 1
    ]
    if clashing:
        raise LayoutError("The following subnets overlap with at least one other subnet: " + ", ".join(clashing))


def _check_gaps(network: ipaddress.IPv4Network, subnets: Sequence[Subnet]) -> None:
    address = int(network.network_address)
    for subnet in subnets:
        block = ipaddress.IPv4Network(subnet.block)
        if int(block.network_address) != address:
            raise LayoutError(f"There are gaps in the subnet ranges. Please fix the gap before {subnet.name}")
        address = int(block.broadcast_address) + 1
    if address != int(network.broadcast_address) + 1:
        raise LayoutError(f"There are gaps in the subnet ranges: {subnets[-1].name} ends before the VPC ends")
