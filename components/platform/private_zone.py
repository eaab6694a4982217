"""A DNS zone that answers within a VPC alone."""

from __future__ import annotations

from typing import TypedDict

import pulumi
import pulumi_aws as aws


class PrivateZoneArgs(TypedDict):
    """Inputs of `PrivateZone`."""

    zone: str
    """Its name. In the VPC nothing else answers for that name and what is below it, not even a public zone."""
    vpc_id: pulumi.Input[str]
    """Where it answers, through the resolver of the VPC."""


class PrivateZone(pulumi.ComponentResource):
    """A private zone of Route 53; others may let it answer in more VPCs.

    Produces: one `aws.route53.Zone`.
    """

    zone_id: pulumi.Output[str]
    """Where records are made."""

    def __init__(self, name: str, args: PrivateZoneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:PrivateZone", name, dict(args), opts)
        zone = aws.route53.Zone(
            f"{name}-zone",
            name=args["zone"],
            comment="The names of what is reached within the VPC",
            vpcs=[{"vpc_id": args["vpc_id"]}],
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["vpcs"]),
        )
        self.zone_id = zone.zone_id
        self.register_outputs({"zone_id": self.zone_id})
