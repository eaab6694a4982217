"""Effects of a call that succeeded: events of S3 buckets and ECR repositories, a changed network."""

from __future__ import annotations

import itertools
import json
import logging
import time
from typing import Any
from urllib.parse import unquote

from moto.s3.models import s3_backends

from sandbox.account.account import Account
from sandbox.account.protocol import Answer, Operation
from sandbox.account.resource_lookup import MotoLookup

log = logging.getLogger(__name__)

_CREATIONS = {
    "PutObject": "PutObject",
    "CopyObject": "CopyObject",
    "CompleteMultipartUpload": "CompleteMultipartUpload",
}
"""Operation -> ``detail.reason`` of S3's "Object Created"."""
SECONDS_LATE, SECONDS_UNTIL_AGAIN = 300.0, 60.0
"""How long S3 may take to tell of an object, for some minutes after its events were switched on."""
_overtaking = itertools.cycle((1, 2))


def after(account: Account, operation: Operation, answer: Answer, source_ip: str) -> None:
    """Publish the events that follow from ``operation``. A failure here never fails the call."""
    try:
        if operation.service == "s3" and operation.name in _CREATIONS:
            _object_created(account, operation, answer, source_ip)
        elif operation.service == "ecr" and operation.name == "PutImage":
            _image_pushed(account, operation, answer)
        elif operation.service == "ec2" and not operation.name.startswith("Describe"):
            account.network_changes += 1
    except Exception:
        log.exception("no event for %s", operation.name)


def _object_created(account: Account, operation: Operation, answer: Answer, source_ip: str) -> None:
    """Source: S3 User Guide, "Using EventBridge": event message structure."""
    bucket, key = str(operation.params["Bucket"]), str(operation.params["Key"])
    notifications = s3_backends[account.id]["aws"].get_bucket(bucket).notification_configuration
    if notifications is None or notifications.event_bridge is None:
        return
    version = answer.header("x-amz-version-id")
    item = MotoLookup(account.id, account.region).s3_object(bucket, key, version)
    if item is None:
        return
    described: dict[str, Any] = {"key": unquote(key), "size": item.size, "etag": item.etag.strip('"')}
    if version and version != "null":
        described["version-id"] = version
    described["sequencer"] = f"{time.time_ns():018X}"
    event = {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": described,
            "request-id": answer.header("x-amz-request-id") or "SANDBOX",
            "requester": account.id,
            "source-ip-address": source_ip,
            "reason": _CREATIONS[operation.name],
        },
    }
    if account.readings.late_uploads:
        _publish_late(account, event)
    else:
        account.bus.publish(event)


def _publish_late(account: Account, event: dict[str, Any]) -> None:
    """After minutes, a second time after another one, and sooner for every other upload, so that they overtake."""
    delay = SECONDS_LATE / next(_overtaking)

    def publish() -> None:
        account.clock.sleep(delay)
        published = account.bus.publish(event)
        account.clock.sleep(SECONDS_UNTIL_AGAIN)
        account.bus.replay(published["id"])

    account.spawn("late event", publish)


def _image_pushed(account: Account, operation: Operation, answer: Answer) -> None:
    """Source: ECR User Guide, "Amazon ECR events and EventBridge": event for a completed image push."""
    image = json.loads(answer.body)["image"]
    identifier = image["imageId"]
    detail = {
        "action-type": "PUSH",
        "result": "SUCCESS",
        "repository-name": image["repositoryName"],
        "image-digest": identifier["imageDigest"],
        **({"image-tag": identifier["imageTag"]} if identifier.get("imageTag") else {}),
        "manifest-media-type": image.get("imageManifestMediaType", operation.params.get("imageManifestMediaType")),
    }
    account.bus.publish(
        {"detail-type": "ECR Image Action", "source": "aws.ecr", "detail": {k: v for k, v in detail.items() if v}}
    )
