"""How requests reach a service: target groups, listener rules and security group rules.

Functions that make a component's children; they are `EcsService`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NotRequired, Self, TypedDict

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components import types
from components.model import Model
from components.service.route_names import OTHER_GROUP, Route, route_names

SECONDS_TO_FINISH_REQUESTS = 30
ANY_PORT = 80
"""A target group needs a port, which cannot change, and ECS registers each task with its own."""


class HealthCheck(Model):
    """How the load balancer asks whether a task is healthy."""

    path: types.Path = "/"
    matcher: types.HttpCodes = "200"
    """HTTP codes that mean healthy: `200`, `200,302`, `200-299`."""
    interval: Annotated[int, Field(ge=5, le=300)] = 10
    """Seconds between two requests."""
    timeout: Annotated[int, Field(ge=2, le=120)] = 5
    """Seconds to wait for an answer; less than the interval."""
    healthy: Annotated[int, Field(ge=2, le=10)] = 2
    """Good answers in a row that make a task healthy."""
    unhealthy: Annotated[int, Field(ge=2, le=10)] = 3
    """Bad answers in a row that make it unhealthy."""
    grace: Annotated[int, Field(ge=0, le=3600)] = 60
    """Seconds after a task's start in which bad answers do not count."""

    @model_validator(mode="after")
    def _answers_before_the_next(self) -> Self:
        if self.timeout >= self.interval:
            raise ValueError(f"timeout {self.timeout} must be less than interval {self.interval}")
        return self


class BlueGreenArgs(TypedDict):
    """Two target groups that CodeDeploy shifts traffic between."""

    shifting: bool
    """Whether CodeDeploy has the service already: the weights are its own then."""
    test_listener_arn: NotRequired[pulumi.Input[str]]
    """Where the new tasks are shown before the traffic shifts."""


class RoutingArgs(TypedDict):
    """How requests reach a service."""

    routes: Sequence[Route]
    health_check: HealthCheck
    listener_arn: pulumi.Input[str]
    balancer_security_group_id: pulumi.Input[str]
    rule_hooks: NotRequired[pulumi.ResourceHookBinding | None]
    """What makes room for a rule whose priority another one has."""
    blue_green: NotRequired[BlueGreenArgs]
    """For a service of CodeDeploy's, which has one route."""


@dataclass(frozen=True)
class ContainerTarget:
    """The container that a service's requests are sent to.

    Attributes:
        name: what the children's names start with.
        container: the container's name.
        port: where it listens.
        vpc_id: the tasks' VPC.
        group: the tasks' security group.
    """

    name: str
    container: str
    port: int
    vpc_id: pulumi.Input[str]
    group: aws.ec2.SecurityGroup


@dataclass(frozen=True)
class Routing:
    """The resources by which requests reach a service.

    Attributes:
        rules: the listener rules, without which ECS takes no target group.
        target_groups: one a route; with CodeDeploy the other one follows.
        load_balancers: the service's side of it.
    """

    rules: Sequence[aws.lb.ListenerRule]
    target_groups: Sequence[aws.lb.TargetGroup]
    load_balancers: Sequence[aws.ecs.ServiceLoadBalancerArgsDict]


def task_security_group(name: str, vpc_id: pulumi.Input[str], parent: pulumi.Resource) -> aws.ec2.SecurityGroup:
    """A security group for the tasks of the service of this name; nothing comes in."""
    child = pulumi.ResourceOptions(parent=parent)
    group = aws.ec2.SecurityGroup(f"{name}-sg", description=f"Tasks of {name}", vpc_id=vpc_id, opts=child)
    aws.vpc.SecurityGroupEgressRule(
        f"{name}-out",
        security_group_id=group.id,
        description="Out to anywhere: the APIs of AWS have no fixed addresses, and what else the app calls is its own",
        ip_protocol="-1",
        cidr_ipv4="0.0.0.0/0",
        opts=child,
    )
    return group


