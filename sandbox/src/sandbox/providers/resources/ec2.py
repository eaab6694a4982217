"""VPC networks: the network itself, its routes and gateways."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from sandbox.clock import Clock
from sandbox.providers.resources.base import (
    AwsResource,
    Properties,
    Tagging,
    changed,
    dig,
    tag_dictionary,
)
from sandbox.providers.resources.codec import reported, text
from sandbox.providers.types import Aws, Resource

EC2_TAGS = Tagging(tag="CreateTags", untag="DeleteTags", by="id")
VPC_SWITCHES = ("enableDnsSupport", "enableDnsHostnames", "enableNetworkAddressUsageMetrics")
SUBNET_SWITCHES = ("mapPublicIpOnLaunch", "assignIpv6AddressOnCreation", "enableDns64")
ROUTE_TARGETS = {
    "gatewayId": "GatewayId",
    "natGatewayId": "NatGatewayId",
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "transitGatewayId": "TransitGatewayId",
    "vpcEndpointId": "VpcEndpointId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
}
DELETION_SECONDS = 20 * 60
"""How long the provider tries to delete what is still in use (terraform-provider-aws, a subnet's timeout)."""
DESTINATIONS = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")


@dataclass(frozen=True, kw_only=True)
class Ec2Resource(AwsResource):
    """An EC2 object: its tags are in its description, its ARN is made of `kind` and its id."""

    service: str = "ec2"
    kind: str = ""
    tagging: Tagging | None = EC2_TAGS

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Delete it as soon as nothing uses it any more, as the provider does."""
        end = time.monotonic() + Clock().scale(DELETION_SECONDS)
        while True:
            try:
                super().delete(aws, id, props)
                return
            except ClientError as error:
                if error.response["Error"]["Code"] != "DependencyViolation" or time.monotonic() > end:
                    raise
            time.sleep(0.2)

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        computed = super().computed_from(aws, id, description, inputs)
        if self.kind:
            owner = description.get("OwnerId", aws.account)
            computed |= {"arn": ec2_arn(aws, f"{self.kind}/{id}"), "ownerId": owner}
        return computed

    def tags(self, aws: Aws, id: str, props: Properties, description: Any) -> dict[str, str]:
        return tag_dictionary(description.get("Tags", []))

    def _tag_call(self, aws: Aws, operation: str, target: str, payload: Properties) -> Any:
        tags = payload.get("tags") or dict.fromkeys(payload["keys"])
        pairs = [{"Key": k} if v is None else {"Key": k, "Value": v} for k, v in tags.items()]
        calls = {"CreateTags": "create_tags", "DeleteTags": "delete_tags"}
        return getattr(aws.client("ec2"), calls[operation])(Resources=[target], Tags=pairs)


class Vpc(Ec2Resource):
    """A VPC; DNS support is on by default, as in AWS."""

    def settle(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        for name in VPC_SWITCHES:
            if changed(olds, news, name):
                argument = name[0].upper() + name[1:]
                aws.client("ec2").modify_vpc_attribute(VpcId=id, **{argument: {"Value": text(news[name]) == "true"}})

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        client = aws.client("ec2")
        in_vpc = [{"Name": "vpc-id", "Values": [id]}]
        tables = client.describe_route_tables(Filters=[*in_vpc, {"Name": "association.main", "Values": ["true"]}])
        groups = client.describe_security_groups(Filters=[*in_vpc, {"Name": "group-name", "Values": ["default"]}])
        acls = client.describe_network_acls(Filters=[*in_vpc, {"Name": "default", "Values": ["true"]}])
        table = dig(tables, "RouteTables.0.RouteTableId")
        return {
            **super().computed_from(aws, id, description, inputs),
            **self._switches(aws, id),
            "mainRouteTableId": table,
            "defaultRouteTableId": table,
            "defaultSecurityGroupId": dig(groups, "SecurityGroups.0.GroupId"),
            "defaultNetworkAclId": dig(acls, "NetworkAcls.0.NetworkAclId"),
        }

    def _switches(self, aws: Aws, id: str) -> Properties:
        state = {}
        for name in VPC_SWITCHES:
            attribute = aws.client("ec2").describe_vpc_attribute(VpcId=id, Attribute=name)
            state[name] = bool(dig(attribute, f"{name[0].upper()}{name[1:]}.Value"))
        return state


class Subnet(Ec2Resource):
    """A subnet."""

    def settle(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        for name in SUBNET_SWITCHES:
            if changed(olds, news, name):
                argument = name[0].upper() + name[1:]
                aws.client("ec2").modify_subnet_attribute(
                    SubnetId=id, **{argument: {"Value": text(news[name]) == "true"}}
                )


class InternetGateway(Ec2Resource):
    """An internet gateway, attached to `vpcId` when given."""

    def settle(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        if changed(olds, news, "vpcId"):
            self._detach(aws, id)
            aws.client("ec2").attach_internet_gateway(InternetGatewayId=id, VpcId=news["vpcId"])

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        self._detach(aws, id)
        super().remove(aws, id, props)

    def _detach(self, aws: Aws, id: str) -> None:
        for attachment in (self.find(aws, id, {}) or {}).get("Attachments", []):
            aws.client("ec2").detach_internet_gateway(InternetGatewayId=id, VpcId=attachment["VpcId"])


class RouteTable(Ec2Resource):
    """A route table with the routes declared in it."""

    def settle(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        if not changed(olds, news, "routes"):
            return
        client = aws.client("ec2")
        for route in olds.get("routes", []):
            client.delete_route(RouteTableId=id, **_destination(route))
        for route in news["routes"]:
            client.create_route(RouteTableId=id, **_destination(route), **_target(route))

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        state = super().reported(aws, description, {k: v for k, v in props.items() if k != "routes"})
        if "routes" in props:
            routes = [route for route in description["Routes"] if route.get("GatewayId") != "local"]
            names = {"cidrBlock": "DestinationCidrBlock", "ipv6CidrBlock": "DestinationIpv6CidrBlock"}
            state["routes"] = reported(routes, props["routes"], {**names, **ROUTE_TARGETS})
        return state

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        for association in (self.find(aws, id, props) or {}).get("Associations", []):
            if not association.get("Main"):
                aws.client("ec2").disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
        super().remove(aws, id, props)


class Route:
    """One route of a table; its id is made of the table and the destination."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Add the route."""
        destination = _destination(inputs)
        aws.client("ec2").create_route(RouteTableId=inputs["routeTableId"], **destination, **_target(inputs))
        (where,) = destination.values()
        return f"r-{inputs['routeTableId']}{zlib.crc32(where.encode())}", self._outputs(aws, inputs)

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """The route in its table."""
        route = self._find(aws, props)
        if route is None:
            return None
        targets = {name: route[key] for name, key in ROUTE_TARGETS.items() if name in props and key in route}
        place = {k: props[k] for k in ("routeTableId", *DESTINATIONS) if k in props}
        return {**place, **targets, **self._outputs(aws, props)}

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Send the destination to another target."""
        aws.client("ec2").replace_route(RouteTableId=news["routeTableId"], **_destination(news), **_target(news))
        return self._outputs(aws, news)

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Take the route out of its table."""
        if self._find(aws, props) is not None:
            aws.client("ec2").delete_route(RouteTableId=props["routeTableId"], **_destination(props))

    def _outputs(self, aws: Aws, props: Properties) -> Properties:
        route = self._find(aws, props) or {}
        return {"state": route.get("State", "active"), "origin": route.get("Origin", "CreateRoute")}

    def _find(self, aws: Aws, props: Properties) -> Any:
        table = RESOURCES_BY_TYPE["RouteTable"].find(aws, props["routeTableId"], props) or {}
        destination = _destination(props).items()
        return next((r for r in table.get("Routes", []) if destination <= r.items()), None)


class RouteTableAssociation:
    """The table that a subnet's traffic follows."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Associate the subnet (or gateway)."""
        response = aws.client("ec2").associate_route_table(
            RouteTableId=inputs["routeTableId"], **self._attached_to(inputs)
        )
        return response["AssociationId"], {}

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """The table that the subnet follows now."""
        association = self._find(aws, props)
        return None if association is None else {**self._plain(props), "routeTableId": association["RouteTableId"]}

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Follow another table."""
        association = self._find(aws, olds)
        if association is not None:
            aws.client("ec2").replace_route_table_association(
                AssociationId=association["RouteTableAssociationId"], RouteTableId=news["routeTableId"]
            )
        return {}

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Leave the subnet to the main table."""
        association = self._find(aws, props)
        if association is not None:
            aws.client("ec2").disassociate_route_table(AssociationId=association["RouteTableAssociationId"])

    def _find(self, aws: Aws, props: Properties) -> Any:
        ((name, value),) = self._attached_to(props).items()
        tables = aws.client("ec2").describe_route_tables()["RouteTables"]
        associations = ({**a, "RouteTableId": table["RouteTableId"]} for table in tables for a in table["Associations"])
        return next((a for a in associations if a.get(name) == value), None)

    def _attached_to(self, props: Properties) -> dict[str, str]:
        return {"SubnetId": props["subnetId"]} if "subnetId" in props else {"GatewayId": props["gatewayId"]}

    def _plain(self, props: Properties) -> Properties:
        return {k: props[k] for k in ("subnetId", "gatewayId") if k in props}


class NatGateway(Ec2Resource):
    """A NAT gateway; a deleted one is still described for a while."""

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        description = super().find(aws, id, props)
        return None if description is None or description["State"] in ("deleted", "deleting", "failed") else description


class Eip(Ec2Resource):
    """An elastic address."""

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        computed = super().computed_from(aws, id, description, inputs)
        host = description["PublicIp"].replace(".", "-")
        return {**computed, "publicDns": f"ec2-{host}.{aws.region}.compute.amazonaws.com"}


class VpcEndpoint(Ec2Resource):
    """An endpoint of a service within a VPC."""

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        description = super().find(aws, id, props)
        if description is None or description.get("State") == "deleted":
            return None
        return {**description, "SecurityGroupIds": [group["GroupId"] for group in description.get("Groups", [])]}

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        arguments: Properties = {}
        for name in ("subnetIds", "routeTableIds", "securityGroupIds"):
            had, declared = set(olds.get(name, [])), set(news.get(name, []))
            suffix = name[0].upper() + name[1:]
            arguments |= {f"Add{suffix}": sorted(declared - had)} if declared - had else {}
            arguments |= {f"Remove{suffix}": sorted(had - declared)} if had - declared else {}
        if changed(olds, news, "policy"):
            arguments["PolicyDocument"] = news["policy"]
        if changed(olds, news, "privateDnsEnabled"):
            arguments["PrivateDnsEnabled"] = news["privateDnsEnabled"]
        if arguments:
            self.call(aws, "ModifyVpcEndpoint", arguments, id)


def ec2_arn(aws: Aws, resource: str) -> str:
    """The ARN of an EC2 object in this account and region."""
    return f"arn:{aws.partition}:ec2:{aws.region}:{aws.account}:{resource}"


def _destination(route: Properties) -> dict[str, str]:
    short = {"cidrBlock": "DestinationCidrBlock", "ipv6CidrBlock": "DestinationIpv6CidrBlock"}
    names = {**short, **{name: name[0].upper() + name[1:] for name in DESTINATIONS}}
    return {api: route[name] for name, api in names.items() if route.get(name)}


def _target(route: Properties) -> dict[str, str]:
    return {api: route[name] for name, api in ROUTE_TARGETS.items() if route.get(name)}


RESOURCES_BY_TYPE: dict[str, AwsResource] = {
    "Vpc": Vpc(
        kind="vpc",
        create_call="CreateVpc",
        read_call="DescribeVpcs",
        delete_call="DeleteVpc",
        key="VpcId",
        id="Vpc.VpcId",
        element="Vpcs.0",
        names={"assignGeneratedIpv6CidrBlock": "AmazonProvidedIpv6CidrBlock"},
        apart=frozenset(VPC_SWITCHES),
        outputs={"cidrBlock": "CidrBlock", "dhcpOptionsId": "DhcpOptionsId", "instanceTenancy": "InstanceTenancy"},
    ),
    "Subnet": Subnet(
        kind="subnet",
        create_call="CreateSubnet",
        read_call="DescribeSubnets",
        delete_call="DeleteSubnet",
        key="SubnetId",
        id="Subnet.SubnetId",
        element="Subnets.0",
        apart=frozenset(SUBNET_SWITCHES),
        outputs={
            "availabilityZone": "AvailabilityZone",
            "availabilityZoneId": "AvailabilityZoneId",
            "mapPublicIpOnLaunch": "MapPublicIpOnLaunch",
        },
    ),
    "InternetGateway": InternetGateway(
        kind="internet-gateway",
        create_call="CreateInternetGateway",
        read_call="DescribeInternetGateways",
        delete_call="DeleteInternetGateway",
        key="InternetGatewayId",
        id="InternetGateway.InternetGatewayId",
        element="InternetGateways.0",
        apart=frozenset({"vpcId"}),
        outputs={"vpcId": "Attachments.0.VpcId"},
    ),
    "RouteTable": RouteTable(
        kind="route-table",
        create_call="CreateRouteTable",
        read_call="DescribeRouteTables",
        delete_call="DeleteRouteTable",
        key="RouteTableId",
        id="RouteTable.RouteTableId",
        element="RouteTables.0",
        apart=frozenset({"routes"}),
    ),
    "Eip": Eip(
        kind="elastic-ip",
        create_call="AllocateAddress",
        read_call="DescribeAddresses",
        delete_call="ReleaseAddress",
        key="AllocationId",
        id="AllocationId",
        element="Addresses.0",
        outputs={"allocationId": "AllocationId", "publicIp": "PublicIp", "domain": "Domain"},
    ),
    "NatGateway": NatGateway(
        create_call="CreateNatGateway",
        read_call="DescribeNatGateways",
        delete_call="DeleteNatGateway",
        key="NatGatewayId",
        id="NatGateway.NatGatewayId",
        element="NatGateways.0",
        outputs={
            "publicIp": "NatGatewayAddresses.0.PublicIp",
            "privateIp": "NatGatewayAddresses.0.PrivateIp",
            "networkInterfaceId": "NatGatewayAddresses.0.NetworkInterfaceId",
            "allocationId": "NatGatewayAddresses.0.AllocationId",
        },
    ),
    "VpcEndpoint": VpcEndpoint(
        kind="vpc-endpoint",
        create_call="CreateVpcEndpoint",
        read_call="DescribeVpcEndpoints",
        delete_call="DeleteVpcEndpoints",
        key="VpcEndpointId",
        id="VpcEndpoint.VpcEndpointId",
        element="VpcEndpoints.0",
        names={"policy": "PolicyDocument"},
        outputs={"state": "State", "networkInterfaceIds": "NetworkInterfaceIds", "dnsEntries": "DnsEntries"},
    ),
}  # fmt: skip

RESOURCES: dict[str, Resource] = {
    **{f"aws:ec2/{type[0].lower()}{type[1:]}:{type}": handler for type, handler in RESOURCES_BY_TYPE.items()},
    "aws:ec2/route:Route": Route(),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": RouteTableAssociation(),
}
