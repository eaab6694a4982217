"""Lambda functions that CodeDeploy's hooks call: run with their role, and what is not run fails openly."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.moto_api._internal.models import moto_api_backend

from sandbox import functions
from sandbox.server import account
from sandbox.server.listener import Listener
from sandbox.server.world import World

A, R = "111122223333", "eu-west-1"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}],
}
CODE = """
import boto3, json, os

def handler(event, context):
    said = json.dumps([event, boto3.client("sts").get_caller_identity()["Arn"]])
    boto3.client("ssm").put_parameter(Name=os.environ["TOLD"], Type="String", Value=said)
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", A)
    listener = Listener(tmp_path, A, R, {**account.HANDLERS, **functions.HANDLERS})
    yield listener.world
    listener.stop()
    moto_api_backend.reset()


def make_function(world: World, runtime: str = "python3.12", **variables: str) -> None:
    iam = world.client("iam")
    role = iam.create_role(RoleName="smoke", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    allowed = {"Effect": "Allow", "Action": ["ssm:PutParameter"], "Resource": f"arn:aws:ssm:{R}:{A}:parameter/told"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName="smoke", PolicyName="own", PolicyDocument=document)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("hook.py", CODE)
    world.client("lambda").create_function(
        FunctionName="smoke", Runtime=runtime, Role=role, Handler="hook.handler", Code={"ZipFile": code.getvalue()},
        Timeout=60, Environment={"Variables": variables},
    )  # fmt: skip


def invoke(world: World, **given: Any) -> Any:
    return world.client("lambda").invoke(FunctionName="smoke", **{"InvocationType": "Event", **given})


def test_a_function_runs_with_its_role(world: World) -> None:
    make_function(world, TOLD="told")
    invoke(world, Payload=b'{"DeploymentId": "d-1"}')
    for _ in range(300):
        if told := world.client("ssm").get_parameters(Names=["told"])["Parameters"]:
            break
        time.sleep(0.1)
    event, arn = json.loads(told[0]["Value"])
    assert event == {"DeploymentId": "d-1"}
    assert arn == f"arn:aws:sts::{A}:assumed-role/smoke/smoke"


def test_a_function_that_is_not_there(world: World) -> None:
    with pytest.raises(ClientError, match=r"ResourceNotFoundException.*Function not found: smoke"):
        invoke(world)


def test_what_is_not_run_says_so(world: World) -> None:
    make_function(world, runtime="nodejs22.x")
    with pytest.raises(ClientError, match=r"functions in Python only, and this one is in nodejs22\.x"):
        invoke(world)
    with pytest.raises(ClientError, match="functions are invoked as an Event only"):
        invoke(world, InvocationType="RequestResponse")
