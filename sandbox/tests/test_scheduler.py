"""EventBridge Scheduler: when schedules are due, what is refused, and what is called with which role."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from account_functions import make_function, told
from aws_fakes import eventually
from botocore.exceptions import ClientError
from moto.moto_api._internal.models import moto_api_backend

from sandbox.account.account import Account
from sandbox.eventbridge import api as events
from sandbox.functions import api as functions
from sandbox.scheduler import api, control, runner
from sandbox.scheduler.expressions import InvalidSchedule, next_time
from sandbox.server.listener import Listener

A, R = "111122223333", "eu-west-1"
FUNCTION = f"arn:aws:lambda:{R}:{A}:function:smoke"
MADE = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", A)
    monkeypatch.setattr(runner, "PAUSE", 0.05)
    listener = Listener(tmp_path, A, R, {**events.HANDLERS, **functions.HANDLERS, **api.HANDLERS})
    yield listener.account
    listener.stop()
    moto_api_backend.reset()


@pytest.mark.parametrize(
    ("expression", "timezone", "after", "due"),
    [
        ("rate(1 minute)", "UTC", "2026-03-01T12:00:00", "2026-03-01T12:00:30"),
        ("rate(5 minutes)", "UTC", "2026-03-01T12:00:30", "2026-03-01T12:05:30"),
        ("rate(2 days)", "UTC", "2026-03-02T12:00:30", "2026-03-03T12:00:30"),
        ("at(2026-03-05T09:00:00)", "Asia/Tokyo", "2026-03-01T00:00:00", "2026-03-05T00:00:00"),
        ("at(2026-03-05T09:00:00)", "UTC", "2026-03-05T09:00:00", None),
        ("cron(0 3 * * ? *)", "UTC", "2026-03-01T03:00:00", "2026-03-02T03:00:00"),
        ("cron(0 3 * * ? *)", "Asia/Tokyo", "2026-03-01T12:00:00", "2026-03-01T18:00:00"),
        ("cron(0/15 * * * ? *)", "UTC", "2026-03-01T12:01:00", "2026-03-01T12:15:00"),
        ("cron(0 9 ? * MON-FRI *)", "UTC", "2026-03-06T10:00:00", "2026-03-09T09:00:00"),
        ("cron(0 0 L * ? *)", "UTC", "2026-02-01T00:00:00", "2026-02-28T00:00:00"),
        ("cron(0 0 1 1 ? 2020)", "UTC", "2026-02-01T00:00:00", None),
        # Clocks go from 2:00 to 3:00, and from 3:00 back to 2:00.
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T12:00:00", "2026-03-30T00:30:00"),
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00:00", "2026-10-25T00:30:00"),
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T00:30:00", "2026-10-26T01:30:00"),
    ],
)
def test_the_next_time_that_a_schedule_is_due(expression: str, timezone: str, after: str, due: str | None) -> None:
    found = next_time(expression, timezone, MADE, datetime.fromisoformat(after).replace(tzinfo=UTC))
    assert found == (due and datetime.fromisoformat(due).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("expression", "timezone"),
    [
        ("rate(0 minutes)", "UTC"),
        ("rate(5 seconds)", "UTC"),
        ("cron(0 3 * * *)", "UTC"),
        ("cron(0 3 * * * *)", "UTC"),
        ("cron(0 24 * * ? *)", "UTC"),
        ("0 3 * * *", "UTC"),
        ("at(2026-02-30T00:00:00)", "UTC"),
        ("at(2026-03-05 00:00:00)", "UTC"),
        ("rate(1 day)", "Mars/Olympus"),
    ],
)
def test_what_is_no_schedule(expression: str, timezone: str) -> None:
    with pytest.raises(InvalidSchedule):
        next_time(expression, timezone, MADE, MADE)


def make_role(account: Account, *actions: str, service: str = "scheduler.amazonaws.com") -> str:
    iam = account.client("iam")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    role = iam.create_role(
        RoleName="clock", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName="clock", PolicyName="own", PolicyDocument=document)
    return str(role["Role"]["Arn"])


def schedule(account: Account, role: str, expression: str = "cron(0 3 * * ? *)", **more: Any) -> None:
    target = {
        "Arn": FUNCTION,
        "RoleArn": role,
        "Input": '{"at": "<aws.scheduler.scheduled-time>"}',
        **more.pop("target", {}),
    }
    account.client("scheduler").create_schedule(
        Name="nightly", ScheduleExpression=expression, FlexibleTimeWindow={"Mode": "OFF"}, Target=target, **more
    )


def refused(call: Any) -> str:
    with pytest.raises(ClientError) as error:
        call()
    return str(error.value)


def test_a_schedule_that_is_due_calls_its_function_as_its_role(account: Account) -> None:
    make_function(account, TOLD="told")
    schedule(account, make_role(account, "lambda:InvokeFunction"), "rate(1 day)")
    (event, *_), _ = eventually(lambda: told(account))
    due = datetime.fromisoformat(event["at"])
    assert abs(due - datetime.now(UTC)) < timedelta(minutes=1)
    assert not account.undelivered
    called = [each for each in account.decisions if each.action == "lambda:InvokeFunction"]
    assert [(each.principal.split("/")[1], each.resource, each.allowed) for each in called] == [
        ("clock", FUNCTION, True)
    ]


def test_a_schedule_is_due_at_once_when_a_test_says_so(account: Account) -> None:
    make_function(account, TOLD="told")
    schedule(account, make_role(account, "lambda:InvokeFunction"))
    assert not told(account)
    assert control.fire(account, {"name": "nightly"}) == {"failed": None}
    assert eventually(lambda: told(account))


def test_a_one_time_schedule_goes_when_it_is_to(account: Account) -> None:
    make_function(account, TOLD="told")
    later = f"at({datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%S})"
    schedule(account, make_role(account, "lambda:InvokeFunction"), later, ActionAfterCompletion="DELETE")
    assert [each["Name"] for each in account.client("scheduler").list_schedules()["Schedules"]] == ["nightly"]
    control.fire(account, {"name": "nightly"})
    assert account.client("scheduler").list_schedules()["Schedules"] == []
    assert eventually(lambda: told(account))


def test_a_role_that_may_not_call_the_function_is_told_and_kept_in_the_queue(account: Account) -> None:
    make_function(account, TOLD="told")
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="undelivered")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    schedule(account, make_role(account, "sqs:SendMessage"), target={"DeadLetterConfig": {"Arn": queue}})
    failed = control.fire(account, {"name": "nightly"})["failed"]
    assert "not authorized to perform: lambda:InvokeFunction" in failed
    assert [each.error for each in account.undelivered] == [failed]
    (message,) = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert message["MessageAttributes"]["TARGET_ARN"]["StringValue"] == FUNCTION
    assert not told(account)


def test_one_that_is_disabled_calls_nothing(account: Account) -> None:
    make_function(account, TOLD="told")
    schedule(account, make_role(account, "lambda:InvokeFunction"), "rate(1 minute)", State="DISABLED")
    due = runner.Due()
    runner.fire_due(account, due, datetime.now(UTC) + timedelta(minutes=3))
    assert not told(account)


def test_what_scheduler_refuses(account: Account) -> None:
    role = make_role(account, "lambda:InvokeFunction", service="events.amazonaws.com")
    assert "must allow AWS EventBridge Scheduler to assume the role" in refused(lambda: schedule(account, role))
    assert "Invalid Schedule Expression cron(0 3 * * *)." in refused(lambda: schedule(account, role, "cron(0 3 * * *)"))
    assert "ScheduleExpressionTimezone Mars is not valid" in refused(
        lambda: schedule(account, role, ScheduleExpressionTimezone="Mars")
    )
    missing = refused(lambda: schedule(account, role, GroupName="jobs"))
    assert "(ResourceNotFoundException)" in missing
    assert "Schedule group jobs does not exist" in missing


def test_a_name_is_one_schedule_s_in_its_group(account: Account) -> None:
    schedule(account, role := make_role(account, "lambda:InvokeFunction"))
    assert "(ConflictException)" in refused(lambda: schedule(account, role))


def test_an_update_is_held_to_the_same_and_replaces_all(account: Account) -> None:
    schedule(account, role := make_role(account, "lambda:InvokeFunction"), Description="old")
    scheduler = account.client("scheduler")
    new = {"Name": "nightly", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": {"Arn": FUNCTION, "RoleArn": role}}
    assert "Invalid Schedule" in refused(lambda: scheduler.update_schedule(**new, ScheduleExpression="daily"))
    scheduler.update_schedule(**new, ScheduleExpression="rate(1 day)")
    found = scheduler.get_schedule(Name="nightly")
    assert (found["ScheduleExpression"], found.get("Description"), found["State"]) == ("rate(1 day)", None, "ENABLED")
    assert "Input" not in found["Target"]


def test_a_group_goes_with_its_schedules(account: Account) -> None:
    scheduler, role = account.client("scheduler"), make_role(account, "lambda:InvokeFunction")
    scheduler.create_schedule_group(Name="jobs")
    schedule(account, role, GroupName="jobs")
    assert "already exists" in refused(lambda: scheduler.create_schedule_group(Name="jobs"))
    scheduler.delete_schedule_group(Name="jobs")
    assert scheduler.list_schedules()["Schedules"] == []
    assert "does not exist" in refused(lambda: scheduler.delete_schedule_group(Name="jobs"))
    assert "default" in refused(lambda: scheduler.delete_schedule_group(Name="default"))
