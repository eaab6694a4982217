"""Decides whether IAM policies allow a request within one account. Pure: no state, no network.

Source: IAM User Guide, "Policy evaluation logic". An explicit deny wins; then permissions boundary and
session policy must allow; then an identity-based or a resource-based policy must allow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sandbox.iam.conditions import conditions_hold
from sandbox.iam.patterns import Context, PolicyError, UnresolvedVariable, Variables, arn_matches, as_list, glob

__all__ = ["Caller", "Decision", "Policy", "PolicyError", "Request", "Trust", "condition_keys", "evaluate"]

_STATEMENT_KEYS = {
    "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition",
}  # fmt: skip


@dataclass(frozen=True)
class Policy:
    """A policy document under the name that decisions and messages give it."""

    name: str
    document: str | Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """One action on one resource. ``context`` holds condition keys in any letter case."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True)
class Caller:
    """Who asks, as resource-based policies name principals.

    ``arns`` are those which name the caller itself: a user's ARN, or a session's and its role's.
    ``service`` is set instead when an AWS service asks.
    """

    arns: tuple[str, ...] = ()
    account: str = ""
    service: str | None = None


class Trust(Enum):
    """How a resource-based policy and identity-based ones combine within one account."""

    EITHER = "either"
    """An allow of either is enough (S3 buckets, ECR repositories)."""
    RESOURCE_DECIDES = "resource decides"
    """Identity-based policies count only as far as the resource's policy names the account (KMS, roles)."""


@dataclass(frozen=True)
class Decision:
    """``reason`` completes AWS's message: "… is not authorized to perform: X on resource: Y <reason>"."""

    allowed: bool
    reason: str
    policy: str | None = None
    statement: str | None = None


class _Named(Enum):
    """How a statement's principal element names a caller."""

    NO = 0
    ACCOUNT = 1
    CALLER = 2


@dataclass(frozen=True)
class _Match:
    policy: str
    statement: str
    effect: str
    named: _Named


def evaluate(
    request: Request,
    identity: Sequence[Policy],
    *,
    caller: Caller | None = None,
    resource: Policy | None = None,
    trust: Trust = Trust.EITHER,
    boundary: Policy | None = None,
    session: Policy | None = None,
) -> Decision:
    """Decide ``request``. Raises ``PolicyError`` for a policy that is malformed: never an allow."""
    caller = caller or Caller()
    by_identity = _matches(request, identity, None)
    by_resource = _matches(request, [resource] if resource else [], caller)
    guards = [
        (kind, _matches(request, [policy], None))
        for kind, policy in (("permissions boundary", boundary), ("session policy", session))
        if policy
    ]
    kinds = [("identity-based policy", by_identity), ("resource-based policy", by_resource), *guards]
    for kind, matches in kinds:
        for match in matches:
            if match.effect == "Deny":
                article = "an" if kind[0] in "aeiou" else "a"
                reason = f"with an explicit deny in {article} {kind}"
                return Decision(False, reason, match.policy, match.statement)
    for kind, matches in guards:
        if not matches:
            return Decision(False, f"because no {kind} allows the {request.action} action")
    return _allow(request, by_identity, by_resource, trust)


def condition_keys(request: Request, policies: Sequence[Policy]) -> set[str]:
    """The condition keys of those statements of identity-based policies that are about the action and the resource."""
    context = {key.lower(): value for key, value in request.context.items()}
    keys = set[str]()
    for policy in policies:
        version, statements = _parse(policy)
        variables = Variables(context, enabled=version == "2012-10-17")
        for _, statement in statements:
            try:
                without = {name: value for name, value in statement.items() if name != "Condition"}
                applies = _applies(without, request, context, variables, None) is not _Named.NO
            except UnresolvedVariable:
                continue
            if applies:
                keys |= {key for of_operator in statement.get("Condition", {}).values() for key in of_operator}
    return keys


def _allow(request: Request, by_identity: list[_Match], by_resource: list[_Match], trust: Trust) -> Decision:
    direct = next((match for match in by_resource if match.named is _Named.CALLER), None)
    identity_match = next(iter(by_identity), None)
    if trust is Trust.EITHER:
        deciding = identity_match or direct
        missing = "identity-based policy"
    else:
        deciding = direct or (identity_match if by_resource else None)
        missing = "identity-based policy" if by_resource else "resource-based policy"
    if deciding is None:
        return Decision(False, f"because no {missing} allows the {request.action} action")
    return Decision(True, f"allowed by {deciding.policy}", deciding.policy, deciding.statement)


def _matches(request: Request, policies: Sequence[Policy], caller: Caller | None) -> list[_Match]:
    """Matching statements; with ``caller`` the policies are resource-based and must name it."""
    context = {key.lower(): value for key, value in request.context.items()}
    matches = []
    for policy in policies:
        version, statements = _parse(policy)
        variables = Variables(context, enabled=version == "2012-10-17")
        for name, statement in statements:
            try:
                principal_match = _applies(statement, request, context, variables, caller)
            except UnresolvedVariable:
                continue
            except PolicyError as error:
                raise PolicyError(f"policy {policy.name}, statement {name}: {error}") from error
            if principal_match is not _Named.NO:
                matches.append(_Match(policy.name, name, statement["Effect"], principal_match))
    return matches


