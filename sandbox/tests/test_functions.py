"""Lambda functions that hooks call: run with their role, and what is not run fails openly."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from account_functions import make_function, told
from aws_fakes import eventually
from botocore.exceptions import ClientError
from moto.moto_api._internal.models import moto_api_backend

from sandbox.account.account import Account
from sandbox.eventbridge import api
from sandbox.functions import api as functions
from sandbox.server.listener import Listener

A, R = "111122223333", "eu-west-1"


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", A)
    listener = Listener(tmp_path, A, R, {**api.HANDLERS, **functions.HANDLERS})
    yield listener.account
    listener.stop()
    moto_api_backend.reset()


def invoke(account: Account, **given: Any) -> Any:
    return account.client("lambda").invoke(FunctionName="smoke", **{"InvocationType": "Event", **given})


def logged(account: Account) -> list[str]:
    """All that the function's log has."""
    logs = account.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/smoke")["logGroups"]:
        return []
    return [each["message"] for each in logs.filter_log_events(logGroupName="/aws/lambda/smoke")["events"]]


def ends(account: Account) -> int:
    """How often it has ended, by its log."""
    return sum(line.startswith("END ") for line in logged(account))


def test_a_function_runs_with_its_role_and_is_logged(account: Account) -> None:
    make_function(account, TOLD="told")
    invoke(account, Payload=b'{"DeploymentId": "d-1"}')
    eventually(lambda: ends(account), 30)
    (event, arn, request), times = told(account)
    assert event == {"DeploymentId": "d-1"}
    assert arn == f"arn:aws:sts::{A}:assumed-role/smoke/smoke"
    first, said, end, _ = logged(account)
    assert (first, said, end) == (
        f"START RequestId: {request} Version: $LATEST",
        "said it with True",
        f"END RequestId: {request}",
    )
    assert times == 1


@pytest.mark.parametrize(("attempts", "times"), [(None, 3), (1, 2), (0, 1)], ids=["by default", "once", "never"])
def test_a_function_that_fails_is_run_again(account: Account, attempts: int | None, times: int) -> None:
    account.clock.speed = 10_000.0
    make_function(account, TOLD="told")
    if attempts is not None:
        account.client("lambda").put_function_event_invoke_config(FunctionName="smoke", MaximumRetryAttempts=attempts)
    invoke(account, Payload=b'{"raises": "at the end"}')
    eventually(lambda: ends(account) == times, 60)
    (_, _, request), put = told(account)
    assert put == times
    assert sum(line == "ValueError: at the end" for line in logged(account)) == times
    assert {line.split()[2] for line in logged(account) if line.startswith("START ")} == {request}


@pytest.mark.parametrize(("timeout", "code", "said"), [
    (60, "import pydantic", "ModuleNotFoundError: No module named 'pydantic'"),
    (60, "import sandbox.clock", "ModuleNotFoundError: No module named 'sandbox'"),
    (60, "import hook", "KeyError: 'CODE'"),
    (1, "import time; time.sleep(60)", "Task timed out after 1.00 seconds"),
], ids=["a package that Lambda lacks", "the sandbox", "its own code", "too long"])  # fmt: skip
def test_how_a_function_ends_badly(account: Account, timeout: int, code: str, said: str) -> None:
    make_function(account, TOLD="told")
    files = io.BytesIO()
    with zipfile.ZipFile(files, "w") as archive:
        archive.writestr("hook.py", f"import os\ndef handler(event, context):\n    {code}\n    os.environ['CODE']\n")
    client = account.client("lambda")
    client.update_function_code(FunctionName="smoke", ZipFile=files.getvalue())
    client.update_function_configuration(FunctionName="smoke", Timeout=timeout)
    client.put_function_event_invoke_config(FunctionName="smoke", MaximumRetryAttempts=0)
    invoke(account)
    eventually(lambda: ends(account), 30)
    assert any(line.endswith(said) for line in logged(account)), logged(account)


