"""Security groups and their rules, inline and as resources of their own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.providers.resources.base import Properties, changed, dig, ignoring_gone
from sandbox.providers.resources.codec import text
from sandbox.providers.resources.ec2 import Ec2Resource, ec2_arn
from sandbox.providers.types import Aws, Resource

# A flat rule: protocol, from port, to port, kind of peer, peer.
Flat = tuple[str, int, int, str, str]
PEERS = {
    "cidrBlocks": ("IpRanges", "CidrIp"),
    "ipv6CidrBlocks": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListIds": ("PrefixListIds", "PrefixListId"),
    "securityGroups": ("UserIdGroupPairs", "GroupId"),
}
RULE_PEERS = {
    "cidrIpv4": ("IpRanges", "CidrIp", "CidrIpv4"),
    "cidrIpv6": ("Ipv6Ranges", "CidrIpv6", "CidrIpv6"),
    "prefixListId": ("PrefixListIds", "PrefixListId", "PrefixListId"),
    "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId", "ReferencedGroupInfo.GroupId"),
}
DIRECTIONS = {"ingress": "IpPermissions", "egress": "IpPermissionsEgress"}


class SecurityGroup(Ec2Resource):
    """A security group. The egress rule AWS adds to a new group is taken away, as the provider does."""

    def identify(self, aws: Aws, inputs: Properties, response: Any) -> str:
        id = str(response["GroupId"])
        group = self.find(aws, id, inputs) or {}
        if permissions := group.get("IpPermissionsEgress"):
            aws.client("ec2").revoke_security_group_egress(GroupId=id, IpPermissions=permissions)
        return id

    def settle(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        client = aws.client("ec2")
        for direction in DIRECTIONS:
            if not changed(olds, news, direction):
                continue
            if olds.get(direction):
                permissions = _permissions(id, olds[direction])
                with ignoring_gone():
                    getattr(client, f"revoke_security_group_{direction}")(GroupId=id, IpPermissions=permissions)
            if news[direction]:
                permissions = _permissions(id, news[direction])
                getattr(client, f"authorize_security_group_{direction}")(GroupId=id, IpPermissions=permissions)

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        state = super().reported(aws, description, props)
        for direction, key in DIRECTIONS.items():
            if direction in props:
                actual = set(_flat(description.get(key, [])))
                declared = set(_flat(_permissions(description["GroupId"], props[direction])))
                state[direction] = props[direction] if actual == declared else _inline(actual)
        return state


@dataclass(frozen=True, kw_only=True)
class SecurityGroupRule(Ec2Resource):
    """One ingress or egress rule with an id of its own."""

    direction: str

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        response = getattr(aws.client("ec2"), f"authorize_security_group_{self.direction}")(
            GroupId=inputs["securityGroupId"], IpPermissions=[self._permission(inputs)]
        )
        id = str(response["SecurityGroupRules"][0]["SecurityGroupRuleId"])
        if inputs.get("tags"):
            self.retag(aws, id, inputs, inputs["tags"], {})
        return id, self.computed(aws, id, inputs)

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        return {"arn": ec2_arn(aws, f"security-group-rule/{id}"), "securityGroupRuleId": id}

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        state = super().reported(aws, description, {k: v for k, v in props.items() if k not in RULE_PEERS})
        if text(props.get("ipProtocol", "")) == "-1":
            state = {k: v for k, v in state.items() if k not in ("fromPort", "toPort")}
        return state | {name: dig(description, path) for name, (_, _, path) in RULE_PEERS.items() if name in props}

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        rule = {"IpProtocol": text(news["ipProtocol"]), "Description": news.get("description", ""),
                "FromPort": int(news.get("fromPort", -1)), "ToPort": int(news.get("toPort", -1))}  # fmt: skip
        for name, (_, _, path) in RULE_PEERS.items():
            if name in news:
                rule[path.replace("GroupInfo.GroupId", "GroupId")] = news[name]
        aws.client("ec2").modify_security_group_rules(
            GroupId=news["securityGroupId"],
            SecurityGroupRules=[{"SecurityGroupRuleId": id, "SecurityGroupRule": rule}],
        )

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        getattr(aws.client("ec2"), f"revoke_security_group_{self.direction}")(
            GroupId=props["securityGroupId"], SecurityGroupRuleIds=[id]
        )

    def _permission(self, rule: Properties) -> Properties:
        permission: Properties = {"IpProtocol": text(rule["ipProtocol"])}
        for port in ("fromPort", "toPort"):
            if port in rule:
                permission[port[0].upper() + port[1:]] = int(rule[port])
        name = next(name for name in RULE_PEERS if name in rule)
        container, member, _ = RULE_PEERS[name]
        described = {"Description": rule["description"]} if "description" in rule else {}
        return {**permission, container: [{member: rule[name], **described}]}


def _permissions(group: str, rules: Iterable[Properties]) -> list[Properties]:
    """Inline rules as the API's permissions; `self` is the group's own id."""
    result = []
    for rule in rules:
        described = {"Description": rule["description"]} if rule.get("description") else {}
        permission: Properties = {"IpProtocol": text(rule["protocol"]), **_ports(rule)}
        for name, (container, member) in PEERS.items():
            peers = list(rule.get(name, []))
            if name == "securityGroups" and text(rule.get("self", False)) == "true":
                peers.append(group)
            if peers:
                permission[container] = [{member: peer, **described} for peer in peers]
        result.append(permission)
    return result


def _ports(rule: Properties) -> Properties:
    if text(rule["protocol"]) == "-1":
        return {}
    return {"FromPort": int(rule["fromPort"]), "ToPort": int(rule["toPort"])}


def _flat(permissions: Iterable[Properties]) -> Iterable[Flat]:
    for permission, (name, (container, member)) in itertools.product(permissions, PEERS.items()):
        for peer in permission.get(container, []):
            protocol = permission["IpProtocol"]
            ports = (0, 0) if protocol == "-1" else (permission["FromPort"], permission["ToPort"])
            yield (protocol, *ports, name, peer[member])


def _inline(rules: set[Flat]) -> list[Properties]:
    return [
        {"protocol": protocol, "fromPort": low, "toPort": high, kind: [peer]}
        for protocol, low, high, kind, peer in sorted(rules)
    ]


def _rule(direction: str) -> SecurityGroupRule:
    return SecurityGroupRule(
        direction=direction,
        create_call="",
        read_call="DescribeSecurityGroupRules",
        delete_call="",
        key="SecurityGroupRuleId",
        id="",
        element="SecurityGroupRules.0",
        names={"securityGroupId": "GroupId"},
    )


RESOURCES: dict[str, Resource] = {
    "aws:ec2/securityGroup:SecurityGroup": SecurityGroup(
        kind="security-group",
        create_call="CreateSecurityGroup",
        read_call="DescribeSecurityGroups",
        delete_call="DeleteSecurityGroup",
        key="GroupId",
        id="GroupId",
        element="SecurityGroups.0",
        names={"name": "GroupName"},
        apart=frozenset({"ingress", "egress", "revokeRulesOnDelete"}),
        defaults={"description": "Managed by Pulumi"},
        outputs={"name": "GroupName", "vpcId": "VpcId"},
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("egress"),
}