def _parse(policy: Policy) -> tuple[str, list[tuple[str, Mapping[str, Any]]]]:
    document: Any = policy.document
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError as error:
            raise PolicyError(f"policy {policy.name} is not JSON: {error}") from error
    if not isinstance(document, Mapping) or "Statement" not in document:
        raise PolicyError(f"policy {policy.name} has no Statement")
    statements = as_list(document["Statement"])
    version = document.get("Version", "2008-10-17")
    if version not in ("2012-10-17", "2008-10-17"):
        raise PolicyError(f"policy {policy.name} has the unknown version {version!r}")
    return version, list(_named_statements(policy, statements))


def _named_statements(policy: Policy, statements: list[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, statement in enumerate(statements):
        if not isinstance(statement, Mapping):
            raise PolicyError(f"policy {policy.name}, statement {index} is not an object")
        name = str(statement.get("Sid") or index)
        if unknown := set(statement) - _STATEMENT_KEYS:
            raise PolicyError(f"policy {policy.name}, statement {name}: unknown element {sorted(unknown)[0]}")
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise PolicyError(f"policy {policy.name}, statement {name}: Effect must be Allow or Deny")
        yield name, statement


def _applies(
    statement: Mapping[str, Any],
    request: Request,
    context: Context,
    variables: Variables,
    caller: Caller | None,
) -> _Named:
    principal_match = _principal(statement, caller)
    holds = "Condition" not in statement or conditions_hold(statement["Condition"], context, variables)
    matches = (
        _chosen(statement, "Action", lambda pattern: _action_matches(pattern, request.action))
        and _resource_applies(statement, request, variables, caller)
        and holds
    )
    return principal_match if matches else _Named.NO


def _resource_applies(
    statement: Mapping[str, Any], request: Request, variables: Variables, caller: Caller | None
) -> bool:
    if caller is not None and "Resource" not in statement and "NotResource" not in statement:
        return True  # A role's trust policy is about the role and names no resource.
    return _chosen(statement, "Resource", lambda pattern: arn_matches(pattern, request.resource, variables))


def _chosen(statement: Mapping[str, Any], key: str, matches: Callable[[str], bool]) -> bool:
    """Evaluate ``key`` or ``Not`` + ``key``, exactly one of which must be there."""
    positive, negative = key in statement, f"Not{key}" in statement
    if positive == negative:
        raise PolicyError(f"needs exactly one of {key} and Not{key}")
    patterns = as_list(statement[key if positive else f"Not{key}"])
    if not patterns or not all(isinstance(pattern, str) for pattern in patterns):
        raise PolicyError(f"{key} must be strings")
    results = [matches(pattern) for pattern in patterns]  # All of them: each may find the policy malformed.
    return any(results) == positive


def _action_matches(pattern: str, action: str) -> bool:
    if pattern != "*" and ":" not in pattern:
        raise PolicyError(f"{pattern!r} is not an action")
    return glob(pattern, ignore_case=True).fullmatch(action) is not None


def _principal(statement: Mapping[str, Any], caller: Caller | None) -> _Named:
    keys = [key for key in ("Principal", "NotPrincipal") if key in statement]
    if caller is None:
        if keys:
            raise PolicyError(f"an identity-based policy has no {keys[0]}")
        return _Named.CALLER
    if len(keys) != 1:
        raise PolicyError("needs exactly one of Principal and NotPrincipal")
    principal_match = _names(statement[keys[0]], caller)
    if keys[0] == "Principal":
        return principal_match
    return _Named.CALLER if principal_match is _Named.NO else _Named.NO


def _names(principal: Any, caller: Caller) -> _Named:
    if principal == "*":
        return _Named.CALLER
    if not isinstance(principal, Mapping) or not principal:
        raise PolicyError("Principal must be '*' or an object")
    best = _Named.NO
    for kind, value in principal.items():
        if kind not in ("AWS", "Service", "Federated", "CanonicalUser"):
            raise PolicyError(f"unknown kind of principal {kind}")
        for entry in as_list(value):
            best = max(best, _names_entry(kind, entry, caller), key=lambda match: match.value)
    return best


def _names_entry(kind: str, entry: Any, caller: Caller) -> _Named:
    if not isinstance(entry, str):
        raise PolicyError("a principal must be a string")
    if kind == "Service":
        return _Named.CALLER if caller.service is not None and entry == caller.service else _Named.NO
    if kind != "AWS" or caller.service is not None:
        return _Named.NO
    if entry == "*" or entry in caller.arns:
        return _Named.CALLER
    if entry in (caller.account, f"arn:aws:iam::{caller.account}:root"):
        return _Named.ACCOUNT
    return _Named.NO
