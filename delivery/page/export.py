"""What a stack's export says of who may reach what, and of its pipelines.

The export is what `pulumi stack export` prints; secrets in it are not looked at, and taken as not there.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.pull_request.preview import SIGNATURE
from releases.errors import DeliveryError

EVERYBODY = frozenset({"0.0.0.0/0", "::/0"})
ALL_PORTS = (1, 65535)
INGRESS, EGRESS = (f"aws:vpc/securityGroup{way}Rule:SecurityGroup{way}Rule" for way in ("Ingress", "Egress"))
SERVICE = "aws:ecs/service:Service"

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Resource:
    """A resource of the state.

    Attributes:
        name: its name in the program.
        type: its type.
        parent: the name of its parent.
        outputs: what is known of it.
    """

    name: str
    type: str
    parent: str
    outputs: Json


@dataclass(frozen=True)
class Reached:
    """A service's way in, and what it connects to.

    Attributes:
        name: in the stack file.
        hosts: whose requests the load balancer sends to it, with their paths; none where it is not behind one.
        ports: those of its containers that are.
        connects_to: what lets its tasks in: another service's name or a security group → the ports, in words.
        anywhere: whether its tasks may call any address.
    """

    name: str
    hosts: Sequence[str]
    ports: Sequence[int]
    connects_to: Mapping[str, str]
    anywhere: bool


@dataclass(frozen=True)
class Entrance:
    """The load balancer.

    Attributes:
        name: its name; "" where it is not the stack's.
        internal: whether it has no public address.
        listeners: port → what is done there, in words.
        allowed: from which addresses it may be reached.
    """

    name: str
    internal: bool
    listeners: Mapping[int, str]
    allowed: Sequence[str]

    @property
    def public(self) -> bool:
        """Whether everybody may reach it."""
        return not self.internal and bool(EVERYBODY & set(self.allowed))


@dataclass(frozen=True)
class Stage:
    """A stage of a pipeline: its name, and its actions with who does each."""

    name: str
    actions: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Export:
    """What a stack's export says.

    Attributes:
        stack: its name.
        entrance: its load balancer; None without one.
        services: by name.
        pipelines: stages → the services whose pipelines have them.
    """

    stack: str
    entrance: Entrance | None
    services: Sequence[Reached]
    pipelines: Mapping[tuple[Stage, ...], Sequence[str]]


def read_export(text: str) -> Export:
    """What an export says.

    Args:
        text: as `pulumi stack export` prints it.

    Raises:
        DeliveryError: it is none.
    """
    try:
        listed = json.loads(text)["deployment"]["resources"]
        stack = listed[0]["urn"].split("::")[0].rpartition(":")[2]
        resources = [_resource(each) for each in listed if not each.get("delete")]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise DeliveryError("this is not an export; write one with `pulumi stack export --file export.json`") from None
    services = list(_services(resources))
    return Export(stack, _entrance(resources, services), services, _pipelines(resources))


def _resource(given: Json) -> Resource:
    urn, parent = given["urn"], given.get("parent", "")
    outputs = _without_secrets(given.get("outputs") or {})
    return Resource(urn.split("::", 3)[3], given["type"], parent.rpartition("::")[2], outputs)


def _without_secrets(value: Any) -> Any:
    """A value of the state; what stands for a secret is an object with a key of its own (Pulumi's wire format)."""
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items() if not _is_secret(item)}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value if not _is_secret(item)]
    return value


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and SIGNATURE in value


def _of(resources: Sequence[Resource], kind: str) -> Iterator[Resource]:
    return (each for each in resources if each.type == kind)