def route_requests(target: ContainerTarget, args: RoutingArgs, parent: pulumi.Resource) -> Routing:
    """A target group and a listener rule for each route; with CodeDeploy a second group and a test rule."""
    # On every port: when `task.port` is edited, the tasks of before serve on theirs until the new ones do.
    aws.vpc.SecurityGroupIngressRule(
        f"{target.name}-in",
        security_group_id=target.group.id,
        referenced_security_group_id=args["balancer_security_group_id"],
        description="From the load balancer",
        ip_protocol="tcp",
        from_port=1,
        to_port=65535,
        opts=_options(parent),
    )
    rules: list[aws.lb.ListenerRule] = []
    groups: list[aws.lb.TargetGroup] = []
    load_balancers: list[aws.ecs.ServiceLoadBalancerArgsDict] = []
    blue_green, hooks = args.get("blue_green"), args.get("rule_hooks")
    keeps_weights = ["actions"] if blue_green is not None and blue_green["shifting"] else None
    names = route_names(target.name, args["routes"], blue_green=blue_green is not None)
    for route, called in zip(args["routes"], names, strict=True):
        name = called.name
        group = _target_group(name, target, args["health_check"], _options(parent, called.former))
        load_balancers.append(
            {"target_group_arn": group.arn, "container_name": target.container, "container_port": target.port}
        )
        forward = [group]
        if blue_green is not None:
            forward.append(_target_group(f"{target.name}{OTHER_GROUP}", target, args["health_check"], _options(parent)))
        groups += forward
        of_rule = _options(parent, [f"{former}-rule" for former in called.former], hooks, keeps_weights)
        rules.append(_listener_rule(f"{name}-rule", route, args["listener_arn"], forward, of_rule))
        if blue_green is not None and "test_listener_arn" in blue_green:
            of_rule = _options(parent, hooks=hooks, ignore_changes=keeps_weights)
            rules.append(_listener_rule(f"{name}-test-rule", route, blue_green["test_listener_arn"], forward, of_rule))
    return Routing(rules, groups, load_balancers)


def _options(
    parent: pulumi.Resource,
    former: Sequence[str] = (),
    hooks: pulumi.ResourceHookBinding | None = None,
    ignore_changes: list[str] | None = None,
) -> pulumi.ResourceOptions:
    aliases = [pulumi.Alias(name=name) for name in former]
    return pulumi.ResourceOptions(parent=parent, aliases=aliases, hooks=hooks, ignore_changes=ignore_changes)


def _target_group(
    name: str, target: ContainerTarget, check: HealthCheck, opts: pulumi.ResourceOptions
) -> aws.lb.TargetGroup:
    return aws.lb.TargetGroup(
        name,  # autonamed: a replacement is up before the old one goes
        vpc_id=target.vpc_id,
        target_type="ip",
        protocol="HTTP",
        port=ANY_PORT,
        deregistration_delay=SECONDS_TO_FINISH_REQUESTS,
        health_check={
            "path": check.path,
            "matcher": check.matcher,
            "interval": check.interval,
            "timeout": check.timeout,
            "healthy_threshold": check.healthy,
            "unhealthy_threshold": check.unhealthy,
        },
        opts=opts,
    )


def _listener_rule(
    name: str,
    route: Route,
    listener_arn: pulumi.Input[str],
    groups: Sequence[aws.lb.TargetGroup],
    opts: pulumi.ResourceOptions,
) -> aws.lb.ListenerRule:
    """All traffic goes to the first group."""
    conditions: list[aws.lb.ListenerRuleConditionArgsDict] = [{"host_header": {"values": [route.host]}}]
    if route.paths:
        conditions.append({"path_pattern": {"values": list(route.paths)}})
    weighted: list[aws.lb.ListenerRuleActionForwardTargetGroupArgsDict] = [
        {"arn": group.arn, "weight": 0 if number else 1} for number, group in enumerate(groups)
    ]
    return aws.lb.ListenerRule(
        name,
        listener_arn=listener_arn,
        priority=route.priority,
        conditions=conditions,
        actions=[{"type": "forward", "forward": {"target_groups": weighted}}],
        opts=opts,
    )
