"""What is encrypted."""

import json
from typing import Any

import pytest

from cases import UNKNOWN, refused, resource, stack_violations, violations

RULE = "encrypted-at-rest"
PARAMETER = "aws:ssm/parameter:Parameter"
BUCKETS = "buckets-are-encrypted"
BUCKET = "aws:s3/bucket:Bucket"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"


def policy(effect: str, key: str = "aws:SecureTransport") -> str:
    condition = {"Bool": {key: "false"}}
    return json.dumps({"Statement": [{"Effect": effect, "Action": "s3:*", "Condition": condition}]})


@pytest.mark.parametrize(
    ("token", "properties", "words"),
    [
        ("aws:sqs/queue:Queue", {}, "sqs_managed_sse_enabled=True"),
        ("aws:sqs/queue:Queue", {"sqsManagedSseEnabled": False}, "not encrypted"),
        (PARAMETER, {"type": "SecureString", "value": "x"}, "components/service/parameter_store.py"),
        (
            PARAMETER,
            {"type": "String", "value": "x"},
            "`fargate-delivery:services.chuoi.parameters` in Pulumi.prd.yaml",
        ),
        ("aws:kms/key:Key", {}, "enable_key_rotation=True"),
        ("aws:rds/instance:Instance", {"storageEncrypted": False}, "storage_encrypted=True"),
        ("aws:rds/cluster:Cluster", {}, "storage_encrypted=True"),
        ("aws:efs/fileSystem:FileSystem", {}, "encrypted=True"),
        ("aws:ebs/volume:Volume", {}, "encrypted=True"),
    ],
)
def test_what_is_not_encrypted_is_refused(token: str, properties: dict[str, Any], words: str) -> None:
    refused(violations(RULE, token, properties), words)


def task(**efs: Any) -> dict[str, Any]:
    return {
        "volumes": [{"name": "scratch"}, {"name": "media", "efsVolumeConfiguration": {"fileSystemId": "fs-1", **efs}}]
    }


def test_a_file_system_is_mounted_by_tls() -> None:
    token = "aws:ecs/taskDefinition:TaskDefinition"
    for plain in ({}, {"transitEncryption": "DISABLED"}):
        refused(
            violations("encrypted-in-transit", token, task(**plain)),
            "in volume media goes over the network in the clear. Set transitEncryption: ENABLED",
        )
    for passes in (task(transitEncryption="ENABLED"), {}, {"volumes": UNKNOWN}):
        assert violations("encrypted-in-transit", token, passes) == []


@pytest.mark.parametrize(
    ("token", "properties"),
    [
        ("aws:sqs/queue:Queue", {"sqsManagedSseEnabled": True}),
        ("aws:sqs/queue:Queue", {"kmsMasterKeyId": UNKNOWN}),
        (PARAMETER, {"type": "SecureString", "value": "x", "keyId": UNKNOWN}),
        (PARAMETER, {"type": "String", "insecureValue": "x"}),
        ("aws:kms/key:Key", {"enableKeyRotation": True}),
        ("aws:rds/instance:Instance", {"storageEncrypted": True}),
        ("aws:efs/fileSystem:FileSystem", {"encrypted": True}),
    ],
)
def test_what_is_encrypted_passes(token: str, properties: dict[str, Any]) -> None:
    assert violations(RULE, token, properties) == []


def test_a_secret_is_not_in_the_message() -> None:
    said = violations(RULE, PARAMETER, {"type": "String", "value": "the-secret-itself"})
    assert "the-secret-itself" not in said[0]


@pytest.mark.parametrize(
    ("encrypted", "document", "words"),
    [
        (True, policy("Deny"), None),
        (True, policy("Deny", "AWS:securetransport"), None),
        (True, UNKNOWN, None),
        (False, policy("Deny"), "store: it does not say how it is encrypted. Add an aws.s3.BucketServerSideEncryption"),
        (True, policy("Allow"), "store: it takes requests without TLS. Give it an aws.s3.BucketPolicy"),
        (True, None, "store: it takes requests without TLS"),
    ],
)
def test_buckets(encrypted: bool, document: str | None, words: str | None) -> None:
    bucket = resource(BUCKET, "store", {})
    resources = [bucket]
    if encrypted:
        resources.append(resource(ENCRYPTION, "encryption", {}, bucket=bucket))
    if document is not None:
        resources.append(resource(POLICY, "policy", {"policy": document}, bucket=bucket))
    said = stack_violations(BUCKETS, resources)
    assert [name for name, _ in said] == (["store"] if words else [])
    assert all(message.startswith(words or "") for _, message in said)
