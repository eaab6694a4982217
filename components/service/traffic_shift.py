"""What ECS shifts a service's traffic with: its role, and what it is told of target groups and listener rules.

Functions that make a component's children; they are `EcsService`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pulumi
import pulumi_aws as aws

from components.iam import delivery_policies
from components.iam.roles import service_role
from components.scope import Scope
from components.service.routing import Routing


def shift_role(
    name: str, scope: Scope, routing: Routing, hook_arns: Sequence[str], parent: pulumi.Resource
) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
    """The role that ECS registers targets, moves weights and calls hooks with (ECS, infrastructure IAM role for load
    balancers).

    Args:
        name: the service's name.
        scope: the stack.
        routing: its target groups and rules.
        hook_arns: the functions that ECS calls.
        parent: the component.
    """
    return service_role(
        f"{name}-shift",
        f"{scope.name(name)}-shift",
        "ecs",
        delivery_policies.shift_by_ecs(
            group_arns=[group.arn for group in routing.target_groups],
            rule_arns=[rule.arn for rule in routing.rules],
            hook_arns=hook_arns,
        ),
        scope,
        pulumi.ResourceOptions(parent=parent),
    )


def with_shift(routing: Routing, role_arn: pulumi.Input[str]) -> Routing:
    """The routing whose traffic ECS shifts: each route has its second target group and its rules."""
    load_balancers: list[aws.ecs.ServiceLoadBalancerArgsDict] = []
    for route, balancer in zip(routing.routes, routing.load_balancers, strict=True):
        if route.other is None:
            raise ValueError("traffic shifts between two target groups")
        advanced: aws.ecs.ServiceLoadBalancerAdvancedConfigurationArgsDict = {
            "alternate_target_group_arn": route.other.arn,
            "production_listener_rule": route.rule.arn,
            "role_arn": role_arn,
        }
        if route.test_rule is not None:
            advanced["test_listener_rule"] = route.test_rule.arn
        load_balancers.append({**balancer, "advanced_configuration": advanced})
    return replace(routing, load_balancers=load_balancers)
