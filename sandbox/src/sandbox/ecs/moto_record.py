"""The records in moto's own tables: of services, for tag and scaling calls, and of task definitions."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from sandbox.ecs.model import Json

if TYPE_CHECKING:
    from sandbox.account.account import Account


def _backend(account: Account) -> Any:
    return get_backend("ecs")[account.id][account.region]


def record_service(account: Account, cluster_arn: str, name: str, controller: Json, tags: list[Json]) -> str:
    """Put the service into moto's table; its ARN."""
    service = _backend(account).create_service(
        cluster_str=cluster_arn,
        service_name=name,
        desired_count=0,
        launch_type="FARGATE",
        tags=list(tags),
        deployment_controller=controller,
    )
    return str(service.arn)


def forget_service(account: Account, cluster_arn: str, name: str) -> None:
    _backend(account).services.pop(f"{cluster_arn.rsplit('/', 1)[-1]}:{name}", None)


KEPT = (
    *("family", "containerDefinitions", "volumes", "networkMode", "tags", "placementConstraints", "cpu", "memory"),
    *("requiresCompatibilities", "taskRoleArn", "executionRoleArn", "proxyConfiguration", "inferenceAccelerators"),
    *("runtimePlatform", "ipcMode", "pidMode", "ephemeralStorage"),
)
"""What moto keeps of a task definition."""
KEPT_TOO = ("enableFaultInjection",)
"""What it answers with when its record has it."""


def record_task_definition(account: Account, params: Json) -> str:
    """Put another revision of a family into moto's table; its ARN."""
    inputs = copy.deepcopy({_snake(name): params[name] for name in KEPT if name in params})
    definition = _backend(account).register_task_definition(**inputs)
    for name in KEPT_TOO:
        if name in params:
            setattr(definition, _snake(name), params[name])
    return str(definition.arn)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def service_tags(account: Account, arn: str) -> list[Json]:
    """Tags as TagResource and UntagResource left them; none once the service is gone."""
    for service in _backend(account).services.values():
        if service.arn == arn:
            return list(service.tags)
    return []
