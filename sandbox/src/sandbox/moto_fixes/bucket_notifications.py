"""A bucket's notification configuration is returned with EventBridge, which moto stores and does not return.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.s3.responses import S3Response

KINDS = {
    "TopicConfigurations": ("topic", "TopicArn"),
    "QueueConfigurations": ("queue", "QueueArn"),
    "LambdaFunctionConfigurations": ("cloud_function", "LambdaFunctionArn"),
}
"""Member of the answer → moto's attribute with such notifications, and what their target is called."""


def apply() -> None:
    """Have moto report it."""
    S3Response.get_bucket_notification = _get  # type: ignore[method-assign]


def _get(self: S3Response) -> Any:
    configuration = self.backend.get_bucket_notification_configuration(self.bucket_name)
    self.data["Action"] = "GetBucketNotificationConfiguration"
    result: dict[str, Any] = {}
    if configuration is not None:
        result = {
            member: [_described(each, target) for each in getattr(configuration, attribute)]
            for member, (attribute, target) in KINDS.items()
        }
        if configuration.event_bridge is not None:
            result["EventBridgeConfiguration"] = {}
    return self.serialized(ActionResult(result))


def _described(notification: Any, target: str) -> dict[str, Any]:
    described = {"Id": notification.id, target: notification.arn, "Events": notification.events}
    if notification.filters:
        described["Filter"] = {"Key": {"FilterRules": notification.filters["S3Key"]["FilterRule"]}}
    return described
