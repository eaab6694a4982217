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
    _allow_load_balancer(target, args, parent)
    rules: list[aws.lb.ListenerRule] = []
    groups: list[aws.lb.TargetGroup] = []
    load_balancers: list[aws.ecs.ServiceLoadBalancerArgsDict] = []
    names = route_names(target.name, args["routes"], blue_green="blue_green" in args)
    for route, called in zip(args["routes"], names, strict=True):
        name = called.name
        group = _target_group(name, target, args["health_check"], _options(parent, called.former))
        load_balancers.append(
            {"target_group_arn": group.arn, "container_name": target.container, "container_port": target.port}
        )
        groups.append(group)
        forward: _Forward = {"groups": [group], "shifting": False}
        if "blue_green" in args:
            other = _target_group(f"{target.name}{OTHER_GROUP}", target, args["health_check"], _options(parent))
            groups.append(other)
            forward = {"groups": groups, "shifting": args["blue_green"]["shifting"]}
        of_rule = _options(parent, [f"{former}-rule" for former in called.former], args.get("rule_hooks"))
        rules.append(_listener_rule(f"{name}-rule", route, args["listener_arn"], forward, of_rule))
        if "test_listener_arn" in args.get("blue_green", {}):
            listener_arn = args["blue_green"]["test_listener_arn"]
            of_rule = _options(parent, hooks=args.get("rule_hooks"))
            rules.append(_listener_rule(f"{name}-test-rule", route, listener_arn, forward, of_rule))
    return Routing(rules, groups, load_balancers)


def _options(
    parent: pulumi.Resource, former: Sequence[str] = (), hooks: pulumi.ResourceHookBinding | None = None
) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(parent=parent, aliases=[pulumi.Alias(name=name) for name in former], hooks=hooks)


def _allow_load_balancer(target: ContainerTarget, args: RoutingArgs, parent: pulumi.Resource) -> None:
    """On every port: when `task.port` is edited, the tasks of before serve on theirs until the new ones do."""
    child = pulumi.ResourceOptions(parent=parent)
    aws.vpc.SecurityGroupIngressRule(
        f"{target.name}-in",
        security_group_id=target.group.id,
        referenced_security_group_id=args["balancer_security_group_id"],
        description="From the load balancer",
        ip_protocol="tcp",
        from_port=1,
        to_port=65535,
        opts=child,
    )


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


class _Forward(TypedDict):
    groups: Sequence[aws.lb.TargetGroup]
    shifting: bool


def _listener_rule(
    name: str, route: Route, listener_arn: pulumi.Input[str], forward: _Forward, opts: pulumi.ResourceOptions
) -> aws.lb.ListenerRule:
    """All traffic goes to the first group; whose weights shift keeps its own."""
    conditions: list[aws.lb.ListenerRuleConditionArgsDict] = [{"host_header": {"values": [route.host]}}]
    if route.paths:
        conditions.append({"path_pattern": {"values": list(route.paths)}})
    first, *others = forward["groups"]
    weighted: list[aws.lb.ListenerRuleActionForwardTargetGroupArgsDict] = [{"arn": first.arn, "weight": 1}]
    weighted += [{"arn": other.arn, "weight": 0} for other in others]
    return aws.lb.ListenerRule(
        name,
        listener_arn=listener_arn,
        priority=route.priority,
        conditions=conditions,
        actions=[{"type": "forward", "forward": {"target_groups": weighted}}],
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(ignore_changes=["actions"] if forward["shifting"] else None)
        ),
    )
