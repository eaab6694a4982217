"""What the target groups and rules of a service's routes are called in Pulumi: functions without resources.

A name is kept by whatever may be edited while requests come: an edit of a route's priority, and of its paths where the
service has no other route of that host, changes the rule in place. Another name is another target group, in which no
task is yet.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, model_validator

from components import types
from components.model import Model
from releases.names import letters_for, short_name

FIRST_GROUP, OTHER_GROUP = "-blue", "-green"
"""What follows a service's name in those of the two target groups that CodeDeploy shifts the traffic between."""

VALUES_OF_A_RULE, WILDCARDS_OF_A_RULE = 5, 5
"""Of all conditions of a listener rule together; neither can be raised (ELB, quotas for Application Load Balancers)."""


class Route(Model):
    """A host, and paths of it, that lead to the service: a target group and a listener rule."""

    host: types.Host
    """The host: a zone of `domain`, or one label below it."""
    paths: types.UniqueList[types.PathPattern] = Field(default_factory=list)
    """Path patterns such as `/api/*`; none means every path. At most four, with at most five wildcards."""
    priority: Annotated[int, Field(ge=1, le=50000)]
    """Among the listener's rules that match a request, the one with the lowest number decides. No two routes of a
    stack share a number."""

    @model_validator(mode="after")
    def _fits_a_rule(self) -> Self:
        if (values := 1 + len(self.paths)) > VALUES_OF_A_RULE:
            raise ValueError(
                f"the host and {len(self.paths)} paths are {values} values, and a listener rule can have "
                f"{VALUES_OF_A_RULE}; split the paths into two routes"
            )
        if (wildcards := sum(path.count("*") + path.count("?") for path in self.paths)) > WILDCARDS_OF_A_RULE:
            raise ValueError(
                f"paths have {wildcards} wildcards, and a listener rule can have {WILDCARDS_OF_A_RULE}; split them "
                "into two routes"
            )
        return self


@dataclass(frozen=True)
class RouteName:
    """What a route's target group is called; its rule is called the same and `-rule`.

    Attributes:
        name: at most 24 characters, since no service's name is longer than 18 here: the provider adds eight, and AWS
            takes 32.
        former: what it was called by an earlier program, or with another strategy or number of routes.
        other: what its second target group is called, where it has one.
        other_former: what that one was called.
    """

    name: str
    former: Sequence[str]
    other: str
    other_former: Sequence[str] = ()


def addresses(routes: Sequence[Route]) -> list[str]:
    """Where a service answers, the rule that is asked first before the others: each host with its paths up to the first
    wildcard.

    Args:
        routes: its routes. The listener of all of them is HTTPS, at port 443 unless it is an adopted one's.
    """
    ordered = sorted(routes, key=lambda route: route.priority)
    urls = [f"https://{route.host}{path}" for route in ordered for path in map(_fixed, route.paths or ["/"])]
    return list(dict.fromkeys(urls))


def _fixed(path: str) -> str:
    """What all paths of a pattern begin with."""
    return path.partition("*")[0].partition("?")[0]


def route_names(service: str, routes: Sequence[Route], *, blue_green: bool) -> list[RouteName]:
    """The names of a service's routes, in their order.

    Those of a service that ECS deploys are called by their host, and by their paths as well where the service has
    several routes of that host. The route of a service of CodeDeploy's, which is its only one, is called like nothing
    that can be edited.

    Args:
        service: the service's name.
        routes: its routes.
        blue_green: whether it is CodeDeploy's.
    """
    service, hosts = short_name(service), Counter(route.host for route in routes)
    seen: set[str] = set()
    names = []
    for route in routes:
        host, only = route.host, hosts[route.host] == 1
        by_host, by_paths = (f"{service}-{letters_for(text)}" for text in (host, _with_paths(route)))
        host_other, paths_other = (f"{service}-{letters_for(f'other {text}')}" for text in (host, _with_paths(route)))
        by_priority, first = f"{service}-{route.priority}", f"{service}{FIRST_GROUP}"
        shifted = [first] if len(routes) == 1 else []
        if blue_green:
            names.append(RouteName(first, [by_host, by_paths, by_priority], f"{service}{OTHER_GROUP}"))
        elif only:
            names.append(RouteName(by_host, [by_paths, by_priority, *shifted], host_other, [paths_other]))
        else:
            # Of several of one host, the first one goes on with what the only one had.
            inherits = host not in seen
            former = [*([by_host] if inherits else []), by_priority]
            names.append(RouteName(by_paths, former, paths_other, [host_other] if inherits else []))
        seen.add(host)
    return names


def _with_paths(route: Route) -> str:
    return " ".join([route.host, *(sorted(route.paths) or ["/*"])])
