"""What every bucket has: versions, encryption, no public access, TLS only; a function that makes these children."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.iam import policies


def keep_private(
    name: str, bucket: pulumi.Input[str], bucket_arn: pulumi.Input[str], parent: pulumi.Resource
) -> aws.s3.BucketVersioning:
    """Make a bucket private; its versioning, which a lifecycle of replaced versions stands on."""
    child = pulumi.ResourceOptions(parent=parent)
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
    aws.s3.BucketPolicy(
        f"{name}-policy",
        bucket=bucket,
        policy=pulumi.Output.json_dumps(policies.secure_transport_only(bucket_arn)),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[private]),
    )
    return versioning