def test_a_function_without_the_right_to_log_runs_all_the_same(account: Account) -> None:
    make_function(account, logs=False, TOLD="told")
    invoke(account)
    eventually(lambda: told(account), 30)
    assert logged(account) == []


def test_where_a_function_logs_is_told(account: Account) -> None:
    make_function(account)
    aws = account.client("lambda")
    made = aws.get_function(FunctionName="smoke")["Configuration"]["LoggingConfig"]
    assert made == {"LogFormat": "Text", "LogGroup": "/aws/lambda/smoke"}
    aws.update_function_configuration(FunctionName="smoke", LoggingConfig={"LogGroup": "/another"})
    changed = aws.get_function(FunctionName="smoke")["Configuration"]["LoggingConfig"]
    assert changed == {"LogFormat": "Text", "LogGroup": "/another"}


def test_a_function_that_is_not_there(account: Account) -> None:
    with pytest.raises(ClientError, match=r"ResourceNotFoundException.*Function not found: smoke"):
        invoke(account)


def test_what_is_not_run_says_so(account: Account) -> None:
    make_function(account, runtime="nodejs22.x")
    with pytest.raises(ClientError, match=r"functions in Python only, and this one is in nodejs22\.x"):
        invoke(account)
    account.client("lambda").update_function_configuration(FunctionName="smoke", Runtime="python3.12")
    with pytest.raises(ClientError, match="a function is not invoked as DryRun"):
        invoke(account, InvocationType="DryRun")


def test_what_a_function_returns_is_answered(account: Account) -> None:
    make_function(account, TOLD="told", code="def handler(event, context):\n    return {'said': 1 / event['by']}")
    good, bad = (invoke(account, InvocationType="RequestResponse", Payload=by) for by in (b'{"by": 2}', b'{"by": 0}'))
    assert (good["StatusCode"], json.loads(good["Payload"].read()), "FunctionError" in good) == (
        200,
        {"said": 0.5},
        False,
    )
    assert (bad["StatusCode"], bad["FunctionError"]) == (200, "Unhandled")
    assert json.loads(bad["Payload"].read()) == {"errorMessage": "Runtime exited with an error"}


RULE, FUNCTION = f"arn:aws:events:{R}:{A}:rule/ended", f"arn:aws:lambda:{R}:{A}:function:smoke"


def make_rule(account: Account, target: dict[str, Any], rule: str | None = RULE) -> None:
    """A rule whose target is a function, and the permission that the function's policy gives it."""
    events = account.client("events")
    events.put_rule(Name="ended", EventPattern=json.dumps({"source": ["test"]}))
    transformer = {"InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": '{"DeploymentId": "<id>"}'}
    events.put_targets(Rule="ended", Targets=[{"Id": "t", "Arn": FUNCTION, "InputTransformer": transformer, **target}])
    if rule is not None:
        account.client("lambda").add_permission(
            FunctionName="smoke", StatementId="rule", Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com", SourceArn=rule,
        )  # fmt: skip


def publish(account: Account) -> None:
    account.bus.publish({"source": "test", "detail-type": "t", "detail": {"id": "d-1"}})
    account.bus.wait()


def test_a_rule_calls_a_function_whose_policy_lets_it(account: Account) -> None:
    make_function(account, TOLD="told")
    make_rule(account, {})
    publish(account)
    eventually(lambda: ends(account), 30)
    (event, _, _), times = told(account)
    assert (event, times, account.undelivered) == ({"DeploymentId": "d-1"}, 1, [])


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
    account: Account, target: dict[str, Any], rule: str | None, because: str
) -> None:
    make_function(account, TOLD="told")
    make_rule(account, target, rule)
    publish(account)
    (undelivered,) = account.undelivered
    assert re.search(because, undelivered.error)
    assert not told(account)


def test_a_function_s_own_error_is_not_the_rule_s(account: Account) -> None:
    account.clock.speed = 10_000.0
    make_function(account, TOLD="other")
    make_rule(account, {})
    publish(account)
    eventually(lambda: ends(account) == 3, 60)
    assert account.undelivered == []
