"""How requests reach a service: target groups, listener rules and security group rules.

Functions that make a component's children; they are `EcsService`'s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NotRequired, Self, TypedDict

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components import types
from components.model import Model
from components.service.route_names import Route, route_names
from components.service.task import Task
from components.service.task_template import TaskTemplate

SECONDS_TO_FINISH_REQUESTS = 30
"""Of a task that leaves, by default. AWS's own 300 are waited for at the end of every deployment in which a task has an
open connection (ELB, deregistration delay); a page view takes none of them, and `drain` is for what takes longer."""
ANY_PORT = 80
"""A target group needs a port, which cannot change, and ECS registers each task with its own."""


class HealthCheck(Model):
    """How the load balancer checks whether a task is healthy."""

    path: types.Path = "/"
    """The path to request. With protocol grpc it is a method, `/package.Service/Method`."""
    matcher: types.HealthyCodes | None = None
    """Codes that mean healthy: for HTTP `200`, `200,302` or `200-299`; for gRPC `0` or `0,12`. The default is 200,
    or 0."""
    interval: Annotated[int, Field(ge=5, le=300)] = 10
    """Seconds between two requests. A new task gets traffic after `interval` to `interval` times `healthy`, which is
    10 to 20 seconds. With AWS's defaults of 30 and 5 each wave of a deployment would take up to 150."""
    timeout: Annotated[int, Field(ge=2, le=120)] = 5
    """Seconds to wait for an answer; less than the interval."""
    healthy: Annotated[int, Field(ge=2, le=10)] = 2
    """How many good answers in a row make a task healthy."""
    unhealthy: Annotated[int, Field(ge=2, le=10)] = 3
    """How many bad answers in a row make it unhealthy."""
    grace: Annotated[int, Field(ge=0, le=3600)] = 60
    """Seconds after a task's start in which bad answers do not count. It does not delay healthy tasks; it only
    delays giving up on a task that never answers."""

    @model_validator(mode="after")
    def _answers_before_the_next(self) -> Self:
        if self.timeout >= self.interval:
            raise ValueError(f"timeout {self.timeout} must be less than interval {self.interval}")
        return self


Protocol = Literal["http1", "http2", "grpc"]
"""What the load balancer speaks with the tasks (ELB, TargetGroup: ProtocolVersion)."""
METHOD = re.compile(r"/[\w.]+/\w+")
"""A method of gRPC's as a path (ELB, health checks of target groups: gRPC)."""


def protocol_problem(protocol: Protocol, check: HealthCheck) -> str | None:
    """Why a health check is none of a protocol's; None when it is."""
    of_grpc = check.matcher is not None and re.fullmatch(r"\d{1,2}([-,]\d{1,2})*", check.matcher) is not None
    if protocol == "grpc":
        if METHOD.fullmatch(check.path) is None:
            return (
                f"health_check.path {check.path} must be a method with protocol grpc, such as "
                "/grpc.health.v1.Health/Check"
            )
        if check.matcher is not None and not of_grpc:
            return f"health_check.matcher {check.matcher} has codes of HTTP; with protocol grpc use gRPC's, 0 to 99"
    elif of_grpc:
        return (
            f"health_check.matcher {check.matcher} has codes of gRPC; with protocol {protocol} use HTTP's, 200 to 499"
        )
    return None


class Stickiness(Model):
    """A browser's requests go to the task that answered its first one, as long as that task runs, by the load
    balancer's cookie `AWSALB`. A deployment still replaces tasks, so no data may exist in one task only.

    Not with a strategy that shifts the traffic between two target groups.
    """

    seconds: Annotated[int, Field(ge=1, le=604800)] = 86400
    """Seconds after the last request, at most a week (ELB, Sticky sessions)."""


NOT_STICKY = (
    "whose rule has two target groups: ELB would make the whole rule sticky, which sends browsers to old tasks after "
    "they are gone"
)
"""`InvalidConfigurationRequest: … You must enable group stickiness before enabling target stickiness`
(kubernetes-sigs/aws-load-balancer-controller#2734); with it 503s until the cookie ends
(https://repost.aws/questions/QUugYm4uzWSI2af5mnmMjlZQ)."""


class ShiftArgs(TypedDict):
    """Two target groups for each route, that deployments shift the traffic between."""

    by_code_deploy: bool
    """Whether it is CodeDeploy that shifts it, and not ECS."""
    shifting: bool
    """Whether it has the service already: the weights are its own then."""
    test_listener_arn: NotRequired[pulumi.Input[str]]
    """Where the new tasks are shown before the traffic shifts."""


class RoutingArgs(TypedDict):
    """How requests reach a service."""

    routes: Sequence[Route]
    health_check: HealthCheck
    protocol: NotRequired[Protocol]
    """HTTP/1.1 without it."""
    drain: NotRequired[int]
    """Seconds; SECONDS_TO_FINISH_REQUESTS without it."""
    stickiness: NotRequired[Stickiness | None]
    listener_arn: pulumi.Input[str]
    balancer_security_group_id: pulumi.Input[str]
    rule_hooks: NotRequired[pulumi.ResourceHookBinding | None]
    """What makes room for a rule whose priority another one has."""
    shift: NotRequired[ShiftArgs]
    """Without it a route has one target group."""


