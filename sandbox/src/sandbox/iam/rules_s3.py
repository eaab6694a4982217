"""Permissions of Amazon S3 calls.

Source: S3 User Guide, "Required permissions for Amazon S3 API operations"; "Using SSE-KMS" for the KMS calls
which S3 makes in the caller's name.
"""

from __future__ import annotations

from collections.abc import Callable

from sandbox.iam.calls import Call, Need, tag_context
from sandbox.iam.rules_data import kms_need

_BUCKET_ACTIONS = {
    "HeadBucket": "ListBucket",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    **{
        name: name
        for name in (
            "CreateBucket", "DeleteBucket", "DeleteBucketPolicy", "GetBucketAcl", "GetBucketCORS",
            "GetBucketLocation", "GetBucketLogging", "GetBucketOwnershipControls", "GetBucketPolicy",
            "GetBucketPolicyStatus", "GetBucketRequestPayment", "GetBucketTagging", "GetBucketVersioning",
            "GetBucketWebsite", "PutBucketPolicy", "PutBucketTagging", "PutBucketVersioning",
        )
    },
}  # fmt: skip
"""Operation -> action on the bucket; action names often differ from operation names."""

_OBJECT_ACTIONS = {
    "AbortMultipartUpload": ("AbortMultipartUpload", None),
    "ListParts": ("ListMultipartUploadParts", None),
    "DeleteObject": ("DeleteObject", "DeleteObjectVersion"),
    "GetObjectAcl": ("GetObjectAcl", "GetObjectVersionAcl"),
    "PutObjectAcl": ("PutObjectAcl", "PutObjectVersionAcl"),
    "GetObjectTagging": ("GetObjectTagging", "GetObjectVersionTagging"),
    "PutObjectTagging": ("PutObjectTagging", "PutObjectVersionTagging"),
    "DeleteObjectTagging": ("DeleteObjectTagging", "DeleteObjectVersionTagging"),
    "RestoreObject": ("RestoreObject", None),
}
"""Operation -> action on the object, and the one when the request names a version."""


def _bucket(call: Call) -> str:
    return f"arn:aws:s3:::{call.params['Bucket']}"


def _object(call: Call) -> str:
    return f"{_bucket(call)}/{call.params['Key']}"


def _bucket_rule(action: str) -> Callable[[Call], list[Need]]:
    return lambda call: [Need(f"s3:{action}", _bucket(call))]


def _object_rule(plain: str, versioned: str | None) -> Callable[[Call], list[Need]]:
    def rule(call: Call) -> list[Need]:
        version = call.params.get("VersionId")
        if version and versioned:
            return [Need(f"s3:{versioned}", _object(call), {"s3:VersionId": version})]
        return [Need(f"s3:{plain}", _object(call))]

    return rule


def _list(action: str) -> Callable[[Call], list[Need]]:
    def rule(call: Call) -> list[Need]:
        keys = {"s3:prefix": "Prefix", "s3:delimiter": "Delimiter", "s3:max-keys": "MaxKeys"}
        present = {key: str(call.params[name]) for key, name in keys.items() if call.params.get(name) is not None}
        return [Need(f"s3:{action}", _bucket(call), present)]

    return rule


def _encryption_context(call: Call, bucket: str, key: str) -> dict[str, str]:
    """S3 puts the object's ARN in the encryption context, or the bucket's when it uses a bucket key."""
    _, bucket_key = call.facts.bucket_encryption(bucket)
    arn = f"arn:aws:s3:::{bucket}" if bucket_key else f"arn:aws:s3:::{bucket}/{key}"
    return {"aws:s3:arn": arn}


def _read_object(call: Call, bucket: str, key: str, version: str | None) -> list[Need]:
    action, context = ("GetObjectVersion", {"s3:VersionId": version}) if version else ("GetObject", {})
    needs = [Need(f"s3:{action}", f"arn:aws:s3:::{bucket}/{key}", context)]
    if not call.facts.object_exists(bucket, key, version):
        # Without s3:ListBucket a missing key is answered AccessDenied, not NoSuchKey.
        return [*needs, Need("s3:ListBucket", f"arn:aws:s3:::{bucket}")]
    if kms_key := call.facts.object_key(bucket, key, version):
        needs.append(kms_need(call, "Decrypt", kms_key, "s3", _encryption_context(call, bucket, key)))
    return needs


def _get(call: Call) -> list[Need]:
    return _read_object(call, call.params["Bucket"], call.params["Key"], call.params.get("VersionId"))


