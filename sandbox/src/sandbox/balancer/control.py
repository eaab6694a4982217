"""The load balancers' routes below ``/_sandbox/``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.balancer.proxy import balancers_of

if TYPE_CHECKING:
    from sandbox.account.account import Account


def listeners(account: Account, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The load balancers' listeners, each with its local address."""
    return balancers_of(account).listeners(account)


ROUTES = {"GET listeners": listeners}
