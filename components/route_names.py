"""What the target groups and rules of a service's routes are called in Pulumi: functions without resources.

A name is kept by whatever may be edited while requests come: an edit of a route's priority, and of its paths where the
service has no other route of that host, changes the rule in place. Another name is another target group, in which no
task is yet.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

FIRST_GROUP, OTHER_GROUP = "-blue", "-green"
"""What follows a service's name in those of the two target groups that CodeDeploy shifts the traffic between."""


class RouteArgs(TypedDict):
    """One target group and its listener rule."""

    host: str
    paths: Sequence[str]
    priority: int


@dataclass(frozen=True)
class RouteName:
    """What a route's target group is called; its rule is called the same and `-rule`.

    Attributes:
        name: at most 24 characters for a service's name of 18: the provider adds eight, and AWS takes 32.
        former: what it was called by an earlier program, or with another strategy or number of routes.
    """

    name: str
    former: Sequence[str]


def route_names(service: str, routes: Sequence[RouteArgs], *, blue_green: bool) -> list[RouteName]:
    """The names of a service's routes, in their order.

    A rolling service's are called by their host, and by their paths as well where the service has several routes of
    that host. The route of a service of CodeDeploy's, which is its only one, is called like nothing that can be edited.
    """
    hosts = Counter(route["host"] for route in routes)
    seen: set[str] = set()
    found = []
    for route in routes:
        host, only = route["host"], hosts[route["host"]] == 1
        by_host, by_paths = (f"{service}-{_letters(text)}" for text in (host, _with_paths(route)))
        by_priority, first = f"{service}-{route['priority']}", f"{service}{FIRST_GROUP}"
        shifted = [first] if len(routes) == 1 else []
        if blue_green:
            found.append(RouteName(first, [by_host, by_paths, by_priority]))
        elif only:
            found.append(RouteName(by_host, [by_paths, by_priority, *shifted]))
        else:
            # Of several of one host, the first one goes on with what the only one had.
            found.append(RouteName(by_paths, [*([] if host in seen else [by_host]), by_priority]))
        seen.add(host)
    return found


def _with_paths(route: RouteArgs) -> str:
    return " ".join([route["host"], *(sorted(route["paths"]) or ["/*"])])


def _letters(text: str) -> str:
    """Five letters that stand for a text; no digits, so that no name is one by priority."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest())
    return "".join(chr(ord("a") + number // 26**place % 26) for place in range(5))