def _services(resources: Sequence[Resource]) -> Iterator[Reached]:
    found = list(_of(resources, SERVICE))
    groups = {group: each.parent for each in found for group in _groups(each)}
    routes = dict[str, list[str]]()
    for rule in _of(resources, "aws:lb/listenerRule:ListenerRule"):
        for target in _targets(rule.outputs):
            routes[target] = list(dict.fromkeys([*routes.get(target, []), *_hosts(rule.outputs)]))
    for service in sorted(found, key=lambda each: each.parent):
        own, balancers = _groups(service), service.outputs.get("loadBalancers") or []
        targets = [target for balancer in balancers for target in _target_groups(balancer)]
        connects = dict[str, str]()
        for let_in in (each.outputs for each in _of(resources, INGRESS)):
            if let_in.get("referencedSecurityGroupId") in own and "securityGroupId" in let_in:
                group = str(let_in["securityGroupId"])
                connects[groups.get(group, group)] = _ports(let_in)
        yield Reached(
            name=service.parent,
            hosts=list(dict.fromkeys(host for target in targets for host in routes.get(target, []))),
            ports=sorted({int(each["containerPort"]) for each in balancers if "containerPort" in each}),
            connects_to=dict(sorted(connects.items())),
            anywhere=any(
                rule.outputs.get("securityGroupId") in own and rule.outputs.get("cidrIpv4") in EVERYBODY
                for rule in _of(resources, EGRESS)
            ),
        )


def _entrance(resources: Sequence[Resource], services: Sequence[Reached]) -> Entrance | None:
    balancer = next(_of(resources, "aws:lb/loadBalancer:LoadBalancer"), None)
    if balancer is None:
        return Entrance("", False, {}, []) if any(each.ports for each in services) else None
    own = set(balancer.outputs.get("securityGroups") or [])
    listeners = [each.outputs for each in _of(resources, "aws:lb/listener:Listener") if "port" in each.outputs]
    rules = [rule.outputs for rule in _of(resources, INGRESS) if rule.outputs.get("securityGroupId") in own]
    allowed = [str(rule.get("cidrIpv4") or rule.get("cidrIpv6") or rule.get("prefixListId") or "") for rule in rules]
    return Entrance(
        name=str(balancer.outputs.get("name", balancer.name)),
        internal=bool(balancer.outputs.get("internal")),
        listeners={
            int(each["port"]): _listening(each) for each in sorted(listeners, key=lambda each: int(each["port"]))
        },
        allowed=sorted(dict.fromkeys(each for each in allowed if each)),
    )


def _pipelines(resources: Sequence[Resource]) -> dict[tuple[Stage, ...], list[str]]:
    found = dict[tuple[Stage, ...], list[str]]()
    for pipeline in sorted(_of(resources, "aws:codepipeline/pipeline:Pipeline"), key=lambda each: each.parent):
        stages = tuple(
            Stage(
                str(stage.get("name", "")),
                tuple(
                    (str(action.get("name", "")), str(action.get("provider", "")))
                    for action in stage.get("actions") or []
                ),
            )
            for stage in pipeline.outputs.get("stages") or []
        )
        found.setdefault(stages, []).append(pipeline.parent)
    return found


def _groups(service: Resource) -> set[str]:
    return set((service.outputs.get("networkConfiguration") or {}).get("securityGroups") or [])


def _target_groups(balancer: Json) -> list[str]:
    """Both of a service whose traffic shifts."""
    other = (balancer.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")
    return [str(each) for each in (balancer.get("targetGroupArn"), other) if each]


def _targets(rule: Json) -> Iterator[str]:
    for action in rule.get("actions") or []:
        yield from (each["arn"] for each in (action.get("forward") or {}).get("targetGroups") or [] if "arn" in each)
        if action.get("targetGroupArn"):
            yield action["targetGroupArn"]


def _hosts(rule: Json) -> list[str]:
    conditions = rule.get("conditions") or []
    hosts = [host for each in conditions for host in (each.get("hostHeader") or {}).get("values") or []]
    paths = [path for each in conditions for path in (each.get("pathPattern") or {}).get("values") or []]
    return [f"{host}{path}" for host in hosts for path in paths or [""]]


def _ports(rule: Json) -> str:
    first, last = rule.get("fromPort"), rule.get("toPort")
    if first is None or (first, last) == ALL_PORTS:
        return "all ports"
    return f"port {first}" if first == last else f"ports {first} to {last}"


def _listening(listener: Json) -> str:
    actions = listener.get("defaultActions") or []
    redirects = any(action.get("type") == "redirect" for action in actions)
    return f"{listener.get('protocol', '')}{', redirects' if redirects else ''}"
