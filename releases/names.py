"""What the things of a service are called in AWS.

A service's name carries its deployment controller, because AWS cannot change the controller of one: another strategy
is another ECS service, which is up before the old one goes.
"""

from collections.abc import Mapping
from typing import Literal

Controller = Literal["ECS", "CODE_DEPLOY"]
SUFFIXES: Mapping[Controller, str] = {"ECS": "", "CODE_DEPLOY": "-codedeploy"}
"""What follows `{stack}-{service}` in the name of an ECS service with this controller."""


def aws_name(stack: str, service: str) -> str:
    """What the things of a service are called in AWS: its repository, its pipeline, its task definition's family."""
    return f"{stack}-{service}"


def ecs_name(stack: str, service: str, controller: Controller) -> str:
    """The ECS service's name."""
    return aws_name(stack, service) + SUFFIXES[controller]


def service_of(stack: str, name: str) -> str:
    """The name, in the stack file, of the service that an ECS service belongs to."""
    return name.removeprefix(f"{stack}-").removesuffix(SUFFIXES["CODE_DEPLOY"])
