"""Where a service answers, by the rules of the load balancers' listeners."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.balancer.rules import values, whole_host
from sandbox.clients.pipelines import ecs_services
from sandbox.clients.session import Session
from sandbox.stacks import SandboxError

Json = dict[str, Any]
SECONDS_TO_ANSWER = 10.0


@dataclass(frozen=True)
class Site:
    """Where a service answers.

    Attributes:
        host: the Host header.
        address: the listener's local address.
        label: the host's first label, where that alone leads to it; None where another host has it too.
    """

    host: str
    address: str
    label: str | None = None

    @property
    def url(self) -> str:
        """What opens it on this machine: names below `localhost` are this machine's (RFC 6761)."""
        return f"http://{self.label or self.host}.localhost:{self.address.rpartition(':')[2]}/"

    def get(self, path: str) -> tuple[int, bytes]:
        """A GET's status and body; 0 without an answer."""
        connection = http.client.HTTPConnection(self.address, timeout=SECONDS_TO_ANSWER)
        try:
            connection.request("GET", path, headers={"Host": self.host})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()


def find_site(session: Session, pipeline: Json, service: str) -> Site:
    """Where a service answers: the first host whose rule forwards to one of its target groups, of any path if one does.

    Args:
        session: of the sandbox.
        pipeline: deploys the service.
        service: its name.

    Raises:
        SandboxError: there is no such ECS service, or no rule leads to it.
    """
    ecs = session.client("ecs")
    names = ecs_services(session, pipeline, service)
    answers = [ecs.describe_services(cluster=cluster, services=[name]) for cluster, name in names]
    described = [each for answer in answers for each in answer["services"]]
    if not described:
        raise SandboxError(f"the pipeline {pipeline['name']} deploys no ECS service that there is")
    sets = [each for ecs_service in described for each in (ecs_service, *ecs_service.get("taskSets", []))]
    groups = {balancer["targetGroupArn"] for each in sets for balancer in each.get("loadBalancers", [])}
    of_some_paths: list[Site] = []
    for rule, sites in _sites(session):
        forwards = {
            group["TargetGroupArn"]
            for action in rule["Actions"]
            for group in action.get("ForwardConfig", {}).get("TargetGroups", [])
        }
        if forwards & groups and sites:
            if all(c["Field"] != "path-pattern" for c in rule["Conditions"]):
                return sites[0]
            of_some_paths.append(sites[0])
    if of_some_paths:
        return of_some_paths[0]
    raise SandboxError(f"no listener's rule leads to the ECS service {described[0]['serviceName']}: it has no route")


def addresses(session: Session) -> dict[str, str]:
    """Host → what opens it on this machine, of all hosts that a rule names."""
    return {site.host: site.url for _, sites in reversed([*_sites(session)]) for site in sites}


def _sites(session: Session) -> Iterator[tuple[Json, list[Site]]]:
    """The rules of all listeners, by port, each with the hosts that it names."""
    elbv2 = session.client("elbv2")
    for listener in sorted(session.control("listeners"), key=lambda listener: int(listener["port"])):
        rules = elbv2.describe_rules(ListenerArn=listener["arn"])["Rules"]
        for rule in rules:
            conditions = [c for c in rule["Conditions"] if c["Field"] == "host-header"]
            hosts = [host for c in conditions for host in values(c, "HostHeaderConfig")]
            yield rule, [_site(rules, host, listener["address"]) for host in hosts]


def _site(rules: list[Json], host: str, address: str) -> Site:
    label = host.partition(".")[0]
    return Site(host, address, label if whole_host(rules, label) == host else None)
