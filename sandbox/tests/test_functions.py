"""Lambda functions that CodeDeploy's hooks call: run with their role, and what is not run fails openly."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_fakes import eventually
from botocore.exceptions import ClientError
from moto.moto_api._internal.models import moto_api_backend

from sandbox.account.account import World
from sandbox.eventbridge import api
from sandbox.functions import api as functions
from sandbox.server.listener import Listener

A, R = "111122223333", "eu-west-1"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}],
}
CODE = """
import boto3, json, os, sys

def handler(event, context):
    said = json.dumps([event, boto3.client("sts").get_caller_identity()["Arn"], context.aws_request_id])
    boto3.client("ssm").put_parameter(Name=os.environ["TOLD"], Type="String", Value=said, Overwrite=True)
    print("said it with", context.get_remaining_time_in_millis() > 0)
    if event.get("raises"):
        raise ValueError(event["raises"])
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", A)
    listener = Listener(tmp_path, A, R, {**api.HANDLERS, **functions.HANDLERS})
    yield listener.world
    listener.stop()
    moto_api_backend.reset()


def make_function(world: World, runtime: str = "python3.12", logs: bool = True, **variables: str) -> None:
    iam = world.client("iam")
    role = iam.create_role(RoleName="smoke", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    allowed = [{"Effect": "Allow", "Action": ["ssm:PutParameter"], "Resource": f"arn:aws:ssm:{R}:{A}:parameter/told"}]
    if logs:
        allowed += [
            {"Effect": "Allow", "Action": ["logs:*"], "Resource": f"arn:aws:logs:{R}:{A}:log-group:/aws/lambda/smoke*"}
        ]
    document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
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


def told(world: World) -> Any:
    """What the function has put, and how often."""
    found = world.client("ssm").get_parameters(Names=["told"])["Parameters"]
    return found and (json.loads(found[0]["Value"]), found[0]["Version"])


def logged(world: World) -> list[str]:
    """All that the function's log has."""
    logs = world.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/smoke")["logGroups"]:
        return []
    return [each["message"] for each in logs.filter_log_events(logGroupName="/aws/lambda/smoke")["events"]]


def ends(world: World) -> int:
    """How often it has ended, by its log."""
    return sum(line.startswith("END ") for line in logged(world))


def test_a_function_runs_with_its_role_and_is_logged(world: World) -> None:
    make_function(world, TOLD="told")
    invoke(world, Payload=b'{"DeploymentId": "d-1"}')
    eventually(lambda: ends(world), 30)
    (event, arn, request), times = told(world)
    assert event == {"DeploymentId": "d-1"}
    assert arn == f"arn:aws:sts::{A}:assumed-role/smoke/smoke"
    first, said, end, _ = logged(world)
    assert (first, said, end) == (
        f"START RequestId: {request} Version: $LATEST",
        "said it with True",
        f"END RequestId: {request}",
    )
    assert times == 1


@pytest.mark.parametrize(("attempts", "times"), [(None, 3), (1, 2), (0, 1)], ids=["by default", "once", "never"])
def test_a_function_that_fails_is_run_again(world: World, attempts: int | None, times: int) -> None:
    world.clock.speed = 10_000.0
    make_function(world, TOLD="told")
    if attempts is not None:
        world.client("lambda").put_function_event_invoke_config(FunctionName="smoke", MaximumRetryAttempts=attempts)
    invoke(world, Payload=b'{"raises": "at the end"}')
    eventually(lambda: ends(world) == times, 60)
    (_, _, request), put = told(world)
    assert put == times
    assert sum(line == "ValueError: at the end" for line in logged(world)) == times
    assert {line.split()[2] for line in logged(world) if line.startswith("START ")} == {request}


@pytest.mark.parametrize(("timeout", "code", "said"), [
    (60, "import pydantic", "ModuleNotFoundError: No module named 'pydantic'"),
    (60, "import sandbox.clock", "ModuleNotFoundError: No module named 'sandbox'"),
    (60, "import hook", "KeyError: 'CODE'"),
    (1, "import time; time.sleep(60)", "Task timed out after 1.00 seconds"),
], ids=["a package that Lambda lacks", "the sandbox", "its own code", "too long"])  # fmt: skip
def test_how_a_function_ends_badly(world: World, timeout: int, code: str, said: str) -> None:
    make_function(world, TOLD="told")
    files = io.BytesIO()
    with zipfile.ZipFile(files, "w") as archive:
        archive.writestr("hook.py", f"import os\ndef handler(event, context):\n    {code}\n    os.environ['CODE']\n")
    client = world.client("lambda")
    client.update_function_code(FunctionName="smoke", ZipFile=files.getvalue())
    client.update_function_configuration(FunctionName="smoke", Timeout=timeout)
    client.put_function_event_invoke_config(FunctionName="smoke", MaximumRetryAttempts=0)
    invoke(world)
    eventually(lambda: ends(world), 30)
    assert any(line.endswith(said) for line in logged(world)), logged(world)


def test_a_function_without_the_right_to_log_runs_all_the_same(world: World) -> None:
    make_function(world, logs=False, TOLD="told")
    invoke(world)
    eventually(lambda: told(world), 30)
    assert logged(world) == []


def test_where_a_function_logs_is_told(world: World) -> None:
    make_function(world)
    aws = world.client("lambda")
    made = aws.get_function(FunctionName="smoke")["Configuration"]["LoggingConfig"]
    assert made == {"LogFormat": "Text", "LogGroup": "/aws/lambda/smoke"}
    aws.update_function_configuration(FunctionName="smoke", LoggingConfig={"LogGroup": "/another"})
    changed = aws.get_function(FunctionName="smoke")["Configuration"]["LoggingConfig"]
    assert changed == {"LogFormat": "Text", "LogGroup": "/another"}


def test_a_function_that_is_not_there(world: World) -> None:
    with pytest.raises(ClientError, match=r"ResourceNotFoundException.*Function not found: smoke"):
        invoke(world)


def test_what_is_not_run_says_so(world: World) -> None:
    make_function(world, runtime="nodejs22.x")
    with pytest.raises(ClientError, match=r"functions in Python only, and this one is in nodejs22\.x"):
        invoke(world)
    with pytest.raises(ClientError, match="functions are invoked as an Event only"):
        invoke(world, InvocationType="RequestResponse")


RULE, FUNCTION = f"arn:aws:events:{R}:{A}:rule/ended", f"arn:aws:lambda:{R}:{A}:function:smoke"


def make_rule(world: World, target: dict[str, Any], rule: str | None = RULE) -> None:
    """A rule whose target is a function, and the permission that the function's policy gives it."""
    events = world.client("events")
    events.put_rule(Name="ended", EventPattern=json.dumps({"source": ["test"]}))
    transformer = {"InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": '{"DeploymentId": "<id>"}'}
    events.put_targets(Rule="ended", Targets=[{"Id": "t", "Arn": FUNCTION, "InputTransformer": transformer, **target}])
    if rule is not None:
        world.client("lambda").add_permission(
            FunctionName="smoke", StatementId="rule", Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com", SourceArn=rule,
        )  # fmt: skip


def publish(world: World) -> None:
    world.bus.publish({"source": "test", "detail-type": "t", "detail": {"id": "d-1"}})
    world.bus.wait()


def test_a_rule_calls_a_function_whose_policy_lets_it(world: World) -> None:
    make_function(world, TOLD="told")
    make_rule(world, {})
    publish(world)
    eventually(lambda: ends(world), 30)
    (event, _, _), times = told(world)
    assert (event, times, world.undelivered) == ({"DeploymentId": "d-1"}, 1, [])


@pytest.mark.parametrize(
    ("target", "rule", "because"),
    [
        ({}, None, "the policy of .* does not let"),
        ({}, RULE.replace("ended", "other"), "the policy of .* does not let"),
        ({"RoleArn": f"arn:aws:iam::{A}:role/smoke"}, RULE, "a function target takes no role"),
        ({"Arn": FUNCTION.replace("smoke", "gone")}, None, "ResourceNotFoundException"),
    ],
    ids=["no policy", "another rule's", "a role", "no function"],
)
def test_a_rule_that_may_not_call_a_function(
    world: World, target: dict[str, Any], rule: str | None, because: str
) -> None:
    make_function(world, TOLD="told")
    make_rule(world, target, rule)
    publish(world)
    (undelivered,) = world.undelivered
    assert re.search(because, undelivered.error)
    assert not told(world)


def test_a_function_s_own_error_is_not_the_rule_s(world: World) -> None:
    world.clock.speed = 10_000.0
    make_function(world, TOLD="other")
    make_rule(world, {})
    publish(world)
    eventually(lambda: ends(world) == 3, 60)
    assert world.undelivered == []
