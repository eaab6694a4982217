"""The AppSpec of an ECS deployment.

https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

Json = dict[str, Any]
EVENTS = ("BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic")
"""The lifecycle events that a hook can be called at, in their order."""
PROPERTIES = (
    "TaskDefinition",
    "LoadBalancerInfo",
    "PlatformVersion",
    "NetworkConfiguration",
    "CapacityProviderStrategy",
)


class AppSpecError(Exception):
    """An AppSpec that CodeDeploy refuses."""


@dataclass(frozen=True)
class AppSpec:
    """The parsed AppSpec: what to deploy.

    Attributes:
        task_definition: the revision's ARN.
        container: the container that the load balancer reaches.
        port: where it listens.
        inputs: what the task set is made with besides, in CreateTaskSet's words.
        hooks: lifecycle event → function.
    """

    task_definition: str
    container: str
    port: int
    inputs: Json = field(default_factory=dict)
    hooks: dict[str, str] = field(default_factory=dict)


def parse(content: str) -> AppSpec:
    """Read an AppSpec, JSON or YAML.

    Raises:
        AppSpecError: it is not one of an ECS deployment; the message says what is wrong.
    """
    try:
        document = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise AppSpecError(f"The AppSpec file is not valid YAML or JSON: {error}") from error
    if not isinstance(document, dict) or document.get("version") != 0.0:
        raise AppSpecError("The AppSpec file's version must be 0.0")
    resources = document.get("Resources")
    if not isinstance(resources, list) or len(resources) != 1 or len(resources[0]) != 1:
        raise AppSpecError("The AppSpec file must have exactly one resource")
    (resource,) = resources[0].values()
    if resource.get("Type") != "AWS::ECS::Service":
        raise AppSpecError(f"The AppSpec file's resource is of type {resource.get('Type')}, not AWS::ECS::Service")
    properties = resource.get("Properties") or {}
    unknown = sorted(set(properties) - set(PROPERTIES))
    if unknown:
        raise AppSpecError(f"The AppSpec file has unknown properties: {', '.join(unknown)}")
    balancer = properties.get("LoadBalancerInfo") or {}
    if not properties.get("TaskDefinition") or not {"ContainerName", "ContainerPort"} <= balancer.keys():
        raise AppSpecError(
            "The AppSpec file needs TaskDefinition and LoadBalancerInfo with ContainerName, ContainerPort"
        )
    return AppSpec(
        str(properties["TaskDefinition"]),
        str(balancer["ContainerName"]),
        int(balancer["ContainerPort"]),
        _inputs(properties),
        _hooks(document.get("Hooks") or []),
    )


def _inputs(properties: Json) -> Json:
    inputs: Json = {}
    if "PlatformVersion" in properties:
        inputs["platformVersion"] = properties["PlatformVersion"]
    if "NetworkConfiguration" in properties:
        network = properties["NetworkConfiguration"]["AwsvpcConfiguration"]
        inputs["networkConfiguration"] = {"awsvpcConfiguration": _camel(network)}
    if "CapacityProviderStrategy" in properties:
        inputs["capacityProviderStrategy"] = [_camel(each) for each in properties["CapacityProviderStrategy"]]
    return inputs


def _camel(fields: Json) -> Json:
    return {name[0].lower() + name[1:]: value for name, value in fields.items()}


def _hooks(declared: list[Json]) -> dict[str, str]:
    hooks = {event: str(function) for each in declared for event, function in each.items()}
    unknown = sorted(set(hooks) - set(EVENTS))
    if unknown:
        raise AppSpecError(f"The AppSpec file has hooks at unknown lifecycle events: {', '.join(unknown)}")
    return hooks
