"""What IAM, Systems Manager, ACM, S3, SNS, SQS and EventBridge document beyond their models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.validation.limit import Limit
from sandbox.validation.refusals import longer, number_outside, unlike

MANAGED_POLICY_CHARACTERS = 6_144
TRUST_POLICY_CHARACTERS = 2_048
INLINE_POLICY_CHARACTERS = 10_240
STANDARD_PARAMETER_BYTES = 4_096
PARAMETER_LEVELS = 15

_QUOTAS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
_SID = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
_TAGS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/tagging.html"
_QUEUE = "SQS API reference, SetQueueAttributes"
_QUEUE_NUMBERS = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1_024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}
_POLICIES = (
    ("CreatePolicy", "PolicyDocument"),
    ("CreatePolicyVersion", "PolicyDocument"),
    ("PutRolePolicy", "PolicyDocument"),
    ("PutUserPolicy", "PolicyDocument"),
    ("CreateRole", "AssumeRolePolicyDocument"),
    ("UpdateAssumeRolePolicy", "PolicyDocument"),
)


def _wrong_sid(document: str) -> str | None:
    try:
        policy = json.loads(document)
    except ValueError:
        return None
    statements = policy.get("Statement") if isinstance(policy, Mapping) else None
    for statement in statements if isinstance(statements, list) else [statements]:
        sid = str(statement.get("Sid") or "") if isinstance(statement, Mapping) else ""
        if sid and not (sid.isascii() and sid.isalnum()):
            return sid
    return None


def _larger(most: int) -> Any:
    """Refuses a policy with more characters; IAM does not count white space."""
    return lambda document: "" if len("".join(document.split())) > most else None


def _too_large_parameter(params: Mapping[str, Any]) -> str | None:
    larger = len(str(params.get("Value") or "").encode()) > STANDARD_PARAMETER_BYTES
    return "" if larger and params.get("Tier", "Standard") == "Standard" else None


LIMITS = (
    *(
        Limit(
            "iam", (operation,), document, _wrong_sid, "MalformedPolicyDocument", _SID, "IAM JSON policy grammar, Sid"
        )
        for operation, document in _POLICIES
    ),
    *(
        Limit(
            "iam",
            (operation,),
            document,
            _larger(most),
            "LimitExceeded",
            f"Cannot exceed quota for {quota}: {most}",
            _QUOTAS,
        )
        for operation, document, quota, most in (
            ("CreatePolicy", "PolicyDocument", "PolicySize", MANAGED_POLICY_CHARACTERS),
            ("CreatePolicyVersion", "PolicyDocument", "PolicySize", MANAGED_POLICY_CHARACTERS),
            ("CreateRole", "AssumeRolePolicyDocument", "ACLSizePerRole", TRUST_POLICY_CHARACTERS),
            ("UpdateAssumeRolePolicy", "PolicyDocument", "ACLSizePerRole", TRUST_POLICY_CHARACTERS),
        )
    ),
    Limit(
        "iam",
        ("PutRolePolicy",),
        "PolicyDocument",
        _larger(INLINE_POLICY_CHARACTERS),
        "LimitExceeded",
        f"Maximum policy size of {INLINE_POLICY_CHARACTERS} bytes exceeded for role",
        _QUOTAS,
    ),
    Limit(
        "ssm",
        ("PutParameter",),
        "",
        _too_large_parameter,
        "ValidationException",
        "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter"
        " value, upgrade the parameter to use the advanced-parameter tier. For more information, see"
        " https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html",
        "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html",
    ),
    Limit(
        "ssm",
        ("PutParameter",),
        "Name",
        unlike(r"[a-zA-Z0-9_./-]+"),
        "ValidationException",
        "Invalid parameter name: only letters, numbers and the symbols . - _ / are allowed",
        "SSM API reference, PutParameter, Name",
    ),
    Limit(
        "ssm",
        ("PutParameter",),
        "Name",
        lambda name: "" if name.strip("/").count("/") >= PARAMETER_LEVELS else None,
        "HierarchyLevelLimitExceededException",
        f"A parameter name may have at most {PARAMETER_LEVELS} levels",
        "SSM API reference, PutParameter, Name",
    ),
    Limit(
        "acm",
        ("RequestCertificate",),
        "DomainName",
        longer(64),
        "ValidationException",
        "The first domain name of a certificate may have at most 64 characters",
        "ACM API reference, RequestCertificate, DomainName",
    ),
    Limit(
        "sns",
        ("CreateTopic",),
        "Name",
        unlike(r"[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo"),
        "InvalidParameter",
        "Invalid parameter: Topic Name",
        "SNS API reference, CreateTopic, Name",
    ),
    Limit(
        "sns",
        ("CreateTopic",),
        "Attributes.DisplayName",
        longer(100),
        "InvalidParameter",
        "Invalid parameter: Display name exceeds 100 characters",
        "https://docs.aws.amazon.com/sns/latest/dg/sns-create-topic.html (display name)",
    ),
    Limit(
        "sqs",
        ("CreateQueue",),
        "QueueName",
        unlike(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo"),
        "InvalidParameterValue",
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        "SQS API reference, CreateQueue, QueueName",
    ),
    *(
        Limit(
            "sqs",
            ("CreateQueue", "SetQueueAttributes"),
            f"Attributes.{name}",
            number_outside(*bounds),
            "InvalidAttributeValue",
            f"Invalid value for the parameter {name}.",
            _QUEUE,
        )
        for name, bounds in _QUEUE_NUMBERS.items()
    ),
    Limit(
        "s3",
        ("CreateBucket",),
        "Bucket",
        unlike(r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
        "InvalidBucketName",
        "The specified bucket is not valid.",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
    ),
    Limit(
        "s3",
        ("PutBucketLifecycleConfiguration",),
        "LifecycleConfiguration.Rules[].ID",
        longer(255),
        "InvalidArgument",
        "ID length should not exceed allowed limit of 255",
        "S3 API reference, LifecycleRule, ID",
    ),
    *(
        Limit("s3", (operation,), f"{path}.{member}", longer(most), "InvalidTag", words, _TAGS)
        for operation, path in (("PutBucketTagging", "Tagging.TagSet[]"), ("PutObjectTagging", "Tagging.TagSet[]"))
        for member, most, words in (
            ("Key", 128, "The TagKey you have provided is invalid"),
            ("Value", 256, "The TagValue you have provided is invalid"),
        )
    ),
    Limit(
        "events",
        ("PutTargets",),
        "Targets",
        longer(5),
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
        "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html (targets of a rule)",
    ),
)
