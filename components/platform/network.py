"""The VPC that a stack's services run in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

import pulumi
import pulumi_awsx as awsx

from components.platform.endpoints import EndpointsArgs, make_endpoints

Nat = Literal["none", "single", "per_zone"]

STRATEGIES = {"none": "NONE", "single": "SINGLE", "per_zone": "ONE_PER_AZ"}
"""Nat → the name in `awsx.ec2.NatGatewayStrategy`."""


class AdoptedVpc(TypedDict):
    """A VPC that exists, by ids."""

    vpc_id: pulumi.Input[str]
    public_subnet_ids: pulumi.Input[Sequence[str]]
    task_subnet_ids: pulumi.Input[Sequence[str]]
    assign_public_ip: NotRequired[pulumi.Input[bool]]
    """Whether tasks need a public address there; they do not by default."""


class NetworkArgs(TypedDict):
    """Inputs of `Network`."""

    vpc_name: str
    """The Name tag of a created VPC."""
    adopt: NotRequired[AdoptedVpc]
    """An existing VPC to use; then none is created."""
    cidr: NotRequired[str]
    """The address range of a created VPC."""
    zones: NotRequired[int]
    """Its Availability Zones."""
    nat: NotRequired[Nat]
    """Its NAT gateways; `none` puts the tasks into public subnets with public addresses, unless there are endpoints."""
    endpoints: NotRequired[EndpointsArgs]
    """The endpoints through which tasks reach AWS services without NAT gateways."""


class Network(pulumi.ComponentResource):
    """A VPC with public and private subnets, created by `awsx.ec2.Vpc` or adopted.

    Produces: one `awsx:ec2:Vpc` and its endpoints, with their security group, or nothing for an adopted VPC.
    """

    vpc_id: pulumi.Output[str]
    """The VPC."""
    public_subnet_ids: pulumi.Output[Sequence[str]]
    """Subnets of the load balancer."""
    task_subnet_ids: pulumi.Output[Sequence[str]]
    """Subnets of the tasks."""
    assign_public_ip: pulumi.Output[bool]
    """Whether tasks need a public address to reach anything, because there are neither NAT gateways nor endpoints."""
    endpoints: Sequence[pulumi.Resource]
    """The resources that must exist before a task starts."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = {key: value for key, value in args.items() if key != "endpoints"}
        super().__init__("fargate-delivery:index:Network", name, inputs, opts)
        self.endpoints = []
        if "adopt" in args:
            adopted = args["adopt"]
            self.vpc_id = pulumi.Output.from_input(adopted["vpc_id"])
            self.public_subnet_ids = pulumi.Output.from_input(adopted["public_subnet_ids"])
            self.task_subnet_ids = pulumi.Output.from_input(adopted["task_subnet_ids"])
            self.assign_public_ip = pulumi.Output.from_input(adopted.get("assign_public_ip", False))
        else:
            nat = args.get("nat", "single")
            private = nat != "none" or "endpoints" in args
            self.assign_public_ip = pulumi.Output.from_input(not private)
            vpc = awsx.ec2.Vpc(
                f"{name}-vpc",
                cidr_block=args.get("cidr", "10.0.0.0/16"),
                number_of_availability_zones=args.get("zones", 2),
                enable_dns_hostnames=True,
                nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(
                    strategy=awsx.ec2.NatGatewayStrategy[STRATEGIES[nat]]
                ),
                subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
                subnet_specs=[
                    awsx.ec2.SubnetSpecArgs(type=awsx.ec2.SubnetType.PUBLIC),
                    *([awsx.ec2.SubnetSpecArgs(type=awsx.ec2.SubnetType.PRIVATE)] if private else []),
                ],
                tags={"Name": args["vpc_name"]},
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.vpc_id = vpc.vpc_id
            self.public_subnet_ids = vpc.public_subnet_ids
            self.task_subnet_ids = vpc.private_subnet_ids if private else vpc.public_subnet_ids
            if "endpoints" in args:
                tables: pulumi.Output[Sequence[str]] = vpc.route_tables.apply(
                    lambda tables: pulumi.Output.all(*(table.id for table in tables))
                )
                self.endpoints = make_endpoints(
                    f"{name}-endpoints", args["endpoints"], vpc.vpc_id, vpc.private_subnet_ids, tables, self
                )
        self.register_outputs({"vpc_id": self.vpc_id})
