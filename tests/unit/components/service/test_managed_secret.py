"""Secrets of Secrets Manager under mocks: how task and build name them, and who may read and decrypt them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, Recorder, of_stack, stack_config

from components.service.managed_secret import ManagedSecret
from tests.unit.program.test_program import of_role

Deploy = Callable[..., Recorder]
PROJECT, ROLE_POLICY = "aws:codebuild/project:Project", "aws:iam/rolePolicy:RolePolicy"
DB, API, OTHER = (
    f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}" for name in ("db-AbCdEf", "api-GhIjKl", "other-MnOpQr")
)
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
VERSION = "11111111-2222-3333-4444-555555555555"
OF_OTHERS = {
    "MIX_ENV": {"value": "prod", "for": ["build"]},
    "SECRET_KEY_BASE": {"secret": True, "for": ["runtime"]},
    "HEX_API_KEY": {"secret": True, "for": ["build"]},
    "API": {"secrets_manager": API, "for": ["build", "runtime"]},
    "USER": {"secrets_manager": {"arn": DB, "json_key": "user", "key": KEY}, "for": ["runtime"]},
    "PASSWORD": {"secrets_manager": {"arn": DB, "json_key": "password", "key": KEY}, "for": ["runtime"]},
    "PINNED": {"secrets_manager": {"arn": OTHER, "version": VERSION}, "for": ["build"]},
}


@pytest.mark.parametrize(
    ("keys", "reference"),
    [
        ({}, DB),
        ({"json_key": "user"}, f"{DB}:user::"),
        ({"stage": "AWSPREVIOUS"}, f"{DB}::AWSPREVIOUS:"),
        ({"version": VERSION}, f"{DB}:::{VERSION}"),
        ({"json_key": "a b", "version": VERSION}, f"{DB}:a b::{VERSION}"),
    ],
)
def test_a_reference_has_the_parts_of_aws_in_their_places(keys: dict[str, str], reference: str) -> None:
    assert ManagedSecret(arn=DB, **keys).reference == reference


@pytest.fixture(scope="module")
def dev() -> Recorder:
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["parameters"] = OF_OTHERS
    return of_stack("dev", services=services)


def test_the_build_gets_them_as_secrets_of_secrets_manager(dev: Recorder) -> None:
    listed = dev.inputs(PROJECT, "chuoi-package")["environment"]["environmentVariables"]
    given = {each["name"]: (each.get("type"), each["value"]) for each in listed}
    assert given["BUILD_ARGUMENTS"] == (None, "MIX_ENV")
    assert given["BUILD_SECRETS"] == (None, "API HEX_API_KEY PINNED")
    assert {name: value for name, (kind, value) in given.items() if kind == "SECRETS_MANAGER"} == {
        "PARAMETER_API": API,
        "PARAMETER_PINNED": f"{OTHER}:::{VERSION}",
    }


def test_the_task_names_them_beside_its_parameters(dev: Recorder) -> None:
    definition = dev.inputs("aws:ecs/taskDefinition:TaskDefinition", "chuoi-task")
    (web,) = json.loads(definition["containerDefinitions"])
    given = {each["name"]: each["valueFrom"] for each in web["secrets"]}
    assert given.pop("SECRET_KEY_BASE").startswith(f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/")
    assert given == {"API": API, "PASSWORD": f"{DB}:password::", "USER": f"{DB}:user::"}


def granted(recorder: Recorder, role: str) -> dict[str, tuple[list[str], list[str], Any]]:
    found = of_role(recorder, f"chuoi-{role}")
    return {
        sid: (each["Action"], each["Resource"], each.get("Condition"))
        for sid, each in found.items()
        if "Managed" in sid
    }


def test_each_reader_may_read_its_own_and_nothing_else(dev: Recorder) -> None:
    assert granted(dev, "package") == {
        "ReadManagedSecrets": (["secretsmanager:GetSecretValue"], [API, OTHER], None),
    }
    assert granted(dev, "execution") == {
        "ReadManagedSecrets": (["secretsmanager:GetSecretValue"], [API, DB], None),
        "DecryptManagedSecrets1": (
            ["kms:Decrypt"],
            [KEY],
            {"StringEquals": {"kms:EncryptionContext:SecretARN": [DB]}},
        ),
    }
    assert "chuoi-task-policy" not in dev.named(ROLE_POLICY), "the app itself may read none"


@pytest.mark.parametrize("role", ["package", "execution"])
def test_no_parameter_is_read_that_is_a_secret_of_secrets_manager(dev: Recorder, role: str) -> None:
    found = of_role(dev, f"chuoi-{role}")
    read = [*found["ReadParameters"]["Resource"], *found["DecryptParameters"]["Condition"]["StringLike"].values()]
    assert "secretsmanager" not in json.dumps(read)
