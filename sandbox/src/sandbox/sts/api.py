"""STS's operations that moto answers without knowing who calls."""

from __future__ import annotations

from typing import Any

from sandbox.account import identity
from sandbox.account.account import Account, Principal
from sandbox.account.errors import AwsError


def get_caller_identity(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """STS GetCallerIdentity."""
    if principal.kind == "root":
        return {"UserId": account.id, "Account": account.id, "Arn": principal.arn}
    return {"UserId": identity.user_id(account, principal), "Account": account.id, "Arn": principal.arn}


def assume_role(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """STS AssumeRole. Trust and identity policies have been evaluated; the root may not assume roles."""
    if principal.kind == "root":
        raise AwsError("AccessDenied", "Roles may not be assumed by root accounts.", 403)
    session = identity.open_session(
        account,
        params["RoleArn"],
        params["RoleSessionName"],
        duration=int(params.get("DurationSeconds", 3600)),
        policy=params.get("Policy"),
        external_id=params.get("ExternalId"),
    )
    return {
        "Credentials": {
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_access_key,
            "SessionToken": session.session_token,
            "Expiration": session.expiration,
        },
        "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.arn},
    }


HANDLERS = {("sts", "GetCallerIdentity"): get_caller_identity, ("sts", "AssumeRole"): assume_role}
