"""The stand-in for pulumi-awsx: `awsx:ec2:Vpc` as its children, registered with the real engine.

Children, their names, tags and order follow pulumi-awsx 3 (awsx/ec2/vpc.ts).
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from sandbox.providers.plugin import Plugin
from sandbox.providers.schema import check_arguments
from sandbox.providers.subnets import Subnet, layout
from sandbox.providers.values import SIGNATURE, UNKNOWN, decode, encode, is_unknown

VPC = "awsx:ec2:Vpc"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
"""What marks a reference to a resource (pulumi sdk/go/common/resource/properties.go)."""
NOT_YET = {
    "subnetNameTagStrategy": "Legacy",
    "subnetStrategy": ("Auto", "Exact", "Legacy"),
    "vpcEndpointStrategy": "Legacy",
}
"""Inputs of which the sandbox knows these values only."""
OF_VPC = (
    "assignGeneratedIpv6CidrBlock",
    "enableDnsHostnames",
    "enableDnsSupport",
    "enableNetworkAddressUsageMetrics",
    "instanceTenancy",
)
"""Inputs that the component hands on to the VPC."""
NO_IPAM = "the sandbox's awsx:ec2:Vpc has no address ranges from IPAM and no IPv6 yet"


@dataclass(frozen=True)
class Child:
    """A registered resource; its id is unknown in a preview."""

    urn: str
    id: str
    outputs: Mapping[str, Any]

    def reference(self) -> dict[str, str]:
        """It as an output of the component."""
        return {SIGNATURE: RESOURCE, "urn": self.urn, "id": self.id}

    def output(self, name: str) -> "Attribute":
        """One of its outputs, as an input of another."""
        return Attribute(self, self.id if name == "id" else self.outputs.get(name) or UNKNOWN)


@dataclass(frozen=True)
class Attribute:
    """A value that comes from a resource."""

    source: Child
    value: str


class AwsxProvider(Plugin):
    """Constructs components; everything else is the aws provider's."""

    def __init__(self) -> None:
        super().__init__(version("pulumi-awsx"), accepts_secrets=True)  # the engine asks it of components

    def Construct(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ConstructResponse:
        with self.telling(context), grpc.insecure_channel(request.monitorEndpoint) as channel:
            inputs = decode(request.inputs)
            _refuse(request.type, inputs)
            monitor = Monitor(resource_pb2_grpc.ResourceMonitorStub(channel), request)
            outputs = Network(monitor, request.name, inputs).build()
            monitor.finish(outputs)
            return provider_pb2.ConstructResponse(urn=monitor.urn, state=encode(outputs))
        raise AssertionError("unreachable: the call was aborted")


def _refuse(token: str, inputs: Mapping[str, Any]) -> None:
    """Raise ValueError for what the component, or the sandbox's, does not take."""
    if token != VPC:
        raise ValueError(f"the sandbox has no {token} yet")
    problems = check_arguments(importlib.import_module("pulumi_awsx.ec2").VpcArgs, inputs)
    if problems:
        raise ValueError("; ".join(f"{problem.path}: {problem.reason}" for problem in problems))
    for name, allowed in NOT_YET.items():
        if name in inputs and inputs[name] not in allowed:
            raise ValueError(f"{name}: the sandbox has no {inputs[name]} yet")
    if any(name.startswith(("ipv4", "ipv6")) for name in inputs) or is_unknown(inputs.get("cidrBlock")):
        raise ValueError(NO_IPAM)
    if "availabilityZoneNames" in inputs and "numberOfAvailabilityZones" in inputs:
        raise ValueError("Only one of [availabilityZoneNames] and [numberOfAvailabilityZones] can be specified")


class Monitor:
    """Registers the component and its children with the engine that asked for them."""

    def __init__(self, stub: Any, request: Any) -> None:
        self._stub = stub
        self._aws = {"provider": request.providers.get("aws", ""), "version": version("pulumi-aws")}
        self._inherited = {
            name: getattr(request, name) for name in ("protect", "retainOnDelete") if request.HasField(name)
        }
        self._inherited["deletedWith"] = request.deletedWith
        self._dependency_urns = {
            urn for dependencies in request.inputDependencies.values() for urn in dependencies.urns
        }
        registered = stub.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=request.type,
                name=request.name,
                parent=request.parent,
                dependencies=request.dependencies,
                providers=request.providers,
                aliases=request.aliases,
                acceptSecrets=True,
                acceptResources=True,
                **self._inherited,
            )
        )
        self.urn: str = registered.urn

    def register(self, token: str, name: str, inputs: Mapping[str, Any], parent: Child | None = None) -> Child:
        """Registers one child, after its parent and whatever its inputs come from."""
        sources = {key: sorted({child.urn for child in _sources(value)}) for key, value in inputs.items()}
        urns = (
            {urn for source_urns in sources.values() for urn in source_urns}
            | ({parent.urn} if parent else set())
            | self._dependency_urns
        )
        dependencies = resource_pb2.RegisterResourceRequest.PropertyDependencies
        response = self._stub.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=token,
                name=name,
                parent=parent.urn if parent else self.urn,
                custom=True,
                object=encode(_values(inputs)),
                dependencies=sorted(urns),
                propertyDependencies={key: dependencies(urns=source_urns) for key, source_urns in sources.items()},
                acceptSecrets=True,
                acceptResources=True,
                supportsPartialValues=True,
                **self._aws,
                **self._inherited,
            )
        )
        return Child(response.urn, response.id or UNKNOWN, decode(response.object))

    def invoke(self, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Calls a function of the aws provider."""
        response = self._stub.Invoke(
            resource_pb2.ResourceInvokeRequest(
                tok=token, args=encode(dict(arguments)), acceptResources=True, **self._aws
            )
        )
        if response.failures:
            raise ValueError("; ".join(failure.reason for failure in response.failures))
        return decode(getattr(response, "return"))

    def finish(self, outputs: dict[str, Any]) -> None:
        """Registers the component's outputs."""
        self._stub.RegisterResourceOutputs(
            resource_pb2.RegisterResourceOutputsRequest(urn=self.urn, outputs=encode(outputs))
        )


class Network:
    """The children of one `awsx:ec2:Vpc`."""

    def __init__(self, monitor: Monitor, name: str, inputs: Mapping[str, Any]) -> None:
        self._monitor, self._name, self._inputs = monitor, name, inputs
        self._tags: dict[str, str] = inputs.get("tags", {})
        self._shared = {"Name": name, **self._tags}
        self._nat = inputs.get("natGateways", {})
        self._strategy = self._nat.get("strategy", "OnePerAz")
        self._addresses: list[str] = self._nat.get("elasticIpAllocationIds", [])
        self._children: dict[str, list[Child]] = {
            kind: []
            for kind in (
                "subnets",
                "routeTables",
                "routeTableAssociations",
                "routes",
                "natGateways",
                "eips",
                "vpcEndpoints",
            )
        }

    def build(self) -> dict[str, Any]:
        """Register them all; the component's outputs."""
        zones = self._zones()
        block = self._inputs.get("cidrBlock", "10.0.0.0/16")
        subnets, specs = layout(
            self._name,
            block,
            zones,
            self._inputs.get("subnetSpecs"),
            self._inputs.get("subnetStrategy", "Legacy"),
            self._inputs.get("availabilityZoneCidrMask"),
        )
        self._check_nat(subnets, len(zones))
        handed_on = {name: self._inputs[name] for name in OF_VPC if name in self._inputs}
        vpc = self._register("aws:ec2/vpc:Vpc", self._name, {**handed_on, "cidrBlock": block, "tags": self._shared})
        gateway = self._register(
            "aws:ec2/internetGateway:InternetGateway",
            self._name,
            {"vpcId": vpc.output("id"), "tags": self._shared},
            vpc,
        )
        for spec in self._inputs.get("vpcEndpointSpecs", []):
            endpoint = {**spec, "vpcId": vpc.output("id")}
            self._keep("vpcEndpoints", "aws:ec2/vpcEndpoint:VpcEndpoint", spec["serviceName"], endpoint, vpc)
        ids: dict[str, list[str]] = {"Public": [], "Private": [], "Isolated": []}
        for subnet in subnets:
            ids[subnet.kind].append(self._subnet(subnet, vpc, gateway).id)
        return {
            **{kind: [child.reference() for child in children] for kind, children in self._children.items()},
            "vpc": vpc.reference(),
            "vpcId": vpc.id,
            "internetGateway": gateway.reference(),
            "publicSubnetIds": ids["Public"],
            "privateSubnetIds": ids["Private"],
            "isolatedSubnetIds": ids["Isolated"],
            "subnetLayout": specs,
        }

    def _zones(self) -> list[str]:
        if "availabilityZoneNames" in self._inputs:
            return list(self._inputs["availabilityZoneNames"])
        count = self._inputs.get("numberOfAvailabilityZones", 3)
        available = self._monitor.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", {})["names"]
        if len(available) < count:
            raise ValueError(
                f"The configured region for this provider does not have at least {count} Availability Zones."
            )
        return list(available[:count])

    def _check_nat(self, subnets: Sequence[Subnet], zones: int) -> None:
        if self._strategy != "None" and not {"Public", "Private"} <= {subnet.kind for subnet in subnets}:
            raise ValueError(
                "If NAT Gateway strategy is 'OnePerAz' or 'Single', both private and public subnets must be declared."
            )
        allowed = {"None": 0, "Single": 1, "OnePerAz": zones}[self._strategy]
        if self._addresses and len(self._addresses) != allowed:
            raise ValueError(f"NAT Gateway strategy '{self._strategy}' takes {allowed} Elastic IPs")

    def _subnet(self, subnet: Subnet, vpc: Child, gateway: Child) -> Child:
        """One subnet with its route table, its NAT gateway if it has one, and its way out."""
        name_tags = {"Name": subnet.name, "SubnetType": subnet.kind}
        created = self._keep(
            "subnets",
            "aws:ec2/subnet:Subnet",
            subnet.name,
            {
                "vpcId": vpc.output("id"),
                "availabilityZone": subnet.zone,
                "mapPublicIpOnLaunch": subnet.kind == "Public",
                "cidrBlock": subnet.block,
                "tags": {**self._shared, **subnet.tags, **name_tags},
            },
            vpc,
        )
        table = self._keep(
            "routeTables",
            "aws:ec2/routeTable:RouteTable",
            subnet.name,
            {"vpcId": vpc.output("id"), "tags": {**self._shared, **name_tags}},
            created,
        )
        self._keep(
            "routeTableAssociations",
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
            subnet.name,
            {"routeTableId": table.output("id"), "subnetId": created.output("id")},
            table,
        )
        if subnet.kind == "Public" and self._hosts_nat(subnet.zone_index):
            self._nat_gateway(subnet.zone_index, created)
        out = self._way_out(subnet, gateway)
        if out:
            inputs = {"routeTableId": table.output("id"), "destinationCidrBlock": "0.0.0.0/0", **out}
            self._keep("routes", "aws:ec2/route:Route", subnet.name, inputs, table)
        return created

    def _hosts_nat(self, zone: int) -> bool:
        gateways = len(self._children["natGateways"])
        return {"None": False, "Single": gateways < 1, "OnePerAz": gateways < zone + 1}[self._strategy]

    def _nat_gateway(self, zone: int, subnet: Child) -> None:
        name = f"{self._name}-{zone + 1}"
        tags = {**self._tags, "Name": name}
        if self._addresses:
            address: Any = self._addresses[zone]
        else:
            address = self._keep("eips", "aws:ec2/eip:Eip", name, {"tags": tags}, subnet).output("allocationId")
        inputs = {"subnetId": subnet.output("id"), "allocationId": address, "tags": tags}
        self._keep("natGateways", "aws:ec2/natGateway:NatGateway", name, inputs, subnet)

    def _way_out(self, subnet: Subnet, gateway: Child) -> dict[str, Attribute]:
        if subnet.kind == "Public":
            return {"gatewayId": gateway.output("id")}
        if subnet.kind == "Private" and self._strategy != "None":
            gateways = self._children["natGateways"]
            return {"natGatewayId": gateways[0 if self._strategy == "Single" else subnet.zone_index].output("id")}
        return {}

    def _keep(self, kind: str, token: str, name: str, inputs: Mapping[str, Any], parent: Child) -> Child:
        child = self._register(token, name, inputs, parent)
        self._children[kind].append(child)
        return child

    def _register(self, token: str, name: str, inputs: Mapping[str, Any], parent: Child | None = None) -> Child:
        return self._monitor.register(token, name, inputs, parent)


def _sources(value: Any) -> Iterator[Child]:
    if isinstance(value, Attribute):
        yield value.source
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _sources(item)
    elif isinstance(value, list):
        for item in value:
            yield from _sources(item)


def _values(value: Any) -> Any:
    if isinstance(value, Attribute):
        return value.value
    if isinstance(value, Mapping):
        return {key: _values(item) for key, item in value.items()}
    return [_values(item) for item in value] if isinstance(value, list) else value
