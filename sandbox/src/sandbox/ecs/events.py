"""ECS's events on the default bus.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.ecs.deployment import Deployment, utc_now
from sandbox.ecs.hooks import HookRun
from sandbox.ecs.model import Json, Service, Task
from sandbox.ecs.service_deployment import ServiceDeployment
from sandbox.ecs.shapes import task_shape

if TYPE_CHECKING:
    from sandbox.account.account import Account

TIME = "%Y-%m-%dT%H:%M:%SZ"


def publish_deployment(account: Account, service: Service, deployment: Deployment, name: str, reason: str) -> None:
    _publish(
        account,
        "ECS Deployment State Change",
        service.arn,
        {
            "eventType": "ERROR" if name == "SERVICE_DEPLOYMENT_FAILED" else "INFO",
            "eventName": name,
            "deploymentId": deployment.id,
            "updatedAt": deployment.updated_at.strftime(TIME),
            "reason": reason,
        },
    )


def publish_hook(account: Account, service: Service, deployment: ServiceDeployment, run: HookRun) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_hook_state_change_events.html"""
    _publish(
        account,
        "ECS Hook State Change",
        deployment.arn,
        {
            "eventType": "ERROR" if run.status in ("FAILED", "TIMED_OUT") else "INFO",
            "eventName": f"HOOK_{run.status}",
            "hookId": run.id,
            "hookType": run.kind,
            "expiresAt": run.expires_at.strftime(TIME),
            "lifecycleStage": run.stage,
            "clusterArn": service.cluster_arn,
            "serviceArn": service.arn,
            "serviceDeploymentArn": deployment.arn,
            "updatedAt": utc_now().strftime(TIME),
        },
    )


def publish_task(account: Account, task: Task) -> None:
    _publish(account, "ECS Task State Change", task.arn, task_shape(task))


def _publish(account: Account, detail_type: str, resource: str, detail: Json) -> None:
    account.bus.publish(
        {
            "detail-type": detail_type,
            "source": "aws.ecs",
            "resources": [resource],
            "detail": detail,
        }
    )
