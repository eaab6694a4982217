"""ECS's events on the default bus.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.ecs.model import Deployment, Json, Service, Task
from sandbox.ecs.shapes import task_shape

if TYPE_CHECKING:
    from sandbox.account.account import Account


def publish_deployment(account: Account, service: Service, deployment: Deployment, name: str, reason: str) -> None:
    _publish(
        account,
        "ECS Deployment State Change",
        service.arn,
        {
            "eventType": "ERROR" if name == "SERVICE_DEPLOYMENT_FAILED" else "INFO",
            "eventName": name,
            "deploymentId": deployment.id,
            "updatedAt": deployment.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "reason": reason,
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
