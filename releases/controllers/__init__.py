"""Deployment controllers, each one module: who deploys an ECS service, and all that follows from that.

A deploy strategy (components/service/strategies/) names one. Steps and commands ask the controller that a service has.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from releases.controllers.controller import Controller

for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")

CONTROLLERS: Mapping[str, Controller] = {each.type: each() for each in Controller.__subclasses__()}
"""By the type that ECS has for it."""


def controller_of(service: Mapping[str, Any]) -> Controller:
    """Who deploys a service.

    Args:
        service: as DescribeServices has it, or the inputs of `aws.ecs.Service`. ECS names no controller of its own.
    """
    return CONTROLLERS[(service.get("deploymentController") or {}).get("type", "ECS")]


def service_of(stack: str, name: str) -> str:
    """The name of the service that an ECS service belongs to, as it is in AWS's names (`short_name`)."""
    service = name.removeprefix(f"{stack}-")
    for controller in CONTROLLERS.values():
        service = service.removesuffix(controller.suffix)
    return service
