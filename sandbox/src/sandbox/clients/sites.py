"""Where a service answers, by the rules of the load balancers' listeners."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.balancer.rules import values
from sandbox.stacks import SandboxError

SECONDS_TO_ANSWER = 10.0


@dataclass(frozen=True)
class Site:
    """Where a service answers.

    Attributes:
        host: the Host header.
        address: the listener's local address.
    """

    host: str
    address: str

    def get(self, path: str) -> tuple[int, bytes]:
        """A GET's status and body; 0 when nobody answers."""
        connection = http.client.HTTPConnection(self.address, timeout=SECONDS_TO_ANSWER)
        try:
            connection.request("GET", path, headers={"Host": self.host})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()


def find_site(client: Callable[[str], Any], listeners: list[dict[str, Any]], stack: str, service: str) -> Site:
    """Where a service answers: the first host whose rule forwards to one of its target groups, of any path if one does.

    Args:
        client: makes a boto3 client.
        listeners: as the sandbox's server lists them.
        stack: the cluster, and what the ECS service's name begins with.
        service: what it goes on with.

    Raises:
        SandboxError: there is no such service, or no rule leads to it.
    """
    ecs, elbv2, wanted = client("ecs"), client("elbv2"), f"{stack}-{service}"
    arns = ecs.list_services(cluster=stack, maxResults=100)["serviceArns"]
    names = sorted(name for name in (arn.rpartition("/")[2] for arn in arns) if name.startswith(wanted))
    exact = [name for name in names if name == wanted] or names
    if not exact:
        raise SandboxError(f"there is no ECS service {wanted} in cluster {stack}")
    if len(exact) > 1:
        raise SandboxError(f"{wanted} begins the names of several ECS services: {', '.join(exact)}; go on with one")
    (found,) = ecs.describe_services(cluster=stack, services=exact)["services"]
    sets = [found, *found.get("taskSets", [])]
    groups = {balancer["targetGroupArn"] for each in sets for balancer in each.get("loadBalancers", [])}
    of_some_paths: list[Site] = []
    for listener in sorted(listeners, key=lambda listener: int(listener["port"])):
        for rule in elbv2.describe_rules(ListenerArn=listener["arn"])["Rules"]:
            forwards = {
                group["TargetGroupArn"]
                for action in rule["Actions"]
                for group in action.get("ForwardConfig", {}).get("TargetGroups", [])
            }
            hosts = [
                host
                for c in rule["Conditions"]
                if c["Field"] == "host-header"
                for host in values(c, "HostHeaderConfig")
            ]
            if forwards & groups and hosts:
                site = Site(hosts[0], listener["address"])
                if all(c["Field"] != "path-pattern" for c in rule["Conditions"]):
                    return site
                of_some_paths.append(site)
    if of_some_paths:
        return of_some_paths[0]
    raise SandboxError(f"no listener's rule leads to the ECS service {exact[0]}: it has no route")
