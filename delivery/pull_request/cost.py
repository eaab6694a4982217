"""What a month costs more or less. Only what is paid by the hour or the month: no traffic, builds, logs or storage."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from delivery.pull_request.preview import UNKNOWN, Change, Preview, grouped

HOURS = 730
"""In a month, as AWS's own calculator counts."""
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
SCALING = "aws:appautoscaling/target:Target"
SERVICE = "aws:ecs/service:Service"


@dataclass(frozen=True)
class Prices:
    """In US dollars, of one region.

    Attributes:
        region: the region's code.
        as_of: when they were looked up: year and month. The table itself says where.
        month: what one of each costs for a month.
    """

    region: str
    as_of: str
    month: Mapping[str, float]


@dataclass(frozen=True)
class Item:
    """Something that costs another amount than before.

    Attributes:
        what: such as `2 tasks`.
        service: whose it is; None: the stack's.
        difference: US dollars a month more; negative for less.
    """

    what: str
    service: str | None
    difference: float


@dataclass(frozen=True)
class Tasks:
    """Tasks of one size.

    Attributes:
        cpu: CPU units of each; 1024 are one vCPU.
        memory: MiB of each.
        arm: whether they are arm64.
        count: the least that run.
        public: whether each has a public address.
    """

    cpu: int
    memory: int
    arm: bool
    count: int
    public: bool

    def month(self, prices: Prices) -> float:
        """US dollars, on demand."""
        kind = "arm_" if self.arm else ""
        one = self.cpu / 1024 * prices.month[f"{kind}vcpu"] + self.memory / 1024 * prices.month[f"{kind}gb"]
        return self.count * (one + (prices.month["public_ipv4"] if self.public else 0))

    def __str__(self) -> str:
        size = f"{self.cpu / 1024:g} vCPU, {self.memory / 1024:g} GB"
        address = ", a public address" if self.public else ""
        return f"{self.count} task{'' if self.count == 1 else 's'} of {size}{address}"


def prices(region: str) -> Prices | None:
    """The prices of a region; None when there are none for it here."""
    table = _table()
    if region not in table["hourly"]:
        return None
    hourly = {name: price * HOURS for name, price in table["hourly"][region].items()}
    return Prices(region, table["as_of"], {**hourly, **table["monthly"]})


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads((Path(__file__).parent / "prices.json").read_text("utf-8"))
    return table


def items(preview: Preview, prices: Prices) -> list[Item]:
    """All that costs another amount, services' tasks first; those whose size nobody says are left out."""
    priced = [*_all_tasks(preview, prices), *_things(preview, prices)]
    return [item for item in priced if round(item.difference, 4)]


def _all_tasks(preview: Preview, prices: Prices) -> Iterator[Item]:
    by_service = grouped(
        (change.service, change)
        for change in preview.changes
        if change.service and change.type in (DEFINITION, SCALING, SERVICE)
    )
    for service, changes in by_service.items():
        try:
            before, after = (_tasks(preview, service, changes, old=old) for old in (True, False))
        except (KeyError, TypeError, ValueError):  # neither the preview nor its config says how large they are
            continue
        yield Item(
            f"{before} → {after}" if before and after else str(before or after),
            service,
            (after.month(prices) if after else 0) - (before.month(prices) if before else 0),
        )


def _tasks(preview: Preview, service: str, changes: Sequence[Change], *, old: bool) -> Tasks | None:
    """A service's tasks before, or after; None when there is no such service then.

    What does not change is not in a preview; the stack's config says it.
    """
    inputs = {change.type: change.old if old else change.new for change in changes}
    if SERVICE in inputs and not inputs[SERVICE]:
        return None
    declared = preview.services().get(service) or {}
    task, tasks = declared.get("task") or {}, declared.get("tasks") or {}
    definition, scaling = inputs.get(DEFINITION) or {}, inputs.get(SCALING) or {}
    platform = definition.get("runtimePlatform") or {}
    network = (inputs.get(SERVICE) or {}).get("networkConfiguration") or {}
    return Tasks(
        cpu=int(definition.get("cpu") or task["cpu"]),
        memory=int(definition.get("memory") or task["memory"]),
        arm=str(platform.get("cpuArchitecture") or task.get("architecture", "")).upper() == "ARM64",
        count=int(scaling.get("minCapacity") or tasks.get("min", 1)),
        public=bool(network.get("assignPublicIp", _public(preview.setting("network") or {}))),
    )


def _public(network: Mapping[str, Any]) -> bool:
    """Whether tasks have public addresses, by the stack file."""
    return network.get("nat") == "none" and not network.get("endpoints")


def balancer_addresses(inputs: Mapping[str, Any]) -> int:
    """How many public addresses a load balancer has: one in each zone, if the internet reaches it."""
    return 0 if inputs.get("internal") else len(inputs.get("subnets") or inputs.get("subnetMappings") or [])


def _balancer(inputs: Mapping[str, Any], prices: Prices) -> float:
    if inputs.get("loadBalancerType", "application") != "application":
        return 0
    return prices.month["load_balancer"] + balancer_addresses(inputs) * prices.month["public_ipv4"]


def _alarm(inputs: Mapping[str, Any], prices: Prices) -> float:
    """Paid by the metric that it watches."""
    queries = [query for query in inputs.get("metricQueries") or [] if query.get("metric")]
    return max(len(queries), 1) * prices.month["alarm_metric"]


def _endpoint(inputs: Mapping[str, Any], prices: Prices) -> float:
    interface = inputs.get("vpcEndpointType") == "Interface"
    return len(inputs.get("subnetIds") or []) * prices.month["vpc_endpoint"] if interface else 0


THINGS: Mapping[str, tuple[str, Callable[[Mapping[str, Any], Prices], float]]] = {
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": ("alarm of alarms", lambda _, p: p.month["composite_alarm"]),
    "aws:cloudwatch/dashboard:Dashboard": ("dashboard", lambda _, p: p.month["dashboard"]),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("alarm", _alarm),
    "aws:ec2/eip:Eip": ("public address", lambda _, p: p.month["public_ipv4"]),
    "aws:ec2/natGateway:NatGateway": ("NAT gateway", lambda _, p: p.month["nat_gateway"]),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("VPC endpoint", _endpoint),
    "aws:kms/key:Key": ("KMS key", lambda _, p: p.month["kms_key"]),
    "aws:lb/loadBalancer:LoadBalancer": ("load balancer", _balancer),
}
"""Type → what it is called, and what one costs for a month."""


def _things(preview: Preview, prices: Prices) -> Iterator[Item]:
    zones = int((preview.setting("network") or {}).get("zones") or 2)
    for change in preview.changes:
        if change.type in THINGS:
            what, month = THINGS[change.type]
            before, after = (
                month(_in_zones(inputs, zones), prices) if inputs else 0 for inputs in (change.old, change.new)
            )
            yield Item(what, change.service, after - before)


def _in_zones(inputs: Mapping[str, Any], zones: int) -> Mapping[str, Any]:
    """Inputs with a subnet for each zone of a network that is not made yet."""
    unmade = {key: [UNKNOWN] * zones for key in ("subnets", "subnetIds") if inputs.get(key) == UNKNOWN}
    return {**inputs, **unmade}
