"""The routes below ``/_sandbox/`` for builds and for the statuses of commits."""

from __future__ import annotations

from typing import Any

from sandbox.account.account import Account
from sandbox.codebuild.api import building, builds_of
from sandbox.eventbridge.destinations import Destinations
from sandbox.receivers.commits import Commits


def set_quota(account: Account, body: dict[str, Any]) -> dict[str, Any]:
    """How many builds may run at once from now on; as many as CodeBuild allows where it is null."""
    quota = body.get("quota")
    builds_of(account).quota = None if quota is None else int(quota)
    return {"quota": builds_of(account).quota}


def commits(account: Account, body: dict[str, Any]) -> dict[str, Any]:
    """Statuses and comments of commits, and whether none is on its way."""
    account.bus.wait()
    return {
        "posted": list(account.parts.of(Commits).posted),
        "idle": account.parts.of(Destinations).idle() and not building(account),
    }


ROUTES = {"POST builds": set_quota, "GET commits": commits}
