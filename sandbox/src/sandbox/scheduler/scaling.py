"""Scheduled actions of Application Auto Scaling on ECS services, when a test says that they are due.

https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-overview.html
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from sandbox.account.account import Account
from sandbox.server.control import Rejected

ECS = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}


def scale(account: Account, body: dict[str, Any]) -> dict[str, Any]:
    """Set the bounds of an action's target, and start or stop tasks to fit them; a suspended target stays as it is."""
    client, name = account.client("application-autoscaling"), str(body["name"])
    found = client.describe_scheduled_actions(**ECS, ScheduledActionNames=[name])["ScheduledActions"]
    if len(found) != 1:
        raise Rejected(HTTPStatus.NOT_FOUND, f"there is no scheduled action {name}, or there are several")
    resource, bounds = found[0]["ResourceId"], found[0]["ScalableTargetAction"]
    (target,) = client.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[resource])["ScalableTargets"]
    if target.get("SuspendedState", {}).get("ScheduledScalingSuspended"):
        return {"suspended": True}
    client.register_scalable_target(**ECS, ResourceId=resource, **bounds)
    _, cluster, service = resource.split("/")
    ecs = account.client("ecs")
    desired = ecs.describe_services(cluster=cluster, services=[service])["services"][0]["desiredCount"]
    least, most = (bounds.get(bound, target[bound]) for bound in ("MinCapacity", "MaxCapacity"))
    fitting = min(max(desired, least), most)
    if fitting != desired:
        ecs.update_service(cluster=cluster, service=service, desiredCount=fitting)
    return {"suspended": False, "desired": fitting}
