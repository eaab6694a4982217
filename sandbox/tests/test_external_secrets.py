"""Secrets that somebody else keeps, where there is nobody else: made in moto, with the ARN that the program names."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from sandbox.clients.external_secrets import put

PLACE = "eu-west-1:123456789012"
ARN = f"arn:aws:secretsmanager:{PLACE}:secret:team/db-AbCdEf"
VERSION = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="eu-west-1")


def test_one_secret_has_all_the_keys_that_are_named_of_it(manager: Any) -> None:
    said = list[str]()
    references = dict.fromkeys([f"{ARN}:user::", f"{ARN}:password::", f"{ARN}:user::{VERSION}"])
    put(manager, PLACE, references, said.append)
    found = manager.get_secret_value(SecretId=ARN, VersionId=VERSION)
    value = json.loads(found["SecretString"])
    assert (found["ARN"], found["Name"], sorted(value)) == (ARN, "team/db", ["password", "user"])
    assert value["user"] != value["password"]
    assert said == [f"Made up for the sandbox, since nobody has put these secrets: {ARN}"]
    put(manager, PLACE, references, said.append)
    assert (len(said), json.loads(manager.get_secret_value(SecretId=ARN)["SecretString"])) == (1, value), "it is kept"


def test_one_without_keys_is_a_text_with_its_kms_key(manager: Any) -> None:
    put(manager, PLACE, {f"{ARN}:::": "arn:key"}, print)
    assert len(manager.get_secret_value(SecretId=ARN)["SecretString"]) == 32
    assert manager.describe_secret(SecretId=ARN)["KmsKeyId"] == "arn:key"


def test_those_of_others_are_left_to_them(manager: Any) -> None:
    said = list[str]()
    put(manager, "eu-west-1:999999999999", {f"{ARN}:::": None}, said.append)
    put(manager, "us-east-1:123456789012", {f"{ARN}:::": None}, said.append)
    put(manager, PLACE, {}, said.append)
    assert (manager.list_secrets()["SecretList"], said) == ([], [])
