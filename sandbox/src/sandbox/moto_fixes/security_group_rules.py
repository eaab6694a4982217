"""Rules of security groups: a description of any rule, every kind of peer in a change, every rule in an answer.

moto keeps descriptions of address ranges only, and takes those of groups for a part of what tells rules apart.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html and API_ModifySecurityGroupRules.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import (
    InvalidParameterCombination,
    InvalidParameterValue,
    InvalidPermissionDuplicateError,
    InvalidSecurityGroupNotFoundError,
    InvalidSecurityGroupRuleIdNotFoundError,
    MissingParameter,
)
from moto.ec2.models.security_groups import GroupedSecurityRuleView, SecurityGroup, SecurityGroupBackend
from moto.ec2.models.security_groups import SecurityGroupRule as Rule
from moto.ec2.responses.security_groups import SecurityGroups

PEERS = ("CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId")
_init = Rule.__init__
_flattened = SecurityGroup._flattened_rules


def apply() -> None:
    """Have moto keep them so."""
    Rule.__init__ = _keep_description  # type: ignore[method-assign]
    Rule.__eq__ = _same  # type: ignore[method-assign]
    Rule.description = property(_description)  # type: ignore[assignment, method-assign]
    SecurityGroup._flattened_rules = _with_prefix_list_descriptions  # type: ignore[method-assign]
    SecurityGroupBackend.modify_security_group_rules = _modify  # type: ignore[method-assign]
    for direction in ("ingress", "egress"):
        setattr(SecurityGroups, f"authorize_security_group_{direction}", _authorize(direction))


def _keep_description(self: Rule, *args: Any, **kwargs: Any) -> None:
    _init(self, *args, **kwargs)
    prefix_list: dict[str, Any] | None = kwargs.get("prefix_list_id", args[7] if len(args) > 7 else None)
    self.__dict__["prefix_list_description"] = (prefix_list or {}).get("Description")


def _description(self: Rule) -> str | None:
    description = (self.ip_range or self.source_group).get("Description")
    return description or self.__dict__.get("prefix_list_description")


def _identity(rule: Rule) -> tuple[Any, ...]:
    ports = () if rule.ip_protocol == "-1" else (rule.from_port, rule.to_port)
    return rule.ip_protocol, *ports, *_peer(rule)


def _same(self: Rule, other: object) -> bool:
    return isinstance(other, Rule) and _identity(self) == _identity(other)


def _peer(rule: Rule) -> tuple[str, Any]:
    """Its kind and value."""
    if rule.source_group:
        return "ReferencedGroupId", rule.source_group.get("GroupId")
    if rule.prefix_list_id:
        return "PrefixListId", rule.prefix_list_id
    if rule.cidr_ipv6:
        return "CidrIpv6", rule.cidr_ipv6
    return "CidrIpv4", rule.cidr_ipv4


def _with_prefix_list_descriptions(self: SecurityGroup, rules: list[Rule]) -> list[GroupedSecurityRuleView]:
    views = _flattened(self, rules)
    described = {rule.prefix_list_id: rule.description for rule in rules if rule.prefix_list_id and rule.description}
    for view in views:
        for each in view.prefix_list_ids:
            if each["PrefixListId"] in described:
                each["Description"] = str(described[each["PrefixListId"]])
    return views


def _authorize(direction: str) -> Callable[[SecurityGroups], ActionResult]:
    """A call whose answer has the rules of every permission, not of the last one only."""

    def authorize(self: SecurityGroups) -> ActionResult:
        self.error_on_dryrun()
        call = getattr(self.ec2_backend, f"authorize_security_group_{direction}")
        rules = [rule for permission in self._process_rules_from_querystring() for rule in call(**permission)[0]]
        return ActionResult({"Return": True, "SecurityGroupRules": rules})

    return authorize


def _modify(self: SecurityGroupBackend, group_id: str, rules: dict[str, dict[str, Any]]) -> None:
    group = self.get_security_group_by_name_or_id(group_id)
    if group is None:
        raise InvalidSecurityGroupNotFoundError(group_id)
    for rule_id, request in rules.items():
        rule = group.get_rule(rule_id)
        if rule is None:
            raise InvalidSecurityGroupRuleIdNotFoundError(rule_id)
        changed = Rule(self, **_arguments(rule, request))
        siblings = group.egress_rules if rule.is_egress else group.ingress_rules
        if any(sibling.id != rule_id and sibling == changed for sibling in siblings):
            raise InvalidPermissionDuplicateError
        rule.__dict__ |= {name: value for name, value in changed.__dict__.items() if name not in ("id", "filters")}


def _arguments(rule: Rule, request: dict[str, Any]) -> dict[str, Any]:
    """What a changed rule is made of.

    Raises:
        EC2ClientError: what AWS says of a change that it refuses.
    """
    peers = [name for name in PEERS if request.get(name) is not None]
    if len(peers) != 1:
        error = InvalidParameterCombination if peers else MissingParameter
        raise error("Exactly one of CidrIpv4, CidrIpv6, PrefixListId, or ReferencedGroupId must be specified")
    (peer,), (was, _) = peers, _peer(rule)
    if peer != was:
        raise InvalidParameterValue(
            f"Invalid rule type for security group rule '{rule.id}'. You may not specify {peer} for an existing "
            f"{was} rule."
        )
    protocol, ports = request.get("IpProtocol"), (request.get("FromPort"), request.get("ToPort"))
    if protocol is None:
        raise InvalidParameterValue(
            "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly."
        )
    if None in ports and protocol in ("tcp", "udp", "6", "17"):
        raise InvalidParameterValue("Invalid value for portRange. Must specify both from and to ports with TCP/UDP.")
    description = {"Description": request["Description"]} if request.get("Description") else {}
    key = {"CidrIpv4": "CidrIp", "ReferencedGroupId": "GroupId"}.get(peer, peer)
    target = {key: request[peer], **description}
    owner = {"UserId": rule.owner_id} if peer == "ReferencedGroupId" else {}
    return {
        "ip_protocol": protocol,
        "group_id": rule.group_id,
        "from_port": ports[0],
        "to_port": ports[1],
        "ip_range": target if peer.startswith("Cidr") else None,
        "source_group": {**target, **owner} if peer == "ReferencedGroupId" else None,
        "prefix_list_id": target if peer == "PrefixListId" else None,
        "is_egress": rule.is_egress,
    }
