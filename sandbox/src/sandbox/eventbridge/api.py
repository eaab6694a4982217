"""EventBridge's operations that deliver events, which moto's do not."""

from __future__ import annotations

import json
from typing import Any

from sandbox.account.account import Account, Principal
from sandbox.account.errors import AwsError

MAX_EVENTS = 10
"""Entries that one PutEvents takes."""


def put_events(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """EventBridge PutEvents."""
    entries = params["Entries"]
    if not 1 <= len(entries) <= MAX_EVENTS:
        raise AwsError("ValidationException", f"Entries must have between 1 and {MAX_EVENTS} elements")
    results = [_put_event(account, entry) for entry in entries]
    return {"Entries": results, "FailedEntryCount": sum("ErrorCode" in result for result in results)}


def _put_event(account: Account, entry: dict[str, Any]) -> dict[str, str]:
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
    return {"EventId": account.bus.publish(event, bus)["id"]}


HANDLERS = {
    ("events", "PutEvents"): put_events,
}
