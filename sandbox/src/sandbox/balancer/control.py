"""What ``/_sandbox/…`` offers of the load balancers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.balancer.proxy import balancers_of

if TYPE_CHECKING:
    from sandbox.account.account import World


def listeners(world: World, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The load balancers' listeners, each with its local address."""
    return balancers_of(world).listeners(world)


ROUTES = {"GET listeners": listeners}
