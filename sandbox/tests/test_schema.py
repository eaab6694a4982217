"""Inputs are checked against the installed SDK and botocore's models."""

from typing import Any

import pytest

from sandbox.providers.enums import check_values
from sandbox.providers.resources import RESOURCES
from sandbox.providers.schema import UnknownType, check_provider, schema_of
from sandbox.providers.values import ASSET, SIGNATURE, UNKNOWN

VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"


@pytest.mark.parametrize("token", sorted(RESOURCES))
def test_every_type_that_is_served_is_in_the_sdk(token: str) -> None:
    schema = schema_of(token)
    assert schema.inputs()
    assert schema.inputs() - schema.outputs <= {"forceDestroy"}


@pytest.mark.parametrize(
    ("token", "inputs", "problems"),
    [
        (VERSIONING, {"bucket": "b", "versioningConfiguration": {"status": "Enabled"}}, []),
        (VERSIONING, {"bucket": UNKNOWN, "versioningConfiguration": UNKNOWN}, []),
        (
            VERSIONING,
            {"buket": "b", "bucket": "b", "versioningConfiguration": {"status": "Enabled"}},
            ["buket: no such property; did you mean bucket?"],
        ),
        (
            VERSIONING,
            {"bucket": "b", "versioningConfiguration": {"statuss": "Enabled"}},
            [
                "versioningConfiguration.statuss: no such property; did you mean status?",
                "versioningConfiguration.status: is required",
            ],
        ),
        (VERSIONING, {"bucket": "b"}, ["versioningConfiguration: is required"]),
        (
            "aws:ssm/parameter:Parameter",
            {"type": ["String"]},
            ["type: must be String or StringList or SecureString or a text, not a list"],
        ),
        (
            "aws:ssm/parameter:Parameter",
            {"type": "String", "overwrite": "yes"},
            ["overwrite: must be true or false, not a text"],
        ),
        ("aws:ssm/parameter:Parameter", {"type": "String", "overwrite": "true"}, []),
        ("aws:lb/targetGroup:TargetGroup", {"port": "4000", "healthCheck": {"interval": 5}}, []),
        ("aws:lb/targetGroup:TargetGroup", {"port": "four"}, ["port: must be a number, not a text"]),
        (
            "aws:ecs/service:Service",
            {"loadBalancers": [{"containerName": "web"}, {"containerName": "web", "containerPort": 1}]},
            ["loadBalancers[0].containerPort: is required"],
        ),
        ("aws:s3/bucket:Bucket", {"tags": {"__own": "kept"}}, []),
        ("aws:s3/bucket:Bucket", {"tags": {"a": ["b"]}}, ["tags.a: must be a text, not a list"]),
        ("aws:s3/bucketObjectv2:BucketObjectv2", {"bucket": "b", "source": {SIGNATURE: ASSET, "path": "f"}}, []),
        (
            "aws:s3/bucketObjectv2:BucketObjectv2",
            {"bucket": "b", "key": {SIGNATURE: ASSET, "path": "f"}},
            ["key: must be a text, not an object"],
        ),
    ],
)
def test_what_is_wrong_with_inputs(token: str, inputs: dict[str, Any], problems: list[str]) -> None:
    assert [f"{problem.path}: {problem.reason}" for problem in schema_of(token).check(inputs)] == problems


def test_a_type_that_the_sdk_lacks_suggests_one_that_it_has() -> None:
    with pytest.raises(UnknownType, match="did you mean aws:s3/bucket:Bucket"):
        schema_of("aws:s3/bucket:Buckett")


def test_settings_of_the_provider() -> None:
    assert check_provider({"region": "eu-west-1", "defaultTags": {"tags": {"a": "b"}}, "version": "7.51.1"}) == []
    (problem,) = check_provider({"regoin": "eu-west-1"})
    assert problem.reason == "no such property; did you mean region?"


@pytest.mark.parametrize(
    ("token", "inputs", "problems"),
    [
        ("aws:ssm/parameter:Parameter", {"type": "SecureString", "tier": UNKNOWN}, []),
        (
            "aws:ssm/parameter:Parameter",
            {"type": "Secure"},
            ["type: Secure is no value of it; did you mean SecureString?"],
        ),
        (
            "aws:ecs/service:Service",
            {"networkConfiguration": {"assignPublicIp": True}, "schedulingStrategy": "REPLICAS"},
            ["schedulingStrategy: REPLICAS is no value of it; did you mean REPLICA?"],
        ),
        (VERSIONING, {"bucket": "b", "versioningConfiguration": {"status": "Disabled"}}, []),
    ],
)
def test_values_that_aws_does_not_know(token: str, inputs: dict[str, Any], problems: list[str]) -> None:
    found = check_values(RESOURCES[token], inputs)
    assert [f"{problem.path}: {problem.reason}" for problem in found] == problems
