"""What is kept, and what is sent to S3 and to file systems, is encrypted.

Container images, logs and what a load balancer keeps are so always, by AWS; nothing in a program could switch it off.
"""

from collections.abc import Iterator

from pulumi_policy import PolicyResource, ResourceValidationArgs

from aws_access import statements
from rule import known, of_buckets, rule, service_key, stack_rule


def _buckets(resources: list[PolicyResource]) -> Iterator[tuple[PolicyResource, str]]:
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    encrypted = of_buckets(resources, kind)
    policies = of_buckets(resources, "aws:s3/bucketPolicy:BucketPolicy")
    for bucket in resources:
        if bucket.resource_type != "aws:s3/bucket:Bucket":
            continue
        if bucket.urn not in encrypted:
            yield bucket, "it does not say how it is encrypted. Add an aws.s3.BucketServerSideEncryptionConfiguration."
        if not any(_refuses_plain_http(policy) for policy in policies.get(bucket.urn, [])):
            yield (
                bucket,
                "it takes requests without TLS. Give it an aws.s3.BucketPolicy with policies.secure_transport_only.",
            )


def _refuses_plain_http(policy: PolicyResource) -> bool:
    """Also of a policy that a preview does not know yet."""
    document = known(policy.props, "policy")
    return document is None or any(
        statement["Effect"] == "Deny"
        and any(
            key.lower() == "aws:securetransport" and value in ("false", False)
            for key, value in statement.get("Condition", {}).get("Bool", {}).items()
        )
        for statement in statements(document)
    )


def _queue(args: ResourceValidationArgs) -> Iterator[str]:
    if not args.props.get("sqsManagedSseEnabled") and "kmsMasterKeyId" not in args.props:
        yield "its messages are not encrypted. Set sqs_managed_sse_enabled=True."


def _parameter(args: ResourceValidationArgs) -> Iterator[str]:
    """The provider takes a plain value as insecureValue, so that `value` is a secret one."""
    kind = args.props["type"]
    if kind == "SecureString" and "keyId" not in args.props:
        yield (
            "whoever may read parameters of this account can decrypt it: it has the account's key. Set key_id to the "
            "service's own, as components/service/parameter_store.py does."
        )
    elif kind != "SecureString" and "value" in args.props:
        yield (
            f"a secret value is kept as plain {kind}. Mark it `secret: true` under {service_key(args, 'parameters')}, "
            'or give it as insecure_value if it is none; type="SecureString" encrypts.'
        )


def _key(args: ResourceValidationArgs) -> Iterator[str]:
    if not args.props.get("enableKeyRotation"):
        yield "its key material is never exchanged. Set enable_key_rotation=True."


def _at_rest(args: ResourceValidationArgs) -> Iterator[str]:
    if not args.props.get("storageEncrypted") and not args.props.get("encrypted"):
        yield "what it keeps is not encrypted. Set storage_encrypted=True (encrypted=True of a file system or volume)."


def _mounts(args: ResourceValidationArgs) -> Iterator[str]:
    for volume in known(args.props, "volumes") or []:
        efs = volume.get("efsVolumeConfiguration")
        if efs and efs.get("transitEncryption") != "ENABLED":
            yield (
                f"what a task reads and writes in volume {volume.get('name')} goes over the network in the clear. Set "
                "transitEncryption: ENABLED in the template, or declare it under "
                f"{service_key(args, 'task.volumes')}."
            )


RULES = [
    stack_rule("buckets-are-encrypted", "A bucket encrypts what it keeps, and refuses requests without TLS.", _buckets),
    rule(
        "encrypted-in-transit",
        "What tasks send to a file system is encrypted.",
        {"aws:ecs/taskDefinition:TaskDefinition": _mounts},
    ),
    rule(
        "encrypted-at-rest",
        "What is kept is encrypted, secrets with a key of their own.",
        {
            "aws:sqs/queue:Queue": _queue,
            "aws:ssm/parameter:Parameter": _parameter,
            "aws:kms/key:Key": _key,
            "aws:rds/instance:Instance": _at_rest,
            "aws:rds/cluster:Cluster": _at_rest,
            "aws:efs/fileSystem:FileSystem": _at_rest,
            "aws:ebs/volume:Volume": _at_rest,
        },
    ),
]
