"""Operations of STS and EventBridge that moto answers without knowing who calls or where events go."""

from __future__ import annotations

import json
from typing import Any

from sandbox.server import identity
from sandbox.server.errors import AwsError
from sandbox.server.world import Principal, World

MAX_EVENTS = 10
"""Entries that one PutEvents takes."""


def get_caller_identity(world: World, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """STS GetCallerIdentity."""
    if principal.kind == "root":
        return {"UserId": world.account, "Account": world.account, "Arn": principal.arn}
    return {"UserId": identity.user_id(world, principal), "Account": world.account, "Arn": principal.arn}


def assume_role(world: World, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """STS AssumeRole. Trust and identity policies have been evaluated; the root may not assume roles."""
    if principal.kind == "root":
        raise AwsError("AccessDenied", "Roles may not be assumed by root accounts.", 403)
    session = identity.open_session(
        world,
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


def put_events(world: World, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """EventBridge PutEvents."""
    entries = params["Entries"]
    if not 1 <= len(entries) <= MAX_EVENTS:
        raise AwsError("ValidationException", f"Entries must have between 1 and {MAX_EVENTS} elements")
    results = [_put_event(world, entry) for entry in entries]
    return {"Entries": results, "FailedEntryCount": sum("ErrorCode" in result for result in results)}


def _put_event(world: World, entry: dict[str, Any]) -> dict[str, str]:
    missing = next((name for name in ("Source", "DetailType", "Detail") if not entry.get(name)), None)
    if missing:
        return {"ErrorCode": "InvalidArgument", "ErrorMessage": f"Parameter {missing} is not valid. Reason: required."}
    if entry["Source"].startswith("aws."):
        return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
    try:
        detail = json.loads(entry["Detail"])
    except ValueError:
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    event: dict[str, Any] = {
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "resources": entry.get("Resources", []),
        "detail": detail,
    }
    if entry.get("Time"):
        event["time"] = entry["Time"].strftime("%Y-%m-%dT%H:%M:%SZ")
    bus = str(entry.get("EventBusName", "default")).rpartition("/")[2]
    return {"EventId": world.bus.publish(event, bus)["id"]}


HANDLERS = {
    ("sts", "GetCallerIdentity"): get_caller_identity,
    ("sts", "AssumeRole"): assume_role,
    ("events", "PutEvents"): put_events,
}
