"""What a stack that is up costs for a month, by the prices of a pull request's comment (delivery/pull_request/cost.py).

Only what is paid by the hour or the month, on demand: no traffic, builds, logs or storage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3

from delivery.pull_request.cost import THINGS, Prices, Tasks, balancer_addresses, prices
from releases import scaling
from releases.ecs import describe_services
from releases.errors import DeliveryError
from releases.names import JOB_ALARMS, ROUTE_ALARMS, alarm_name, aws_name
from releases.service_state import ServiceState, read_states


@dataclass(frozen=True)
class Amount:
    """Something that costs something.

    Attributes:
        service: whose it is; None where it is the stack's.
        what: such as `2 tasks of 0.25 vCPU, 0.5 GB`.
        month: US dollars a month, with the least tasks.
        most: US dollars a month, with the most tasks; as `month` where nothing scales.
    """

    service: str | None
    what: str
    month: float
    most: float

    def line(self) -> str:
        """For people."""
        most = f", up to ${self.most:,.2f}" if self.most > self.month else ""
        return f"{self.service or 'all services'}: {self.what}: ${self.month:,.2f}{most}"


@dataclass(frozen=True)
class Costs:
    """What a stack costs for a month.

    Attributes:
        region: whose prices they are.
        as_of: when those were looked up: year and month.
        amounts: services' first.
        month: their sum in US dollars, with the least tasks.
        most: their sum, with the most tasks.
    """

    region: str
    as_of: str
    amounts: list[Amount]
    month: float
    most: float

    def lines(self) -> list[str]:
        """For people: each amount, and the sum."""
        most = f", up to ${self.most:,.2f}" if self.most > self.month else ""
        total = f"a month, on demand in {self.region} ({self.as_of}): ${self.month:,.2f}{most}"
        return [*(each.line() for each in self.amounts), f"{total}; without traffic, builds, logs and storage"]


def costs(session: boto3.Session, stack: str, services: Sequence[str]) -> Costs:
    """What a stack's services cost, and what they share.

    Args:
        session: AWS.
        stack: the stack.
        services: their names in the stack file.

    Raises:
        DeliveryError: there are no prices of this region.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    of_region = prices(session.region_name)
    if of_region is None:
        raise DeliveryError(
            f"there are no prices for {session.region_name}; add them to delivery/pull_request/prices.json"
        )
    described, states = describe_services(session, stack, services), read_states(session, stack, services)
    amounts = [
        amount
        for name in services
        if name in states
        for amount in _of_service(session, stack, states[name], described[name], of_region)
    ]
    amounts += _shared(session, stack, list(described.values()), of_region)
    return Costs(
        of_region.region,
        of_region.as_of,
        amounts,
        round(sum(each.month for each in amounts), 2),
        round(sum(each.most for each in amounts), 2),
    )


def _of_service(
    session: boto3.Session, stack: str, state: ServiceState, service: Mapping[str, Any], prices: Prices
) -> Iterator[Amount]:
    definition = state.definition
    bounds = scaling.targets(session, state.cluster, state.name)
    least = min([each["MinCapacity"] for each in bounds], default=state.desired)
    most = max([each["MaxCapacity"] for each in bounds], default=state.desired)
    fewest, all_of = (tasks(definition, service, count) for count in (least, most))
    yield _amount(state.service, str(fewest), fewest.month(prices), all_of.month(prices))
    name = aws_name(stack, state.service)
    found = session.client("cloudwatch").describe_alarms(
        AlarmNames=[name, *(alarm_name(name, each) for each in (*ROUTE_ALARMS, *JOB_ALARMS))],
        AlarmTypes=["MetricAlarm", "CompositeAlarm"],
    )
    metric, composite = found["MetricAlarms"], found["CompositeAlarms"]
    month = sum(_priced("aws:cloudwatch/metricAlarm:MetricAlarm", alarm_inputs(each), prices) for each in metric)
    month += sum(_priced("aws:cloudwatch/compositeAlarm:CompositeAlarm", {}, prices) for _ in composite)
    if month:
        yield _amount(state.service, f"{len(metric) + len(composite)} alarms", month)
    keys = session.client("kms").get_paginator("list_aliases").paginate()
    if any(each["AliasName"] == f"alias/{name}-parameters" for page in keys for each in page["Aliases"]):
        yield _amount(state.service, "KMS key of its secrets", _priced("aws:kms/key:Key", {}, prices))


