"""The rules of load balancers' listeners, in DescribeRules' shapes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


def listeners(elbv2: Any, balancers: Sequence[str]) -> Iterator[tuple[Json, list[Json]]]:
    """The listeners of load balancers, each with its rules.

    Args:
        elbv2: Elastic Load Balancing's client.
        balancers: their ARNs.
    """
    for balancer in balancers:
        for page in elbv2.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer):
            for listener in page["Listeners"]:
                rules = elbv2.get_paginator("describe_rules").paginate(ListenerArn=listener["ListenerArn"])
                yield listener, [rule for of_page in rules for rule in of_page["Rules"]]


def hosts(rule: Json) -> list[str]:
    """The hosts that a rule is for."""
    return values(rule, "host-header", "HostHeaderConfig")


def values(rule: Json, field: str, config: str) -> list[str]:
    """The values of a rule's condition, in either of the two forms that it may have (ELB API, RuleCondition)."""
    for condition in rule.get("Conditions", []):
        if condition["Field"] == field:
            return list(condition.get(config, {}).get("Values") or condition.get("Values") or [])
    return []
