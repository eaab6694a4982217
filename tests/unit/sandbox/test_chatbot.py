"""Amazon Q: a channel's configuration, and what of a topic's messages is in the channel."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.moto_api._internal.models import moto_api_backend

from sandbox.chatbot.api import HANDLERS
from sandbox.providers.resources import RESOURCES
from sandbox.providers.types import Aws
from sandbox.receivers.slack import as_seen
from sandbox.server.listener import Listener
from sandbox.server.world import World

A, R = "111122223333", "us-east-2"
RULE = f"arn:aws:events:{R}:{A}:rule/told"
TYPE = "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration"
TOPIC, OTHER = (f"arn:aws:sns:{R}:{A}:{name}" for name in ("told", "other"))
NOTIFICATION = {
    "version": "1.0",
    "source": "custom",
    "content": {"textType": "client-markdown", "title": "News", "description": "<https://example.com|Pipeline>"},
}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", A)
    listener = Listener(tmp_path, A, R, dict(HANDLERS))
    yield listener.world
    listener.stop()
    moto_api_backend.reset()


def channel(topic: str, **more: Any) -> dict[str, Any]:
    """A configuration's inputs."""
    return {
        "configurationName": "dev", "slackTeamId": "T1", "slackChannelId": "C1", "snsTopicArns": [topic],
        "iamRoleArn": f"arn:aws:iam::{A}:role/q", "guardrailPolicyArns": [f"arn:aws:iam::{A}:policy/reads"], **more,
    }  # fmt: skip


def topic_of(world: World, *, rule: str = RULE, message: Any = NOTIFICATION) -> str:
    """A topic that a rule may publish to, and does for all of `app`'s events."""
    events, sns = world.client("events"), world.client("sns")
    arn: str = sns.create_topic(Name="told")["TopicArn"]
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    events.put_rule(Name="told", EventPattern=json.dumps({"source": ["app"]}))
    events.put_targets(Rule="told", Targets=[{"Id": "t", "Arn": arn, "Input": json.dumps(message)}])
    return arn


def publish(world: World) -> list[list[str]]:
    """An event; what the channel shows then."""
    world.bus.publish({"source": "app", "detail-type": "d", "detail": {}})
    world.bus.wait()
    return [as_seen(message) for message in world.slack.posted]


def test_the_life_of_a_configuration(world: World) -> None:
    aws, handler = Aws(A, R, "aws", world.client, world.client), RESOURCES[TYPE]
    inputs = channel(TOPIC, tags={"stack": "dev"})
    id, outputs = handler.create(aws, inputs)
    assert id == outputs["chatConfigurationArn"] == f"arn:aws:chatbot::{A}:chat-configuration/slack-channel/dev"
    found = handler.read(aws, id, {**inputs, **outputs})
    assert found is not None
    assert {name: found[name] for name in inputs} == inputs
    with pytest.raises(ClientError, match="ConflictException"):
        handler.create(aws, {**inputs, "configurationName": "other"})
    news = channel(OTHER, tags={"stack": "prd"})
    handler.update(aws, id, {**inputs, **outputs}, news)
    found = handler.read(aws, id, {**news, **outputs})
    assert found is not None
    assert {name: found[name] for name in news} == news
    handler.delete(aws, id, news)
    assert handler.read(aws, id, news) is None


def test_a_topic_s_message_is_in_the_channel_that_follows_it(world: World) -> None:
    arn = topic_of(world)
    assert publish(world) == []
    RESOURCES[TYPE].create(Aws(A, R, "aws", world.client, world.client), channel(arn))
    assert publish(world) == [["News", "Pipeline (https://example.com)"]]
    assert world.undelivered == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"rule": f"{RULE}-of-another"}, "may not publish"),
        ({"message": {"text": "as a webhook takes it"}}, "custom notifications only"),
        ({"message": {**NOTIFICATION, "version": "2"}}, "custom notifications only"),
        ({"message": "News"}, "custom notifications only"),
    ],
)
def test_what_is_not_shown_is_undelivered(world: World, given: dict[str, Any], problem: str) -> None:
    arn = topic_of(world, **given)
    RESOURCES[TYPE].create(Aws(A, R, "aws", world.client, world.client), channel(arn))
    assert publish(world) == []
    (undelivered,) = world.undelivered
    assert problem in undelivered.error


def test_slack_may_be_down(world: World) -> None:
    RESOURCES[TYPE].create(Aws(A, R, "aws", world.client, world.client), channel(topic_of(world)))
    world.slack.mood = "down"
    assert publish(world) == []
    (undelivered,) = world.undelivered
    assert undelivered.error == "Slack: service_unavailable"