def listening_container(template: TaskTemplate, task: Task, user: str) -> tuple[str, int]:
    """The container that the load balancer reaches, and where it listens.

    Args:
        template: whose containers there are.
        task: which port it is.
        user: what needs one, for the error.

    Raises:
        ValueError: there is none.
    """
    container = template.port_container()
    if task.port is None or container is None:
        raise ValueError(f"{user} needs a container that listens on a port")
    return container, task.port


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
class RoutedTraffic:
    """The resources by which a route's requests reach a service.

    Attributes:
        group: the target group that tasks are in at first.
        rule: the listener rule that forwards to it.
        other: the target group that traffic shifts to, where it does.
        test_rule: that of the test listener, where there is one.
    """

    group: aws.lb.TargetGroup
    rule: aws.lb.ListenerRule
    other: aws.lb.TargetGroup | None = None
    test_rule: aws.lb.ListenerRule | None = None


@dataclass(frozen=True)
class Routing:
    """The resources by which requests reach a service.

    Attributes:
        routes: those of each route, in their order.
        load_balancers: the service's side of it.
    """

    routes: Sequence[RoutedTraffic]
    load_balancers: Sequence[aws.ecs.ServiceLoadBalancerArgsDict]

    @property
    def rules(self) -> list[aws.lb.ListenerRule]:
        """The listener rules, without which ECS takes no target group."""
        return [rule for route in self.routes for rule in (route.rule, route.test_rule) if rule is not None]

    @property
    def target_groups(self) -> list[aws.lb.TargetGroup]:
        """One a route; where traffic shifts, the other one follows it."""
        return [group for route in self.routes for group in (route.group, route.other) if group is not None]


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
    """A target group and a listener rule for each route; where traffic shifts, a second group and a test rule.

    Raises:
        ValueError: it is to be sticky, and shifts.
    """
    if "shift" in args and args.get("stickiness") is not None:
        raise ValueError(f"{target.name}: stickiness is not for a service {NOT_STICKY}")
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
    routed: list[RoutedTraffic] = []
    load_balancers: list[aws.ecs.ServiceLoadBalancerArgsDict] = []
    shift, hooks = args.get("shift"), args.get("rule_hooks")
    keeps_weights = ["actions"] if shift is not None and shift["shifting"] else None
    names = route_names(target.name, args["routes"], blue_green=shift is not None and shift["by_code_deploy"])
    for route, called in zip(args["routes"], names, strict=True):
        name = called.name
        group = _target_group(name, target, args, _options(parent, called.former))
        load_balancers.append(
            {"target_group_arn": group.arn, "container_name": target.container, "container_port": target.port}
        )
        other = test_rule = None
        if shift is not None:
            other = _target_group(called.other, target, args, _options(parent, called.other_former))
        forward = [each for each in (group, other) if each is not None]
        of_rule = _options(parent, [f"{former}-rule" for former in called.former], hooks, keeps_weights)
        rule = _listener_rule(f"{name}-rule", route, args["listener_arn"], forward, of_rule)
        if shift is not None and "test_listener_arn" in shift:
            of_rule = _options(parent, hooks=hooks, ignore_changes=keeps_weights)
            test_rule = _listener_rule(f"{name}-test-rule", route, shift["test_listener_arn"], forward, of_rule)
        routed.append(RoutedTraffic(group, rule, other, test_rule))
    return Routing(routed, load_balancers)


def _options(
    parent: pulumi.Resource,
    former: Sequence[str] = (),
    hooks: pulumi.ResourceHookBinding | None = None,
    ignore_changes: list[str] | None = None,
) -> pulumi.ResourceOptions:
    aliases = [pulumi.Alias(name=name) for name in former]
    return pulumi.ResourceOptions(parent=parent, aliases=aliases, hooks=hooks, ignore_changes=ignore_changes)


def _target_group(
    name: str, target: ContainerTarget, args: RoutingArgs, opts: pulumi.ResourceOptions
) -> aws.lb.TargetGroup:
    """That it is not sticky is sent too: the provider keeps what it is not told of (`stickiness` is computed)."""
    check, sticky, protocol = args["health_check"], args.get("stickiness"), args.get("protocol", "http1")
    return aws.lb.TargetGroup(
        name,  # autonamed: a replacement is up before the old one goes
        vpc_id=target.vpc_id,
        target_type="ip",
        protocol="HTTP",
        protocol_version=None if protocol == "http1" else protocol.upper(),
        port=ANY_PORT,
        deregistration_delay=args.get("drain", SECONDS_TO_FINISH_REQUESTS),
        health_check={
            "path": check.path,
            "matcher": check.matcher or ("0" if protocol == "grpc" else "200"),
            "interval": check.interval,
            "timeout": check.timeout,
            "healthy_threshold": check.healthy,
            "unhealthy_threshold": check.unhealthy,
        },
        stickiness={
            "type": "lb_cookie",
            "enabled": sticky is not None,
            "cookie_duration": (sticky or Stickiness()).seconds,
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
