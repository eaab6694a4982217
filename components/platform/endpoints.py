"""Endpoints of AWS's services in a VPC, by which its tasks reach them with private addresses alone.

Functions that make a component's children; they are `Network`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import pulumi
import pulumi_aws as aws

from components.iam.policies import Statement, document
from components.scope import Scope

OF_EVERY_TASK = ("ecr.api", "ecr.dkr", "logs", "s3")
"""What Fargate itself reaches from a task's place since platform version 1.4.0 (ECR, Considerations for Amazon ECR VPC
endpoints: both of ECR's, and S3's gateway, where the layers of images are; ECS, interface VPC endpoints: the logs)."""
GATEWAYS = ("dynamodb", "s3")
"""Services whose endpoint is a route, and costs nothing."""
PULL = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
ACTIONS = {
    "ecr.api": PULL,
    "ecr.dkr": PULL,
    "ssmmessages": [f"ssmmessages:{act}{kind}Channel" for act in ("Create", "Open") for kind in ("Control", "Data")],
}
"""Service → what only Fargate and its agents ask of it. An app may ask the others for what its role allows."""


class EndpointsArgs(TypedDict):
    """Which endpoints there are."""

    scope: Scope
    services: Sequence[str]
    """By what follows `com.amazonaws.REGION.` in the endpoint's name."""
    cidr: str
    """The addresses of who connects to them: the VPC's."""


def make_endpoints(
    name: str,
    args: EndpointsArgs,
    vpc_id: pulumi.Input[str],
    subnet_ids: pulumi.Input[Sequence[str]],
    route_table_ids: pulumi.Input[Sequence[str]],
    parent: pulumi.Resource,
) -> list[aws.ec2.VpcEndpoint]:
    """An endpoint for each service, and a security group for all that have addresses.

    Args:
        name: what the children's names start with.
        args: which.
        vpc_id: their VPC, in which the services' own names lead to them.
        subnet_ids: where they stand, one subnet in a zone.
        route_table_ids: which routes lead to a gateway.
        parent: of the children.
    """
    child = pulumi.ResourceOptions(parent=parent)
    group = aws.ec2.SecurityGroup(f"{name}-sg", description="Endpoints of services of AWS", vpc_id=vpc_id, opts=child)
    aws.vpc.SecurityGroupIngressRule(
        f"{name}-in",
        security_group_id=group.id,
        description=f"HTTPS from {args['cidr']}",
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        cidr_ipv4=args["cidr"],
        opts=child,
    )
    made = []
    for service in args["services"]:
        gateway = service in GATEWAYS
        kind = "Gateway" if gateway else "Interface"
        found = aws.ec2.get_vpc_endpoint_service(service=service, service_type=kind)
        made.append(
            aws.ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=vpc_id,
                service_name=found.service_name,
                vpc_endpoint_type=kind,
                subnet_ids=None if gateway else subnet_ids,
                security_group_ids=None if gateway else [group.id],
                private_dns_enabled=None if gateway else True,
                route_table_ids=route_table_ids if gateway else None,
                policy=(
                    pulumi.Output.json_dumps(document(endpoint_policy(service, args["scope"])))
                    if found.vpc_endpoint_policy_supported
                    else None
                ),
                opts=child,
            )
        )
    return made


def endpoint_policy(service: str, scope: Scope) -> list[Statement]:
    """What passes an endpoint. It grants nothing: it keeps the credentials of other accounts out, which an attacker
    would bring along (https://github.com/aws-samples/data-perimeter-policy-examples, the default endpoint policy).

    The layers of ECR's images are fetched with addresses that an account of ECR's has signed (the same, Creation of
    containers with Amazon ECR images; ECR, Minimum Amazon S3 bucket permissions for Amazon ECR).
    """
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}}
    own_account = {
        **anybody,
        "Sid": "OwnAccount",
        "Action": ACTIONS.get(service, "*"),
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": scope.account}},
    }
    if service != "s3":
        return [own_account]
    layers = f"arn:{scope.partition}:s3:::prod-{scope.region}-starport-layer-bucket/*"
    return [own_account, {**anybody, "Sid": "ImageLayers", "Action": "s3:GetObject", "Resource": layers}]
