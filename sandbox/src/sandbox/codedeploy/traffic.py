"""How traffic shifts between two target groups: the steps of a configuration, and the listeners' rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


def steps(config: Json) -> list[tuple[int, int]]:
    """The shares, in per cent, that the new tasks get one after another, each with the minutes that follow it.

    Args:
        config: `DeploymentConfigInfo` of an ECS configuration.
    """
    routing = config["trafficRoutingConfig"]
    if routing["type"] == "TimeBasedCanary":
        canary = routing["timeBasedCanary"]
        return [(canary["canaryPercentage"], canary["canaryInterval"]), (100, 0)]
    if routing["type"] == "TimeBasedLinear":
        linear = routing["timeBasedLinear"]
        shares = range(linear["linearPercentage"], 100, linear["linearPercentage"])
        return [*((share, linear["linearInterval"]) for share in shares), (100, 0)]
    return [(100, 0)]


def forwards_to(actions: list[Json], groups: set[str]) -> bool:
    """Whether a rule's traffic goes to one of the target groups."""
    return any(arn in groups for action in actions for arn, _ in weighted(action))


def weighted(action: Json) -> list[tuple[str, int]]:
    """The target groups of an action with their weights; none unless it forwards."""
    if action["Type"] != "forward":
        return []
    if "ForwardConfig" in action:
        return [(each["TargetGroupArn"], each.get("Weight", 1)) for each in action["ForwardConfig"]["TargetGroups"]]
    return [(action["TargetGroupArn"], 1)]


def shifted(actions: list[Json], old: str, new: str, share: int) -> list[Json]:
    """A rule's actions with a share of the traffic, in per cent, for the new group; both groups stay in the rule.

    AWS leaves the group that gets nothing in the rule, with weight 0 (terraform-provider-aws#28129).
    """
    groups = [{"TargetGroupArn": old, "Weight": 100 - share}, {"TargetGroupArn": new, "Weight": share}]
    changed: list[Json] = []
    for action in actions:
        if action["Type"] == "forward":
            forward: Json = {name: action[name] for name in ("Type", "Order") if name in action}
            stickiness = action.get("ForwardConfig", {}).get("TargetGroupStickinessConfig")
            config: Json = {"TargetGroups": groups}
            if stickiness:
                config["TargetGroupStickinessConfig"] = stickiness
            forward["ForwardConfig"] = config
            changed.append(forward)
        else:
            changed.append(action)
    return changed


@dataclass(frozen=True)
class Route:
    """The rules of one listener that forward to a pair of target groups.

    Attributes:
        elbv2: a client with the deployment group's role.
        listener_arn: the listener.
        old: the group whose tasks were there before.
        new: the other one.
    """

    elbv2: Any
    listener_arn: str
    old: str
    new: str

    def shift(self, share: int) -> bool:
        """Give the new group a share in per cent; whether any rule forwards to the pair."""
        rules = [
            rule
            for rule in self.elbv2.describe_rules(ListenerArn=self.listener_arn)["Rules"]
            if forwards_to(rule["Actions"], {self.old, self.new})
        ]
        for rule in rules:
            actions = shifted(rule["Actions"], self.old, self.new, share)
            if rule["IsDefault"]:
                self.elbv2.modify_listener(ListenerArn=self.listener_arn, DefaultActions=actions)
            else:
                self.elbv2.modify_rule(RuleArn=rule["RuleArn"], Actions=actions)
        return bool(rules)
