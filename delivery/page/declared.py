"""What a service is declared to be, in words that two stacks can be compared by; and what they differ in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.page.facts import Service, StackFacts
from delivery.page.words import moment, short
from releases.controllers import controller_of
from releases.controllers.codedeploy import CodeDeployController
from releases.names import release_tag
from releases.service_deployments import strategy_of
from releases.service_state import service_containers

ABSENT = "none"


@dataclass(frozen=True)
class Difference:
    """What of a service is not the same in two stacks.

    Attributes:
        label: what.
        here: in this stack.
        there: in the other one.
    """

    label: str
    here: str
    there: str


def fields_of(
    repository: str, service: Mapping[str, Any], definition: Mapping[str, Any], limits: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Label → text. Of variables it has the names only: where a value is a secret is not for a page to know.

    Args:
        repository: the service's name in AWS, as its images' repository and its own containers are called.
        service: as DescribeServices has it.
        definition: what it should run, as DescribeTaskDefinition has it.
        limits: its scalable targets.
    """
    own, containers = service_containers(definition, repository), definition["containerDefinitions"]
    shares = service.get("capacityProviderStrategy", [])
    fields = {
        "size": f"{definition.get('cpu', '?')} CPU units, {definition.get('memory', '?')} MiB",
        "architecture": definition.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64"),
        "tasks": f"{limits[0]['MinCapacity']} to {limits[0]['MaxCapacity']}"
        if limits
        else str(service["desiredCount"]),
        "capacity": ", ".join(sorted(f"{each['capacityProvider']} {each.get('weight', 0)}" for each in shares)),
        "strategy": _strategy(service),
        "grace period": f"{service.get('healthCheckGracePeriodSeconds', 0)} s",
        "ECS Exec": "on" if service.get("enableExecuteCommand") else "off",
    }
    for index, container in enumerate(sorted(containers, key=lambda each: each["name"] not in own)):
        of = "" if index == 0 and container["name"] in own else f" of {_called(container['name'], repository)}"
        fields[f"variables{of}"] = _names(container.get("environment", []))
        fields[f"parameters{of}"] = _names(container.get("secrets", []))
        ports = (str(each["containerPort"]) for each in container.get("portMappings", []))
        fields[f"ports{of}"] = ", ".join(sorted(ports))
        if container["name"] not in own:
            fields[f"image{of}"] = container["image"]
    return {label: text for label, text in fields.items() if text}


def differences(here: StackFacts, there: StackFacts) -> dict[str, list[Difference]]:
    """Service → what it differs in, of each service that either stack has."""
    ours, theirs = ({service.name: service for service in facts.services} for facts in (here, there))
    return {name: list(_differ(ours.get(name), theirs.get(name))) for name in sorted(ours.keys() | theirs.keys())}


def _differ(here: Service | None, there: Service | None) -> Iterator[Difference]:
    if here is None or there is None:
        yield Difference("service", *("there" if each else "not there" for each in (here, there)))
        return
    if here.commit != there.commit or here.release is None or there.release is None:
        yield Difference("release", _release(here), _release(there))
    for label in dict.fromkeys((*here.now.fields, *there.now.fields)):
        ours, theirs = (service.now.fields.get(label, ABSENT) for service in (here, there))
        if ours == theirs:
            continue
        if label.startswith(("variables", "parameters")):
            ours, theirs = _only(ours, theirs), _only(theirs, ours)
        yield Difference(label, ours or ABSENT, theirs or ABSENT)


def _release(service: Service) -> str:
    if service.release is None or service.released is None:
        return ABSENT
    commit = f"commit {short(service.commit)}" if service.commit else "commit not said"
    return f"{commit}, {release_tag(service.release)} of {moment(service.released)}"


def _only(ours: str, theirs: str) -> str:
    """The names that are on one side only."""
    others = set(theirs.split(", "))
    return ", ".join(name for name in ours.split(", ") if name not in others and name != ABSENT)


def _strategy(service: Mapping[str, Any]) -> str:
    if controller_of(service).type == CodeDeployController.type:
        return "codedeploy"
    configuration, strategy = service.get("deploymentConfiguration", {}), strategy_of(service).lower()
    numbers = [
        *(f"{percent:g} %" for percent in _values(configuration, strategy, "canaryPercent", "stepPercent")),
        *(
            f"{minutes} min"
            for minutes in _values(configuration, strategy, "canaryBakeTimeInMinutes", "stepBakeTimeInMinutes")
        ),
        *([f"bake {configuration['bakeTimeInMinutes']} min"] if configuration.get("bakeTimeInMinutes") else []),
    ]
    return ", ".join([strategy, *(numbers if strategy != "rolling" else [])])


def _values(configuration: Mapping[str, Any], strategy: str, *keys: str) -> Iterator[Any]:
    steps = configuration.get(f"{strategy}Configuration", {})
    yield from (steps[key] for key in keys if key in steps)


def _called(container: str, repository: str) -> str:
    """A container without the stack's name, which another stack's has not."""
    return container.removeprefix(f"{repository}-")


def _names(entries: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(sorted(entry["name"] for entry in entries))
