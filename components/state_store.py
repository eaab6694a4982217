"""The bucket of Pulumi's self-managed backend."""

from typing import TypedDict

import pulumi
import pulumi_aws as aws

from components import policies

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
        child, bucket = pulumi.ResourceOptions(parent=self), args["bucket"]
        self.arn = f"arn:{args['partition']}:s3:::{bucket}"
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning", bucket=bucket, versioning_configuration={"status": "Enabled"}, opts=child
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=child,
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership", bucket=bucket, rule={"object_ownership": "BucketOwnerEnforced"}, opts=child
        )
        private = aws.s3.BucketPublicAccessBlock(
            f"{name}-private",
            bucket=bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
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
        aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket,
            policy=pulumi.Output.json_dumps(policies.secure_transport_only(self.arn)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[private]),
        )
        self.register_outputs({"arn": self.arn})
