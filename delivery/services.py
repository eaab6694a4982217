"""The ECS services of a stack: how each is called, and what AWS says of it.

A service's name carries its deployment controller, because AWS cannot change the controller of one: another strategy
is another ECS service, which is up before the old one goes.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import boto3

Controller = Literal["ECS", "CODE_DEPLOY"]
SUFFIXES: Mapping[Controller, str] = {"ECS": "", "CODE_DEPLOY": "-codedeploy"}
"""What follows `{stack}-{service}` in the name of an ECS service with this controller."""
MOST_SERVICES = 10
"""How many DescribeServices takes at once."""
AT_ONCE = 16


def aws_name(stack: str, service: str) -> str:
    """What the things of a service are called in AWS: its repository, its pipeline, its task definition's family."""
    return f"{stack}-{service}"


def ecs_name(stack: str, service: str, controller: Controller) -> str:
    """The ECS service's name."""
    return aws_name(stack, service) + SUFFIXES[controller]


def service_of(stack: str, name: str) -> str:
    """The name, in the stack file, of the service that an ECS service belongs to."""
    return name.removeprefix(f"{stack}-").removesuffix(SUFFIXES["CODE_DEPLOY"])


def describe(session: boto3.Session, stack: str, services: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Those that there are, by their names in the stack file; the newer one while a strategy is being changed.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    ecs = session.client("ecs")
    names = [ecs_name(stack, service, controller) for controller in SUFFIXES for service in services]

    def some(names: Sequence[str]) -> list[dict[str, Any]]:
        try:
            answer = ecs.describe_services(cluster=stack, services=names)
        except ecs.exceptions.ClusterNotFoundException:
            return []
        return [service for service in answer["services"] if service["status"] == "ACTIVE"]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [service for answer in pool.map(some, in_parts(names, MOST_SERVICES)) for service in answer]
    return {
        service_of(stack, service["serviceName"]): service
        for service in sorted(found, key=lambda service: str(service.get("createdAt", "")))
    }


def in_parts(items: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """The items, so many at once."""
    for start in range(0, len(items), most):
        yield items[start : start + most]
