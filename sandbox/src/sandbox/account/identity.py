"""Who calls: access keys to principals, principals to policies, and sessions of roles.

Users, roles, policies and sessions are moto's; signatures are not verified.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole, sts_backends

from sandbox.account.account import Account, Principal
from sandbox.account.credentials import ROOT_CREDENTIALS, Credentials
from sandbox.iam.evaluator import Caller, Policy

PARTITION = "aws"


class UnknownKey(Exception):
    """An access key that does not exist, or a session token that does not belong to it."""


class ExpiredToken(Exception):
    """A role session that is over."""


@dataclass(frozen=True)
class Grants:
    """The policies that apply to a principal by itself."""

    caller: Caller
    policies: list[Policy]
    boundary: Policy | None = None
    session: Policy | None = None


def principal_of(account: Account, access_key: str, token: str | None) -> Principal:
    """The principal of an access key. Raises ``UnknownKey`` or ``ExpiredToken``."""
    if access_key == ROOT_CREDENTIALS.access_key:
        return Principal(f"arn:aws:iam::{account.id}:root", "root")
    session = _session(account, access_key)
    if session is not None:
        if token != session.session_token:
            raise UnknownKey(access_key)
        if session.expiration.replace(tzinfo=UTC) < datetime.now(UTC):
            raise ExpiredToken(access_key)
        return Principal(session.arn, "role", session.role_arn)
    user = iam_backends[account.id][PARTITION].get_user_from_access_key_id(access_key)
    if user is None or user.get_access_key_by_id(access_key).status != "Active":
        raise UnknownKey(access_key)
    return Principal(user.arn, "user")


def grants_of(account: Account, principal: Principal, access_key: str | None = None) -> Grants:
    """Everything that limits or allows ``principal``; ``access_key`` finds a session's own policy."""
    backend = iam_backends[account.id][PARTITION]
    if principal.kind == "user":
        user = backend.get_user(principal.arn.rpartition("/")[2])
        holders = [user, *backend.get_groups_for_user(user.name)]
        policies = [policy for holder in holders for policy in _policies(holder)]
        return Grants(Caller((principal.arn,), account.id), policies)
    role_arn = principal.role_arn or ""
    role = backend.get_role_by_arn(role_arn)
    session = _session(account, access_key) if access_key else None
    return Grants(
        Caller((principal.arn, role_arn), account.id),
        _policies(role),
        boundary=_managed(backend, role.permissions_boundary_arn),
        session=Policy("session policy", session.policy) if session and session.policy else None,
    )


def identity_context(principal: Principal, account: str) -> dict[str, str]:
    """The condition keys that describe the caller."""
    context = {
        "aws:PrincipalArn": principal.role_arn or principal.arn,
        "aws:PrincipalAccount": account,
        "aws:PrincipalType": {"root": "Account", "user": "User", "role": "AssumedRole"}[principal.kind],
    }
    if principal.kind == "user":
        context["aws:username"] = principal.arn.rpartition("/")[2]
    return context


def trust_policy(account: Account, role_arn: str) -> Policy | None:
    """The trust policy of a role, None when the role does not exist."""
    roles = list(iam_backends[account.id][PARTITION].roles.values())
    role = next((role for role in roles if role.arn == role_arn), None)
    if role is None:
        return None
    return Policy(f"{role.name} (trust policy)", role.assume_role_policy_document)


def open_session(
    account: Account,
    role_arn: str,
    name: str,
    *,
    duration: int = 3600,
    policy: str | None = None,
    external_id: str | None = None,
) -> AssumedRole:
    """A session of a role, with nothing checked. ``duration`` in seconds."""
    return sts_backends[account.id][PARTITION].assume_role(
        region_name=account.region,
        role_session_name=name,
        role_arn=role_arn,
        policy=policy or "",
        duration=duration,
        external_id=external_id or "",
    )


def session_credentials(session: AssumedRole) -> Credentials:
    """What a client signs with to act as ``session``."""
    return Credentials(session.access_key_id, session.secret_access_key, session.session_token)


def user_credentials(account: Account, name: str) -> Credentials:
    """A user's first access key; it is made when the user has none."""
    backend = iam_backends[account.id][PARTITION]
    keys = backend.list_access_keys(name) or [backend.create_access_key(name, "AKIA")]
    return Credentials(keys[0].access_key_id, keys[0].secret_access_key)


def names(account: Account) -> dict[str, list[str]]:
    """The names of all users and roles."""
    backend = iam_backends[account.id][PARTITION]
    return {"user": sorted(backend.users), "role": sorted(role.name for role in backend.roles.values())}


def user_id(account: Account, principal: Principal) -> str:
    """The unique id of a user, or of a role session."""
    backend = iam_backends[account.id][PARTITION]
    if principal.kind == "user":
        return str(backend.get_user(principal.arn.rpartition("/")[2]).id)
    role = backend.get_role_by_arn(principal.role_arn or "")
    return f"{role.id}:{principal.arn.rpartition('/')[2]}"


def role_arn(account: Account, name: str) -> str:
    """The ARN of a role by name."""
    return str(iam_backends[account.id][PARTITION].get_role(name).arn)


def _session(account: Account, access_key: str) -> AssumedRole | None:
    backend = sts_backends[account.id][PARTITION]
    return backend.get_assumed_role_from_access_key(access_key)


def _policies(holder: Any) -> list[Policy]:
    """Inline and attached policies of a user, group or role."""
    inline = [Policy(f"{holder.name}/{name}", document) for name, document in list(holder.policies.items())]
    attached = [Policy(policy.arn, _document(policy)) for policy in holder.managed_policies.values()]
    return inline + attached


def _document(policy: Any) -> str:
    version = next(version for version in policy.versions if version.is_default)
    return str(version.document)


def _managed(backend: Any, arn: str | None) -> Policy | None:
    if not arn:
        return None
    return Policy(arn, _document(backend.get_policy(arn)))
