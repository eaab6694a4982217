"""Parameters that somebody else keeps, under mocks: how the build gets them, and who may decrypt them with which key."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, Recorder, of_stack, stack_config

from pipeline_steps.build.settings import PARAMETER
from tests.unit.program.test_program import of_role

Deploy = Callable[..., Recorder]
PROJECT = "aws:codebuild/project:Project"
ARN = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
KEYS = [f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{number}" for number in (1, 2)]
OF_OTHERS = {
    "HEX_API_KEY": {"secret": True, "for": ["build"]},
    "SECRET_KEY_BASE": {"secret": True, "for": ["runtime"]},
    "PLAIN": {"external": {"name": "/o/plain", "secret": False}, "for": ["build"]},
    "BY_NAME": {"external": "/o/by-name", "for": ["build", "runtime"]},
    "FIRST": {"external": {"name": "/o/first", "key": KEYS[0]}, "for": ["build"]},
    "SECOND": {"external": {"name": "/o/second", "key": KEYS[1]}, "for": ["build", "runtime"]},
    "THIRD": {"external": {"name": "/o/third", "key": KEYS[1]}, "for": ["runtime"]},
}


@pytest.fixture(scope="module")
def dev() -> Recorder:
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["parameters"] = OF_OTHERS
    return of_stack("dev", services=services)


def test_the_build_takes_them_for_secrets_unless_they_are_said_not_to_be(dev: Recorder) -> None:
    listed = dev.inputs(PROJECT, "chuoi-package")["environment"]["environmentVariables"]
    given = {each["name"]: (each.get("type"), each["value"]) for each in listed}
    assert given["BUILD_ARGUMENTS"] == (None, "PLAIN")
    assert given["BUILD_SECRETS"] == (None, "BY_NAME FIRST HEX_API_KEY SECOND")
    stored = {name: value for name, (kind, value) in given.items() if kind == "PARAMETER_STORE"}
    assert stored == {
        "PARAMETER_HEX_API_KEY": "/fargate-delivery/dev/chuoi/build/HEX_API_KEY",
        "PARAMETER_PLAIN": "/o/plain",
        "PARAMETER_BY_NAME": "/o/by-name",
        "PARAMETER_FIRST": "/o/first",
        "PARAMETER_SECOND": "/o/second",
    }


def granted(recorder: Recorder, role: str) -> dict[str, tuple[list[str], list[str], Any]]:
    found = of_role(recorder, f"chuoi-{role}")
    return {
        sid: (each["Action"], each["Resource"], each.get("Condition"))
        for sid, each in found.items()
        if "Parameters" in sid
    }


def of(*names: str) -> dict[str, Any]:
    return {"StringLike": {"kms:EncryptionContext:PARAMETER_ARN": [f"{ARN}{name}" for name in names]}}


def test_each_reader_decrypts_its_own_with_the_key_of_each(dev: Recorder) -> None:
    own, values = f"{ARN}/fargate-delivery/dev/chuoi/build/HEX_API_KEY", "/fargate-delivery/dev/chuoi/runtime/*"
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/chuoi-key"
    read = [own, *(f"{ARN}/o/{name}" for name in ("plain", "by-name", "first", "second"))]
    assert granted(dev, "package") == {
        "ReadParameters": (["ssm:GetParameters"], read, None),
        "DecryptParameters": (["kms:Decrypt"], [key], of("/fargate-delivery/dev/chuoi/build/HEX_API_KEY")),
        "DecryptExternal1Parameters": (["kms:Decrypt"], [KEYS[0]], of("/o/first")),
        "DecryptExternal2Parameters": (["kms:Decrypt"], [KEYS[1]], of("/o/second")),
    }
    read = [f"{ARN}{name}" for name in (values, "/o/by-name", "/o/second", "/o/third")]
    assert granted(dev, "execution") == {
        "ReadParameters": (["ssm:GetParameters"], read, None),
        "DecryptParameters": (["kms:Decrypt"], [key], of(values)),
        "DecryptExternal1Parameters": (["kms:Decrypt"], [KEYS[1]], of("/o/second", "/o/third")),
    }


def test_no_variable_of_a_step_begins_as_the_parameters_do(dev: Recorder) -> None:
    for name in dev.named(PROJECT):
        for each in dev.inputs(PROJECT, name)["environment"]["environmentVariables"]:
            of_a_service = each["name"].startswith(PARAMETER)
            assert of_a_service is (each.get("type") == "PARAMETER_STORE"), (name, each["name"])
