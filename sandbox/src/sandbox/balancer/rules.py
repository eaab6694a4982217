"""Which target group a request goes to: a listener's rules, in DescribeRules' shapes.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


class NotSimulated(Exception):
    """A rule that this sandbox cannot evaluate."""


def decide(rules: Sequence[Json], host: str, path: str) -> Json:
    """The last action of the rule that fits first; the default rule fits always.

    Raises:
        NotSimulated: a rule has a condition of another kind than host-header and path-pattern.
    """
    in_order = sorted(rules, key=lambda rule: (rule["IsDefault"], 0 if rule["IsDefault"] else int(rule["Priority"])))
    rule = next(rule for rule in in_order if all(_fits(c, host, path) for c in rule.get("Conditions", [])))
    action: Json = max(rule["Actions"], key=lambda action: int(action.get("Order") or 0))
    return action


def whole_host(rules: Sequence[Json], label: str) -> str:
    """The host of a rule, of two the first one's, that begins with a label; what is no label of one stays as it is."""
    for rule in sorted((rule for rule in rules if not rule["IsDefault"]), key=lambda rule: int(rule["Priority"])):
        conditions = (each for each in rule.get("Conditions", []) if each["Field"] == "host-header")
        for host in (host for condition in conditions for host in values(condition, "HostHeaderConfig")):
            if host.partition(".")[0] == label:
                return host
    return label


def labels(rules: Sequence[Json]) -> dict[str, str]:
    """Host → its first label, of those hosts of rules to which that alone leads."""
    conditions = [each for rule in rules for each in rule.get("Conditions", []) if each["Field"] == "host-header"]
    hosts = [host for condition in conditions for host in values(condition, "HostHeaderConfig")]
    first = {host: host.partition(".")[0] for host in hosts}
    return {host: label for host, label in first.items() if "*" not in host and whole_host(rules, label) == host}


def _fits(condition: Json, host: str, path: str) -> bool:
    field = condition["Field"]
    if field == "host-header":
        return any(fits(pattern, host.lower()) for pattern in values(condition, "HostHeaderConfig"))
    if field == "path-pattern":
        return any(fits(pattern, path) for pattern in values(condition, "PathPatternConfig"))
    raise NotSimulated(f"the sandbox's load balancer does not judge conditions of {field}")


def values(condition: Json, config: str) -> list[str]:
    """A condition's patterns, in either of the two places where the API has them."""
    return list((condition.get(config) or {}).get("Values") or condition.get("Values") or [])


def fits(pattern: str, text: str) -> bool:
    """`*` is any text, `?` any character."""
    expression = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(expression, text) is not None


def target_group(action: Json, lot: float) -> str | None:
    """The group that a forward action chooses by its weights.

    Args:
        action: the action.
        lot: 0 to 1, drawn for the request.
    """
    config = action.get("ForwardConfig")
    if not config:
        return str(action["TargetGroupArn"])
    groups = [(str(each["TargetGroupArn"]), int(each.get("Weight", 1))) for each in config["TargetGroups"]]
    remaining = lot * sum(weight for _, weight in groups)
    for arn, weight in groups:
        if weight and remaining < weight:
            return arn
        remaining -= weight
    return None
