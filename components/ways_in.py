"""How requests reach a service: target groups, listener rules, security group rules and DNS records.

Functions that make a component's children; they are `EcsService`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

SECONDS_TO_FINISH_REQUESTS = 30


class HealthCheckArgs(TypedDict):
    """How a target group asks for health; times in seconds."""

    path: str
    matcher: str
    interval: int
    timeout: int
    healthy_threshold: int
    unhealthy_threshold: int
    grace_period: int


class RouteArgs(TypedDict):
    """One target group and its listener rule."""

    host: str
    paths: Sequence[str]
    priority: int


class WaysInArgs(TypedDict):
    """How requests reach a service."""

    routes: Sequence[RouteArgs]
    health_check: HealthCheckArgs
    listener_arn: pulumi.Input[str]
    balancer_security_group_id: pulumi.Input[str]
    balancer_dns_name: pulumi.Input[str]
    balancer_zone_id: pulumi.Input[str]
    records_zone_id: NotRequired[pulumi.Input[str]]
    """Where alias records for the hosts are made; none without it."""


@dataclass(frozen=True)
class Listening:
    """What listens in a service's tasks.

    Attributes:
        name: what the children's names start with.
        service: the service's name in the stack file.
        container: the container that listens.
        port: where.
        vpc_id: the tasks' VPC.
        group: the tasks' security group.
    """

    name: str
    service: str
    container: str
    port: int
    vpc_id: pulumi.Input[str]
    group: aws.ec2.SecurityGroup


@dataclass(frozen=True)
class WaysIn:
    """What was made.

    Attributes:
        rules: the listener rules, without which ECS takes no target group.
        load_balancers: the service's side of it.
    """

    rules: Sequence[pulumi.Resource]
    load_balancers: Sequence[aws.ecs.ServiceLoadBalancerArgsDict]


def task_security_group(
    name: str, service: str, vpc_id: pulumi.Input[str], parent: pulumi.Resource
) -> aws.ec2.SecurityGroup:
    """A security group for a service's tasks; nothing comes in."""
    child = pulumi.ResourceOptions(parent=parent)
    group = aws.ec2.SecurityGroup(f"{name}-sg", description=f"Tasks of {service}", vpc_id=vpc_id, opts=child)
    aws.vpc.SecurityGroupEgressRule(
        f"{name}-out",
        security_group_id=group.id,
        description="Out to anywhere: AWS's APIs have no fixed addresses, and what the app calls is its own matter",
        ip_protocol="-1",
        cidr_ipv4="0.0.0.0/0",
        opts=child,
    )
    return group


def ways_in(service: Listening, args: WaysInArgs, parent: pulumi.Resource) -> WaysIn:
    """A target group, a listener rule and a record for each route."""
    _let_in(service, args, parent)
    rules: list[pulumi.Resource] = []
    load_balancers: list[aws.ecs.ServiceLoadBalancerArgsDict] = []
    for route in args["routes"]:
        group = _target_group(service, route, args["health_check"], parent)
        rules.append(_listener_rule(service, route, args["listener_arn"], group, parent))
        load_balancers.append(
            {"target_group_arn": group.arn, "container_name": service.container, "container_port": service.port}
        )
    for host in sorted({route["host"] for route in args["routes"]} if "records_zone_id" in args else ()):
        _record(service, host, args, parent)
    return WaysIn(rules, load_balancers)


def _let_in(service: Listening, args: WaysInArgs, parent: pulumi.Resource) -> None:
    child = pulumi.ResourceOptions(parent=parent)
    aws.vpc.SecurityGroupIngressRule(
        f"{service.name}-in",
        security_group_id=service.group.id,
        referenced_security_group_id=args["balancer_security_group_id"],
        description="From the load balancer",
        ip_protocol="tcp",
        from_port=service.port,
        to_port=service.port,
        opts=child,
    )
    aws.vpc.SecurityGroupEgressRule(
        f"{service.name}-balancer-out",
        security_group_id=args["balancer_security_group_id"],
        referenced_security_group_id=service.group.id,
        description=f"To {service.service}",
        ip_protocol="tcp",
        from_port=service.port,
        to_port=service.port,
        opts=child,
    )


def _target_group(
    service: Listening, route: RouteArgs, check: HealthCheckArgs, parent: pulumi.Resource
) -> aws.lb.TargetGroup:
    return aws.lb.TargetGroup(
        f"{service.name}-{route['priority']}",  # autonamed: a replacement is up before the old one goes
        vpc_id=service.vpc_id,
        target_type="ip",
        protocol="HTTP",
        port=service.port,
        deregistration_delay=SECONDS_TO_FINISH_REQUESTS,
        health_check={
            "path": check["path"],
            "matcher": check["matcher"],
            "interval": check["interval"],
            "timeout": check["timeout"],
            "healthy_threshold": check["healthy_threshold"],
            "unhealthy_threshold": check["unhealthy_threshold"],
        },
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _listener_rule(
    service: Listening,
    route: RouteArgs,
    listener_arn: pulumi.Input[str],
    group: aws.lb.TargetGroup,
    parent: pulumi.Resource,
) -> aws.lb.ListenerRule:
    conditions: list[aws.lb.ListenerRuleConditionArgsDict] = [{"host_header": {"values": [route["host"]]}}]
    if route["paths"]:
        conditions.append({"path_pattern": {"values": list(route["paths"])}})
    return aws.lb.ListenerRule(
        f"{service.name}-{route['priority']}-rule",
        listener_arn=listener_arn,
        priority=route["priority"],
        conditions=conditions,
        actions=[{"type": "forward", "forward": {"target_groups": [{"arn": group.arn, "weight": 1}]}}],
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _record(service: Listening, host: str, args: WaysInArgs, parent: pulumi.Resource) -> None:
    aws.route53.Record(
        f"{service.name}-{host}",
        zone_id=args["records_zone_id"],
        name=host,
        type="A",
        aliases=[
            {
                "name": args["balancer_dns_name"],
                "zone_id": args["balancer_zone_id"],
                "evaluate_target_health": True,
            }
        ],
        opts=pulumi.ResourceOptions(parent=parent),
    )
