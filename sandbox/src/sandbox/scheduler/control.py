"""The routes below ``/_sandbox/`` by which a schedule, or a scheduled action of scaling, is due now."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from sandbox.account.account import Account
from sandbox.scheduler import runner
from sandbox.scheduler.scaling import scale
from sandbox.server.control import Rejected


def fire(account: Account, body: dict[str, Any]) -> dict[str, Any]:
    """Call what a schedule is for, without waiting until it is due."""
    group, name = str(body.get("group", "default")), str(body["name"])
    schedule = runner.find(account, group, name)
    if schedule is None:
        raise Rejected(HTTPStatus.NOT_FOUND, f"there is no schedule {group}/{name}")
    return {"failed": runner.fire(account, schedule, datetime.now(UTC))}


ROUTES = {"POST fire": fire, "POST scale": scale}
