"""A DNS zone that answers within a VPC alone."""

from __future__ import annotations

from typing import TypedDict

import pulumi
import pulumi_aws as aws


class PrivateZoneArgs(TypedDict):
    """Inputs of `PrivateZone`."""

    zone: str
    """The zone's name. In the VPC nothing else, not even a public zone, resolves that name and the names below it."""
    vpc_id: pulumi.Input[str]
    """The VPC whose resolver uses the zone."""


class PrivateZone(pulumi.ComponentResource):
    """A private zone of Route 53; others may associate it with more VPCs.

    Produces: one `aws.route53.Zone`.
    """

    zone_id: pulumi.Output[str]
    """The zone in which records are created."""

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
