"""Where a stack's services answer, by the rules of the load balancers' listeners: the state is not asked."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from delivery.command_line import Address
from delivery.services.listener_rules import Json, hosts, listeners, values
from releases.ecs import in_parts

MOST_GROUPS = 20
"""Target groups of one call: ELB documents no most of ARNs, but of the names of load balancers."""
DEFAULT_PORTS = {"https": 443, "http": 80}


def addresses(elbv2: Any, groups: Mapping[str, Sequence[str]], address: Address) -> dict[str, list[str]]:
    """Service → what opens it, the rule that is asked first before the others; none where no rule leads to it.

    Args:
        elbv2: Elastic Load Balancing's client.
        groups: service → the ARNs of the target groups that its tasks are in.
        address: what opens a port of a host.

    Returns:
        Empty where the credentials may not see the rules: a status is worth reading without them, too.
    """
    try:
        found = list(_listeners(elbv2, groups))
    except ClientError:
        return {}
    return {service: _of(found, frozenset(own), address) for service, own in groups.items()}


def _listeners(elbv2: Any, groups: Mapping[str, Sequence[str]]) -> Iterator[tuple[Json, list[Json]]]:
    """The listeners of all balancers that lead to any of the groups, with their rules."""
    arns = list(dict.fromkeys(arn for own in groups.values() for arn in own))
    described = [
        group
        for some in in_parts(arns, MOST_GROUPS)
        for group in elbv2.describe_target_groups(TargetGroupArns=list(some))["TargetGroups"]
    ]
    return listeners(elbv2, list(dict.fromkeys(arn for group in described for arn in group["LoadBalancerArns"])))


def _of(found: Sequence[tuple[Json, list[Json]]], groups: frozenset[str], address: Address) -> list[str]:
    """What opens a service: at its listener for everybody, which has a lower port than one for tests."""
    for listener, rules in sorted(found, key=lambda each: (each[0]["Protocol"] != "HTTPS", each[0]["Port"])):
        leading = [rule for rule in rules if groups & _forwards(rule)]
        if leading:
            protocol, port = listener["Protocol"].lower(), listener["Port"]
            urls = [
                _url(protocol, host, port, address) + path
                for rule in sorted(leading, key=_priority)
                for host in hosts(rule)
                for path in _paths(rule)
            ]
            return list(dict.fromkeys(urls))
    return []


def _url(protocol: str, host: str, port: int, address: Address) -> str:
    url = address(protocol, host, port)
    return url.removesuffix(f":{port}") if DEFAULT_PORTS.get(protocol) == port else url


def _forwards(rule: Json) -> set[str]:
    """The target groups that a rule sends to."""
    return {
        group["TargetGroupArn"]
        for action in rule["Actions"]
        for group in action.get("ForwardConfig", {}).get("TargetGroups", [])
    } | {action["TargetGroupArn"] for action in rule["Actions"] if action.get("TargetGroupArn")}


def _priority(rule: Json) -> int:
    return int(rule["Priority"]) if str(rule.get("Priority")).isdecimal() else 1_000_000  # `default` is the last


def _paths(rule: Json) -> list[str]:
    """The paths that a rule is for, up to a pattern's first wildcard."""
    patterns = values(rule, "path-pattern", "PathPatternConfig")
    return list(dict.fromkeys(pattern.partition("*")[0].partition("?")[0] for pattern in patterns)) or ["/"]
