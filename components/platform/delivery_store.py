"""The bucket of sources, artifacts and the steps' code."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.platform import steps_code
from components.platform.private_bucket import keep_private
from releases.names import SOURCES, TEMPLATES

RETENTION_DAYS = 30
"""Of what ages, and of replaced sources and templates; their newest versions stay."""
EVENTS_AFTER = timedelta(minutes=float(os.environ.get("DELIVERY_MINUTES_TO_EVENTS", "5")))
"""How long it takes S3 to tell EventBridge of uploads once it was told to (S3, enabling Amazon EventBridge); less only
where something stands for S3 that tells at once."""


class DeliveryStoreArgs(TypedDict):
    """Inputs of `DeliveryStore`."""

    artifact_prefixes: Sequence[str]
    """The folders where pipelines keep their artifacts, which expire."""
    report_prefixes: NotRequired[Sequence[str]]
    """The folders of the reports' objects, which expire too."""
    protect: NotRequired[bool]
    """Deletion protection; without it the bucket is emptied and deleted with the stack."""


class DeliveryStore(pulumi.ComponentResource):
    """A private, versioned, encrypted bucket whose uploads are events.

    Produces: an `aws.s3.Bucket` (autonamed) with versioning, encryption, ownership, public access block,
    lifecycle, policy (TLS only) and EventBridge notification, and an object with the code of the pipelines' steps.
    """

    bucket: pulumi.Output[str]
    """The bucket's name, known once its uploads reach EventBridge."""
    arn: pulumi.Output[str]
    """The bucket's ARN."""
    steps_key: pulumi.Output[str]
    """The object with the code of the pipelines' steps."""

    def __init__(self, name: str, args: DeliveryStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:DeliveryStore", name, dict(args), opts)
        protect = args.get("protect", False)
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            force_destroy=not protect,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        versioning = keep_private(name, bucket.bucket, bucket.arn, self)
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=_lifecycle([*args["artifact_prefixes"], *args.get("report_prefixes", [])]),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        events = aws.s3.BucketNotification(
            f"{name}-events",
            bucket=bucket.bucket,
            eventbridge=True,
            opts=pulumi.ResourceOptions(
                parent=self,
                hooks=pulumi.ResourceHookBinding(after_create=[pulumi.ResourceHook(f"{name}-events-new", _tell_when)]),
            ),
        )
        # What runs now may still read the code that this replaces.
        steps = aws.s3.BucketObjectv2(
            f"{name}-steps",
            bucket=bucket.bucket,
            key=steps_code.key(),
            content_base64=b64encode(steps_code.archive()).decode(),
            content_type="application/zip",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning], retain_on_delete=True),
        )
        self.steps_key = steps.key
        self.bucket = events.bucket
        self.arn = bucket.arn
        self.register_outputs({"bucket": self.bucket})


def uploads_start(now: datetime) -> str:
    """From when on an upload starts its pipeline, when S3 has just been told to tell of it."""
    return (
        f"S3 tells of uploads from about {now + EVENTS_AFTER:%H:%M} UTC on, five minutes after this bucket was made: "
        "an earlier upload may start no release, and then has to be repeated"
    )


async def _tell_when(_: pulumi.ResourceHookArgs) -> None:
    if EVENTS_AFTER:
        pulumi.log.info(uploads_start(datetime.now(UTC)))


def _lifecycle(aging: Sequence[str]) -> list[aws.s3.BucketLifecycleConfigurationRuleArgsDict]:
    """What was replaced and what ages goes after RETENTION_DAYS; the newest source and template of a service stay."""
    replaced: list[aws.s3.BucketLifecycleConfigurationRuleArgsDict] = [
        {
            "id": f"replaced-{prefix}",
            "status": "Enabled",
            "filter": {"prefix": f"{prefix}/"},
            "noncurrent_version_expiration": {"noncurrent_days": RETENTION_DAYS},
            "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
        }
        for prefix in (SOURCES, TEMPLATES)
    ]
    aged: list[aws.s3.BucketLifecycleConfigurationRuleArgsDict] = [
        {
            "id": f"artifacts-{prefix}",
            "status": "Enabled",
            "filter": {"prefix": f"{prefix}/"},
            "expiration": {"days": RETENTION_DAYS},
            "noncurrent_version_expiration": {"noncurrent_days": 1},
        }
        for prefix in aging
    ]
    return [*replaced, *aged]
