"""Events to an API destination: with which role, how often it is tried, and where the rest goes."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.moto_api._internal.models import moto_api_backend

from sandbox.account.account import Account
from sandbox.eventbridge.destinations import Destinations
from sandbox.receivers.answer import Answer
from sandbox.receivers.slack import FailureMode, Slack
from sandbox.server.app import Handler
from sandbox.server.listener import Listener

A, R = "111122223333", "eu-west-1"
RULE, QUEUE = f"arn:aws:events:{R}:{A}:rule/told", f"arn:aws:sqs:{R}:{A}:dead"
URL = "https://hooks.slack.com/services/x"
ALLOWED = {"Action": "events:InvokeApiDestination", "Resource": f"arn:aws:events:{R}:{A}:api-destination/slack/*"}


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", A)
    monkeypatch.setenv("SANDBOX_SPEED", "2000")
    handlers: dict[tuple[str, str], Handler] = {}
    listener = Listener(tmp_path, A, R, handlers)
    yield listener.account
    listener.stop()
    moto_api_backend.reset()


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def make_target(account: Account, *, may: dict[str, str] = ALLOWED, url: str = URL, **target: Any) -> None:
    """A rule for all of `app`'s events, whose target is Slack's webhook."""
    events, iam = account.client("events"), account.client("iam")
    trust = document(Action="sts:AssumeRole", Principal={"Service": "events.amazonaws.com"})
    role = iam.create_role(RoleName="post", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="post", PolicyName="p", PolicyDocument=document(**may))
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "v"}}
    connection = events.create_connection(Name="c", AuthorizationType="API_KEY", AuthParameters=key)["ConnectionArn"]
    destination = events.create_api_destination(
        Name="slack", ConnectionArn=connection, HttpMethod="POST", InvocationEndpoint=url,
        InvocationRateLimitPerSecond=10,
    )["ApiDestinationArn"]  # fmt: skip
    transformer = {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"text": "number <n>"}'}
    events.put_rule(Name="told", EventPattern=json.dumps({"source": ["app"]}))
    events.put_targets(
        Rule="told",
        Targets=[{"Id": "t", "Arn": destination, "RoleArn": role, "InputTransformer": transformer, **target}],
    )


def make_queue(account: Account, rule: str = RULE) -> Any:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = document(
        Action="sqs:SendMessage", Resource=QUEUE, Principal={"Service": "events.amazonaws.com"},
        Condition={"ArnEquals": {"aws:SourceArn": rule}},
    )  # fmt: skip
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    account.client("cloudwatch").put_metric_alarm(
        AlarmName="dead", Namespace="AWS/SQS", MetricName="ApproximateNumberOfMessagesVisible", Statistic="Maximum",
        Dimensions=[{"Name": "QueueName", "Value": "dead"}], Period=60, EvaluationPeriods=1, Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    return sqs


def publish(account: Account, *numbers: int) -> None:
    for n in numbers:
        account.bus.publish({"source": "app", "detail-type": "d", "detail": {"n": n}})
    account.bus.wait()


def settled(account: Account) -> list[str]:
    """What Slack was told, when nothing is on its way any more."""
    while not account.parts.of(Destinations).idle():
        time.sleep(0.01)
    return [message["text"] for message in account.parts.of(Slack).posted]


def kept(account: Account) -> list[dict[str, Any]]:
    sqs = account.client("sqs")
    found: list[dict[str, Any]] = sqs.receive_message(
        QueueUrl=sqs.get_queue_url(QueueName="dead")["QueueUrl"], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    ).get("Messages", [])
    return found


def alarm(account: Account) -> str:
    return str(account.client("cloudwatch").describe_alarms(AlarmNames=["dead"])["MetricAlarms"][0]["StateValue"])


def test_events_are_posted_in_their_order(account: Account) -> None:
    make_target(account)
    publish(account, 1, 2, 3)
    assert settled(account) == ["number 1", "number 2", "number 3"]
    assert account.undelivered == []


@pytest.mark.parametrize("failure_mode", ["down", "rate_limited"])
def test_what_can_succeed_is_tried_again(account: Account, failure_mode: FailureMode) -> None:
    make_target(account)
    account.parts.of(Slack).failure_mode = failure_mode
    publish(account, 1, 2)
    time.sleep(0.2)
    assert account.parts.of(Slack).posted == []
    account.parts.of(Slack).failure_mode = "ok"
    assert sorted(settled(account)) == ["number 1", "number 2"]
    assert account.undelivered == []


def test_what_cannot_succeed_is_kept_at_once(account: Account) -> None:
    make_queue(account)
    make_target(account, DeadLetterConfig={"Arn": QUEUE})
    account.parts.of(Slack).failure_mode = "gone"
    publish(account, 7)
    assert settled(account) == []
    (message,) = kept(account)
    assert json.loads(message["Body"])["detail"] == {"n": 7}
    said = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (said["ERROR_MESSAGE"], said["RETRY_ATTEMPTS"], said["RULE_ARN"]) == ("404 no_service", "0", RULE)
    assert alarm(account) == "ALARM"


def test_what_was_tried_often_enough_is_kept(account: Account) -> None:
    make_queue(account)
    make_target(account, DeadLetterConfig={"Arn": QUEUE}, RetryPolicy={"MaximumRetryAttempts": 2})
    account.parts.of(Slack).failure_mode = "down"
    publish(account, 7)
    assert settled(account) == []
    (message,) = kept(account)
    said = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (said["RETRY_ATTEMPTS"], said["EXHAUSTED_RETRY_CONDITION"]) == ("2", "MaximumRetryAttempts")


def test_a_queue_takes_only_what_its_policy_allows(account: Account) -> None:
    make_queue(account, rule=f"{RULE}-other")
    make_target(account, DeadLetterConfig={"Arn": QUEUE})
    account.parts.of(Slack).failure_mode = "gone"
    publish(account, 7)
    assert settled(account) == []
    assert kept(account) == []
    assert alarm(account) != "ALARM"


def test_the_role_must_be_allowed(account: Account) -> None:
    make_target(account, may={**ALLOWED, "Resource": f"arn:aws:events:{R}:{A}:api-destination/other/*"})
    publish(account, 1)
    assert settled(account) == []
    assert "may not events:InvokeApiDestination" in account.undelivered[0].error


def test_only_slack_is_reached(account: Account) -> None:
    make_target(account, url="https://example.com/hook")
    publish(account, 1)
    assert settled(account) == []
    assert account.undelivered[0].error == "404 the sandbox reaches no example.com"


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ('{"text": "hello"}', Answer(200, "ok")),
        ('{"text": "hello', Answer(400, "invalid_payload")),
        ('["hello"]', Answer(400, "invalid_payload")),
        ('{"color": "#fff"}', Answer(400, "no_text")),
        ('{"text": "t", "blocks": [{"type": "header", "text": {"text": ""}}]}', Answer(400, "invalid_blocks")),
        (json.dumps({"attachments": [{"blocks": [{"type": "section", "text": {"text": "x" * 3001}}]}]}),
         Answer(400, "invalid_blocks")),
    ],
)  # fmt: skip
def test_what_slack_answers(body: str, answer: Answer) -> None:
    slack = Slack()
    assert slack.post(body) == answer
    assert len(slack.posted) == (answer.status == 200)
