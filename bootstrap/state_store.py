"""The bucket of Pulumi's self-managed backend."""

from typing import TypedDict

import pulumi
import pulumi_aws as aws

from components.platform.private_bucket import keep_private

KEPT_DAYS = 90
"""Days that a replaced version of a state can be brought back."""


class StateStoreArgs(TypedDict):
    """Inputs of `StateStore`."""

    bucket: str
    """The name of a bucket that exists: the state of what makes it would have no place before."""
    partition: str


class StateStore(pulumi.ComponentResource):
    """A bucket of states: versioned, encrypted, private, TLS only.

    The bucket itself is none of Pulumi's: it holds the state that would delete it.

    Produces: its versioning, encryption, ownership, public access block, lifecycle and policy.
    """

    arn: str
    """The bucket's ARN."""

    def __init__(self, name: str, args: StateStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:StateStore", name, dict(args), opts)
        bucket = args["bucket"]
        self.arn = f"arn:{args['partition']}:s3:::{bucket}"
        versioning = keep_private(name, bucket, self.arn, self)
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket,
            rules=[
                {
                    "id": "replaced",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "noncurrent_version_expiration": {"noncurrent_days": KEPT_DAYS},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
                }
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        self.register_outputs({"arn": self.arn})
