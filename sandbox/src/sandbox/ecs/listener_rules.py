"""The listener rules of a service's load balancers, which ECS reads and rewrites as the service's infrastructure role.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb-resources-for-blue-green.html has what the rules need,
and troubleshooting-blue-green.html the words for what they lack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from botocore.exceptions import ClientError

from sandbox.account.errors import AwsError

if TYPE_CHECKING:
    from sandbox.account.account import Account

Json = dict[str, Any]
Kind = Literal["productionListenerRule", "testListenerRule"]
RULES: tuple[Kind, ...] = ("productionListenerRule", "testListenerRule")
SESSION = "ECSNetworkingWithELB"
MOST_WEIGHT = 999


class InvalidNetworking(Exception):
    """The rules, or what the role may do with them, do not let a deployment shift traffic."""


class NotShifted(Exception):
    """A rule could not be rewritten; the message is that of Elastic Load Balancing."""


class Traffic(Protocol):
    """The rules of load balancers, each an entry of a service's `loadBalancers`."""

    def serving(self, balancer: Json) -> str:
        """The target group of the two that gets the production traffic; raises InvalidNetworking."""

    def shift(self, balancer: Json, kind: Kind, shares: dict[str, float]) -> None:
        """Give target groups their shares in per cent; raises NotShifted. Nothing where there is no such rule."""


class ListenerRules:
    """The rules in an account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def serving(self, balancer: Json) -> str:
        advanced = balancer["advancedConfiguration"]
        elbv2 = self._client(advanced["roleArn"])
        arns = [advanced[kind] for kind in RULES if advanced.get(kind)]
        try:
            rules = elbv2.describe_rules(RuleArns=arns)["Rules"]
        except ClientError as error:
            if _denied(error):
                raise _missing(advanced["roleArn"]) from error
            raise InvalidNetworking(error.response["Error"]["Message"]) from error
        return serving({rule["RuleArn"]: rule["Actions"] for rule in rules}, balancer)

    def shift(self, balancer: Json, kind: Kind, shares: dict[str, float]) -> None:
        advanced = balancer["advancedConfiguration"]
        if not advanced.get(kind):
            return
        try:
            elbv2 = self._client(advanced["roleArn"])
            (rule,) = elbv2.describe_rules(RuleArns=[advanced[kind]])["Rules"]
            actions = shifted(rule["Actions"], shares)
            if rule["IsDefault"]:
                elbv2.modify_listener(ListenerArn=listener_arn(rule["RuleArn"]), DefaultActions=actions)
            else:
                elbv2.modify_rule(RuleArn=rule["RuleArn"], Actions=actions)
        except InvalidNetworking as error:
            raise NotShifted(str(error)) from error
        except ClientError as error:
            raise NotShifted(error.response["Error"]["Message"]) from error

    def _client(self, role: str) -> Any:
        try:
            return self._account.client("elbv2", self._account.assume(role, "ecs.amazonaws.com", SESSION))
        except AwsError as error:
            raise _missing(role) from error


def serving(rules: dict[str, list[Json]], balancer: Json) -> str:
    """The target group that gets the production traffic.

    Args:
        rules: the ARNs of the production and test rules → their actions.
        balancer: an entry of a service's `loadBalancers`.

    Raises:
        InvalidNetworking: a group is in neither rule, or the production rule serves from none of them or from several.
    """
    advanced, declared = balancer["advancedConfiguration"], balancer["targetGroupArn"]
    production, pair = advanced["productionListenerRule"], (declared, advanced["alternateTargetGroupArn"])
    groups = {arn: weights(actions) for arn, actions in rules.items()}
    for group in pair:
        if not any(group in weighted for weighted in groups.values()):
            raise InvalidNetworking(
                f"Target group {group} is not associated with either productionListenerRule or testListenerRule."
            )
    active = [group for group, weight in groups[production].items() if weight]
    for group in active:
        if group not in pair:
            raise InvalidNetworking(
                f"Production listener rule is forwarding traffic to unexpected target group {group}. Expected traffic"
                f" to be forwarded to either targetGroupArn: {pair[0]} or alternateTargetGroupArn: {pair[1]}"
            )
    if len(active) != 1:
        raise InvalidNetworking(
            f"productionListenerRule {production} should have exactly one target group serving traffic but found"
            f" {len(active)} target groups which are serving traffic"
        )
    return active[0]


def weights(actions: list[Json]) -> dict[str, int]:
    """The target groups of a rule's actions with their weights."""
    found: dict[str, int] = {}
    for action in actions:
        if action["Type"] != "forward":
            continue
        for each in action.get("ForwardConfig", {}).get("TargetGroups") or [action]:
            found[each["TargetGroupArn"]] = int(each.get("Weight", 1))
    return found


def shifted(actions: list[Json], shares: dict[str, float]) -> list[Json]:
    """A rule's actions with the shares, in per cent, as weights; what else the rule has stays."""
    exact = all(share == int(share) for share in shares.values())
    groups = [
        {"TargetGroupArn": group, "Weight": min(MOST_WEIGHT, round(share if exact else 10 * share))}
        for group, share in shares.items()
    ]
    return [
        {
            **{name: action[name] for name in ("Type", "Order") if name in action},
            "ForwardConfig": {**_stickiness(action), "TargetGroups": groups},
        }
        if action["Type"] == "forward"
        else action
        for action in actions
    ]


def listener_arn(rule_arn: str) -> str:
    """The listener of a rule: `…:listener-rule/app/NAME/LB/LISTENER/RULE`."""
    return rule_arn.rpartition("/")[0].replace(":listener-rule/", ":listener/")


def _stickiness(action: Json) -> Json:
    name = "TargetGroupStickinessConfig"
    config = action.get("ForwardConfig", {})
    return {name: config[name]} if name in config else {}


def _denied(error: ClientError) -> bool:
    return str(error.response["Error"]["Code"]).startswith("AccessDenied")


def _missing(role: str) -> InvalidNetworking:
    return InvalidNetworking(
        f"ECS was unable to manage the ELB resources due to missing permissions on ECS Infrastructure Role '{role}'."
    )