def tasks(definition: Mapping[str, Any], service: Mapping[str, Any], count: int) -> Tasks:
    """A service's tasks, as they are priced.

    Args:
        definition: the task definition that it runs.
        service: as DescribeServices has it.
        count: how many.
    """
    networks = [service, *service.get("taskSets", [])]
    public = [each.get("networkConfiguration", {}).get("awsvpcConfiguration", {}) for each in networks]
    return Tasks(
        cpu=int(definition["cpu"]),
        memory=int(definition["memory"]),
        arm=definition.get("runtimePlatform", {}).get("cpuArchitecture") == "ARM64",
        count=count,
        public=any(each.get("assignPublicIp") == "ENABLED" for each in public),
    )


def alarm_inputs(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """An alarm of DescribeAlarms as the provider has it, which is how it is priced."""
    return {"metricQueries": [{"metric": each.get("MetricStat")} for each in alarm.get("Metrics", [])]}


def _shared(
    session: boto3.Session, stack: str, services: Sequence[Mapping[str, Any]], prices: Prices
) -> Iterator[Amount]:
    """What a stack's services have together, where it is the stack's own by its tag `stack`."""
    vpcs: set[str] = set()
    elbv2, ec2 = session.client("elbv2"), session.client("ec2")
    for balancer in _balancers(elbv2, services):
        vpcs.add(balancer["VpcId"])
        inputs = {"subnets": balancer["AvailabilityZones"], "internal": balancer["Scheme"] == "internal"}
        month = _priced("aws:lb/loadBalancer:LoadBalancer", inputs, prices)
        count = balancer_addresses(inputs)
        addresses = f" and its {count} public addresses" if count else ""
        yield _amount(None, f"load balancer {balancer['LoadBalancerName']}{addresses}", month)
    own = [{"Name": "tag:stack", "Values": [stack]}]
    for gateway in ec2.describe_nat_gateways(Filter=[*own, {"Name": "state", "Values": ["available"]}])["NatGateways"]:
        month = _priced("aws:ec2/natGateway:NatGateway", {}, prices) + prices.month["public_ipv4"]
        yield _amount(None, f"NAT gateway {gateway['NatGatewayId']} and its address", month)
    for endpoint in ec2.describe_vpc_endpoints(Filters=own)["VpcEndpoints"]:
        inputs = {"vpcEndpointType": endpoint["VpcEndpointType"], "subnetIds": endpoint.get("SubnetIds", [])}
        if month := _priced("aws:ec2/vpcEndpoint:VpcEndpoint", inputs, prices):
            yield _amount(None, f"endpoint of {endpoint['ServiceName']}", month)
    dashboards = session.client("cloudwatch").list_dashboards(DashboardNamePrefix=stack)["DashboardEntries"]
    if any(each["DashboardName"] == stack for each in dashboards):
        yield _amount(None, "dashboard", _priced("aws:cloudwatch/dashboard:Dashboard", {}, prices))


def _balancers(elbv2: Any, services: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The load balancers that lead to these services."""
    entries = [each for service in services for each in (service, *service.get("taskSets", []))]
    groups = {each["targetGroupArn"] for entry in entries for each in entry.get("loadBalancers", [])}
    arns: dict[str, None] = {}
    for group in sorted(groups):
        for described in elbv2.describe_target_groups(TargetGroupArns=[group])["TargetGroups"]:
            arns.update(dict.fromkeys(described["LoadBalancerArns"]))
    return list(elbv2.describe_load_balancers(LoadBalancerArns=list(arns))["LoadBalancers"]) if arns else []


def _priced(kind: str, inputs: Mapping[str, Any], prices: Prices) -> float:
    return THINGS[kind][1](inputs, prices)


def _amount(service: str | None, what: str, month: float, most: float | None = None) -> Amount:
    return Amount(service, what, round(month, 2), round(month if most is None else most, 2))