def _attributes(call: Call) -> list[Need]:
    version = call.params.get("VersionId")
    action = "GetObjectVersionAttributes" if version else "GetObjectAttributes"
    return [*_get(call), Need(f"s3:{action}", _object(call))]


def _write_encryption(call: Call) -> str | None:
    """The KMS key that encrypts what this call writes: the request's, else the bucket's default."""
    if str(call.params.get("ServerSideEncryption", "")).startswith("aws:kms"):
        return call.facts.key_arn(call.params.get("SSEKMSKeyId") or "alias/aws/s3")
    if call.params.get("ServerSideEncryption"):
        return None
    return call.facts.bucket_encryption(call.params["Bucket"])[0]


_REQUEST_KEYS = {
    "s3:x-amz-acl": "ACL",
    "s3:x-amz-copy-source": "CopySource",
    "s3:x-amz-metadata-directive": "MetadataDirective",
    "s3:x-amz-server-side-encryption": "ServerSideEncryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "s3:x-amz-storage-class": "StorageClass",
    "s3:if-none-match": "IfNoneMatch",
    "s3:if-match": "IfMatch",
}


def _put(call: Call) -> list[Need]:
    context = {key: str(call.params[name]) for key, name in _REQUEST_KEYS.items() if call.params.get(name)}
    needs = [Need("s3:PutObject", _object(call), context)]
    if call.params.get("ACL"):
        needs.append(Need("s3:PutObjectAcl", _object(call), context))
    if tagging := call.params.get("Tagging"):
        pairs = dict(pair.partition("=")[::2] for pair in str(tagging).split("&"))
        tags = {key.replace("aws:RequestTag", "s3:RequestObjectTag"): v for key, v in tag_context(pairs).items()}
        needs.append(Need("s3:PutObjectTagging", _object(call), tags))
    kms_key = _write_encryption(call)
    if kms_key:
        encryption = _encryption_context(call, call.params["Bucket"], call.params["Key"])
        needs.append(kms_need(call, "GenerateDataKey", kms_key, "s3", encryption))
        if call.operation in ("UploadPart", "UploadPartCopy", "CompleteMultipartUpload"):
            needs.append(kms_need(call, "Decrypt", kms_key, "s3", encryption))
    return needs


def _copy_source(call: Call) -> tuple[str, str, str | None]:
    source = call.params["CopySource"]
    if isinstance(source, dict):
        return source["Bucket"], source["Key"], source.get("VersionId")
    path, _, version = str(source).partition("?versionId=")
    bucket, _, key = path.removeprefix("/").partition("/")
    return bucket, key, version or None


def _copy(call: Call) -> list[Need]:
    bucket, key, version = _copy_source(call)
    needs = [*_read_object(call, bucket, key, version), *_put(call)]
    if call.operation == "CopyObject" and call.facts.object_tagged(bucket, key, version):
        if call.params.get("TaggingDirective") == "REPLACE":
            return needs
        action = "GetObjectVersionTagging" if version else "GetObjectTagging"
        needs += [
            Need(f"s3:{action}", f"arn:aws:s3:::{bucket}/{key}"),
            Need("s3:PutObjectTagging", _object(call)),
        ]
    return needs


def _delete_many(call: Call) -> list[Need]:
    return [
        Need(
            "s3:DeleteObjectVersion" if entry.get("VersionId") else "s3:DeleteObject",
            f"{_bucket(call)}/{entry['Key']}",
        )
        for entry in call.values("Delete.Objects")
    ]


RULES: dict[tuple[str, str], Callable[[Call], list[Need]]] = {
    **{("s3", name): _bucket_rule(action) for name, action in _BUCKET_ACTIONS.items()},
    **{("s3", name): _object_rule(*actions) for name, actions in _OBJECT_ACTIONS.items()},
    **{("s3", name): _put for name in ("PutObject", "CreateMultipartUpload", "UploadPart")},
    ("s3", "CompleteMultipartUpload"): _put,
    ("s3", "CopyObject"): _copy,
    ("s3", "UploadPartCopy"): _copy,
    ("s3", "GetObject"): _get,
    ("s3", "HeadObject"): _get,
    ("s3", "GetObjectAttributes"): _attributes,
    ("s3", "DeleteObjects"): _delete_many,
    ("s3", "ListObjects"): _list("ListBucket"),
    ("s3", "ListObjectsV2"): _list("ListBucket"),
    ("s3", "ListObjectVersions"): _list("ListBucketVersions"),
    ("s3", "ListBuckets"): lambda call: [Need("s3:ListAllMyBuckets", "*")],
}
