"""Who may do more than before: policy documents compared statement by statement."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.pull_request.preview import SECRET, UNKNOWN, Change
from policy.aws_access import (
    ANYBODY,
    ATTACHMENTS,
    IDENTITY_POLICIES,
    RESOURCE_POLICIES,
    ROLE,
    listed,
    principals,
    statements,
)

DOCUMENTS: Mapping[str, tuple[str, str]] = {
    **{kind: ("policy", who) for kind, who in {**RESOURCE_POLICIES, **IDENTITY_POLICIES}.items()},
    ROLE: ("assumeRolePolicy", "name"),
}
"""Type → the input that has its policy document, and the one that says whose it is."""
IDENTITIES = frozenset({"aws:iam/group:Group", ROLE, "aws:iam/user:User"})
OWNERS = frozenset({"aws:iam/policy:Policy", ROLE, "aws:kms/key:Key"})
"""Types that have a policy document of their own: with a new one, nobody may do more to what there was."""

NOTHING = "{}"
"""The condition of a grant that has none."""


@dataclass(frozen=True)
class Grant:
    """One thing that a statement allows, or denies.

    Attributes:
        principal: who, in a policy of a resource or a trust policy; "" where it is the policy's own.
        action: such as `s3:GetObject`, or a pattern; with a `!` before it all but that.
        resource: an ARN or a pattern; with a `!` before it all but that; "" in a trust policy.
        condition: JSON.
    """

    principal: str
    action: str
    resource: str
    condition: str = NOTHING

    def covers(self, other: "Grant") -> bool:
        """Whether whoever has this one has the other one too."""
        return (
            self.condition in (NOTHING, other.condition)
            and _covers(self.principal, other.principal)
            and _covers(self.action.lower(), other.action.lower())
            and _covers(self.resource, other.resource)
        )


@dataclass(frozen=True)
class Widened:
    """What somebody may do that they could not.

    Attributes:
        change: the resource that says so.
        who: a role, a user, or the resource whose policy it is.
        grants: what is new; none when that is known only after `up`.
        lifted: what was denied and is not any more.
        managed: a managed policy that is attached.
        unbounded: a permissions boundary that it no longer has.
    """

    change: Change
    who: str
    grants: tuple[Grant, ...] = ()
    lifted: tuple[Grant, ...] = ()
    managed: str = ""
    unbounded: str = ""

    @property
    def known(self) -> bool:
        """Whether the preview says what is new."""
        return bool(self.grants or self.lifted or self.managed or self.unbounded)


def widened(changes: Sequence[Change]) -> list[Widened]:
    """All that is widened, in the changes' order, but for what new roles, users, buckets and the like bring along."""
    newcomers = {change.input("name") for change in changes if change.action == "create" and change.type in IDENTITIES}
    newcomers.add(UNKNOWN)
    result = []
    for change in changes:
        if change.action == "delete":
            continue
        if change.type in ATTACHMENTS and change.action != "update":
            who = change.input(ATTACHMENTS[change.type])
            if who not in newcomers:
                result.append(Widened(change, _shown(who, change), managed=str(change.input("policyArn"))))
        boundary = change.old.get("permissionsBoundary")
        if change.type in IDENTITIES and boundary and boundary != change.new.get("permissionsBoundary"):
            result.append(Widened(change, _shown(change.input("name"), change), unbounded=str(boundary)))
        if change.type in DOCUMENTS:
            document, name = DOCUMENTS[change.type]
            old, new, who = change.old.get(document), change.new.get(document), change.input(name)
            if new is None or old == new:
                continue
            if change.action == "create" and (change.type in OWNERS or who in newcomers):
                continue
            known = compare(old, new)
            if known is None:
                result.append(Widened(change, _shown(who, change)))
            elif any(known):
                result.append(Widened(change, _shown(who, change), *known))
    return result


def compare(old: Any, new: Any) -> tuple[tuple[Grant, ...], tuple[Grant, ...]] | None:
    """What a policy document newly allows, and what it no longer denies.

    Args:
        old: the document, as text or as an object; None when there was none.
        new: the document that takes its place.

    Returns:
        None when either is not known.
    """
    before, after = _document(old), _document(new)
    if before is None or after is None:
        return None
    had, denied = list(_grants(before, "Allow")), list(_grants(before, "Deny"))
    has, denies = list(_grants(after, "Allow")), list(_grants(after, "Deny"))
    allowed = tuple(grant for grant in has if not any(earlier.covers(grant) for earlier in had))
    lifted = tuple(grant for grant in denied if not any(still.covers(grant) for still in denies))
    return allowed, lifted


def _document(policy: Any) -> Mapping[str, Any] | None:
    if policy is None:
        return {}
    if isinstance(policy, Mapping):
        return policy
    if policy in (UNKNOWN, SECRET):
        return None
    try:
        parsed = json.loads(policy)
    except (TypeError, ValueError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _grants(document: Mapping[str, Any], effect: str) -> Iterator[Grant]:
    for statement in statements(document):
        if statement.get("Effect") != effect:
            continue
        condition = json.dumps(statement.get("Condition") or {}, sort_keys=True)
        for principal in principals(statement) or [""]:
            for action in _either(statement, "Action"):
                for resource in _either(statement, "Resource"):
                    yield Grant(principal, action, resource, condition)


def _either(statement: Mapping[str, Any], key: str) -> list[str]:
    """The values of `Action` or `Resource`, or those of `NotAction` or `NotResource` with a sign before each.

    What a `Not…` leaves is narrower with each value, so its values stay together.
    """
    if key in statement:
        return [str(value) for value in listed(statement[key])]
    if f"Not{key}" in statement:
        return ["!" + ", ".join(sorted(str(value) for value in listed(statement[f"Not{key}"])))]
    return [""]


def _covers(pattern: str, value: str) -> bool:
    """Whether all that `value` stands for, itself a pattern maybe, a pattern stands for too."""
    if pattern in (value, ANYBODY):
        return True
    if pattern.startswith("!") or value.startswith("!"):
        return False
    wild = {"*": ".*", "?": "[^*]"}
    expression = "".join(wild.get(part, re.escape(part)) for part in re.split(r"([*?])", pattern))
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _shown(who: Any, change: Change) -> str:
    return str(who) if isinstance(who, str) and who not in (UNKNOWN, SECRET) else change.name
