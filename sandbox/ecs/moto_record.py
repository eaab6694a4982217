"""The record of a service in moto's own table, which its tag and scaling calls look into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from sandbox.ecs.model import Json

if TYPE_CHECKING:
    from sandbox.server.world import World


def _backend(world: World) -> Any:
    return get_backend("ecs")[world.account][world.region]


def record_service(world: World, cluster_arn: str, name: str, controller: Json, tags: list[Json]) -> str:
    """Put the service into moto's table; its ARN."""
    service = _backend(world).create_service(
        cluster_str=cluster_arn,
        service_name=name,
        desired_count=0,
        launch_type="FARGATE",
        tags=list(tags),
        deployment_controller=controller,
    )
    return str(service.arn)


def forget_service(world: World, cluster_arn: str, name: str) -> None:
    _backend(world).services.pop(f"{cluster_arn.rsplit('/', 1)[-1]}:{name}", None)


def service_tags(world: World, arn: str) -> list[Json]:
    """Tags as TagResource and UntagResource left them; none once the service is gone."""
    for service in _backend(world).services.values():
        if service.arn == arn:
            return list(service.tags)
    return []
