"""What ``/_sandbox/…`` offers of builds, and of what they tell a code host."""

from __future__ import annotations

from typing import Any

from sandbox.account.account import World
from sandbox.codebuild.api import building, builds_of
from sandbox.eventbridge.destinations import Destinations
from sandbox.receivers.commits import Commits


def set_quota(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """How many builds may run at once from now on; as many as CodeBuild allows where it is null."""
    quota = body.get("quota")
    builds_of(world).quota = None if quota is None else int(quota)
    return {"quota": builds_of(world).quota}


def commits(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """What GitHub or GitLab was told, by builds too, and whether nothing is on its way."""
    world.bus.wait()
    return {
        "told": list(world.parts.of(Commits).told),
        "idle": world.parts.of(Destinations).idle() and not building(world),
    }


ROUTES = {"POST builds": set_quota, "GET commits": commits}
