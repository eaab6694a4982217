"""The ECS services of a stack: what AWS says of them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3

from releases.controllers import CONTROLLERS, service_of

MOST_SERVICES = 10
"""How many DescribeServices takes at once."""
AT_ONCE = 16


def describe(session: boto3.Session, stack: str, services: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Those that there are, by their names in the stack file; the newer one while a strategy is being changed.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    ecs = session.client("ecs")
    names = [controller.service_name(stack, service) for controller in CONTROLLERS.values() for service in services]

    def some(names: Sequence[str]) -> list[dict[str, Any]]:
        try:
            answer = ecs.describe_services(cluster=stack, services=names)
        except ecs.exceptions.ClusterNotFoundException:
            return []
        return [service for service in answer["services"] if service["status"] == "ACTIVE"]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        active = [service for answer in pool.map(some, in_parts(names, MOST_SERVICES)) for service in answer]
    return {
        service_of(stack, service["serviceName"]): service
        for service in sorted(active, key=lambda service: str(service.get("createdAt", "")))
    }


def in_parts(items: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """The items, so many at once."""
    for start in range(0, len(items), most):
        yield items[start : start + most]
