"""The stand-in for pulumi-awsx: `awsx:ec2:Vpc` as its children, registered with the real engine.

Names of the children, NAT strategies and the layout of subnets follow pulumi-awsx 3 (awsx/ec2/vpc.ts). Of its
outputs there are the ids.
"""

import ipaddress
import math
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, resource_pb2, resource_pb2_grpc

from sandbox.providers.values import UNKNOWN, decode, encode

VPC = "awsx:ec2:Vpc"
KNOWN_INPUTS = frozenset(
    {
        "cidrBlock",
        "enableDnsHostnames",
        "enableDnsSupport",
        "natGateways",
        "numberOfAvailabilityZones",
        "subnetSpecs",
        "subnetStrategy",
        "tags",
    }
)


@dataclass(frozen=True)
class Child:
    """A registered resource; its id is unknown in a preview."""

    urn: str
    id: str


class AwsxProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Constructs components; everything else is the aws provider's."""

    def Attach(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=version("pulumi-awsx"))

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ConfigureResponse:
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=False)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Construct(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ConstructResponse:
        if request.type != VPC:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the sandbox has no {request.type} yet")
        inputs = decode(request.inputs)
        unknown = sorted(inputs.keys() - KNOWN_INPUTS)
        if unknown:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the sandbox's {VPC} has no {', '.join(unknown)} yet")
        with grpc.insecure_channel(request.monitorEndpoint) as channel:
            monitor = Monitor(resource_pb2_grpc.ResourceMonitorStub(channel), request)
            outputs = construct_vpc(monitor, request.name, inputs)
            monitor.finish(outputs)
            return provider_pb2.ConstructResponse(urn=monitor.urn, state=encode(outputs))


class Monitor:
    """Registers the component and its children."""

    def __init__(self, stub: Any, request: Any) -> None:
        self._stub = stub
        self._aws_version = version("pulumi-aws")
        registered = stub.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=request.type, name=request.name, parent=request.parent, acceptSecrets=True, acceptResources=True
            )
        )
        self.urn: str = registered.urn

    def register(self, token: str, name: str, inputs: dict[str, Any], parent: str = "") -> Child:
        """Registers one child."""
        response = self._stub.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=token,
                name=name,
                parent=parent or self.urn,
                custom=True,
                object=encode(inputs),
                version=self._aws_version,
                acceptSecrets=True,
                acceptResources=True,
                supportsPartialValues=True,
            )
        )
        return Child(response.urn, response.id or UNKNOWN)

    def invoke(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        """Calls a function of the aws provider."""
        response = self._stub.Invoke(
            resource_pb2.ResourceInvokeRequest(
                tok=token, args=encode(args), version=self._aws_version, acceptResources=True
            )
        )
        return decode(getattr(response, "return"))

    def finish(self, outputs: dict[str, Any]) -> None:
        """Registers the component's outputs."""
        self._stub.RegisterResourceOutputs(
            resource_pb2.RegisterResourceOutputsRequest(urn=self.urn, outputs=encode(outputs))
        )


def construct_vpc(monitor: Monitor, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """A VPC, its internet gateway, and per zone a subnet of each kind with its routes, and NAT gateways."""
    tags = inputs.get("tags", {})
    zones = monitor.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", {})["names"]
    zones = zones[: inputs.get("numberOfAvailabilityZones", 3)]
    kinds = [spec["type"] for spec in inputs.get("subnetSpecs", [{"type": "Private"}, {"type": "Public"}])]
    strategy = inputs.get("natGateways", {}).get("strategy", "OnePerAz")
    cidr = inputs.get("cidrBlock", "10.0.0.0/16")
    vpc = monitor.register(
        "aws:ec2/vpc:Vpc",
        name,
        {
            "cidrBlock": cidr,
            "enableDnsHostnames": inputs.get("enableDnsHostnames", True),
            "enableDnsSupport": inputs.get("enableDnsSupport", True),
            "tags": {"Name": name, **tags},
        },
    )
    gateway = monitor.register(
        "aws:ec2/internetGateway:InternetGateway", name, {"vpcId": vpc.id, "tags": {"Name": name, **tags}}, vpc.urn
    )
    blocks = layout(cidr, len(zones), kinds)
    subnets: dict[str, list[str]] = {"Public": [], "Private": [], "Isolated": []}
    nat_gateways: list[Child] = []
    for kind in sorted(kinds, key=lambda kind: kind != "Public"):  # a private subnet's route needs a NAT gateway
        for index, zone in enumerate(zones):
            subnet_name = f"{name}-{kind.lower()}-{index + 1}"
            named = {"Name": subnet_name, "SubnetType": kind, **tags}
            subnet = monitor.register(
                "aws:ec2/subnet:Subnet",
                subnet_name,
                {
                    "vpcId": vpc.id,
                    "availabilityZone": zone,
                    "cidrBlock": blocks[index][kind],
                    "mapPublicIpOnLaunch": kind == "Public",
                    "tags": named,
                },
                vpc.urn,
            )
            table = monitor.register(
                "aws:ec2/routeTable:RouteTable", subnet_name, {"vpcId": vpc.id, "tags": named}, subnet.urn
            )
            monitor.register(
                "aws:ec2/routeTableAssociation:RouteTableAssociation",
                subnet_name,
                {"routeTableId": table.id, "subnetId": subnet.id},
                table.urn,
            )
            wanted = {"None": 0, "Single": 1, "OnePerAz": len(zones)}[strategy]
            if kind == "Public" and index < wanted:
                nat_gateways.append(nat_gateway(monitor, f"{name}-{index + 1}", vpc, subnet, tags))
            route: dict[str, Any] = {"routeTableId": table.id, "destinationCidrBlock": "0.0.0.0/0"}
            if kind == "Public":
                route["gatewayId"] = gateway.id
            elif kind == "Private" and nat_gateways:
                route["natGatewayId"] = nat_gateways[min(index, len(nat_gateways) - 1)].id
            if len(route) == 3:
                monitor.register("aws:ec2/route:Route", subnet_name, route, table.urn)
            subnets[kind].append(subnet.id)
    return {
        "vpcId": vpc.id,
        "publicSubnetIds": subnets["Public"],
        "privateSubnetIds": subnets["Private"],
        "isolatedSubnetIds": subnets["Isolated"],
    }


def nat_gateway(monitor: Monitor, name: str, vpc: Child, subnet: Child, tags: dict[str, str]) -> Child:
    """A NAT gateway with its address."""
    named = {"Name": name, **tags}
    address = monitor.register("aws:ec2/eip:Eip", name, {"domain": "vpc", "tags": named}, subnet.urn)
    return monitor.register(
        "aws:ec2/natGateway:NatGateway",
        name,
        {"allocationId": address.id, "subnetId": subnet.id, "tags": named},
        subnet.urn,
    )


def layout(cidr: str, zones: int, kinds: list[str]) -> list[dict[str, str]]:
    """For each zone the address range of each kind of subnet: the VPC cut evenly."""
    network = ipaddress.ip_network(cidr)
    by_zone = network.subnets(prefixlen_diff=max(1, math.ceil(math.log2(zones))))
    bits = math.ceil(math.log2(len(kinds))) if len(kinds) > 1 else 0
    return [
        {kind: str(block) for kind, block in zip(kinds, zone.subnets(prefixlen_diff=bits), strict=False)}
        for zone, _ in zip(by_zone, range(zones), strict=False)
    ]
