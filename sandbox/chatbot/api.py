"""Slack channels' configurations, and what of their topics' messages is in the channel.

https://docs.aws.amazon.com/chatbot/latest/APIReference/Welcome.html and
https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sandbox.server.errors import AwsError

if TYPE_CHECKING:
    from sandbox.server.world import Principal, World

Json = dict[str, Any]
DEFAULT_GUARDRAIL = "arn:aws:iam::aws:policy/AdministratorAccess"
"""What AWS takes when a configuration names none (API reference, GuardrailPolicyArns)."""

_channels: WeakKeyDictionary[World, dict[str, Json]] = WeakKeyDictionary()
_lock = threading.RLock()


def channels(world: World) -> dict[str, Json]:
    """A world's configurations by ARN, as `SlackChannelConfiguration`."""
    with _lock:
        return _channels.setdefault(world, {})


def create(world: World, principal: Principal, params: Json) -> Json:
    arn = f"arn:aws:chatbot::{world.account}:chat-configuration/slack-channel/{params['ConfigurationName']}"
    place = (params["SlackTeamId"], params["SlackChannelId"])
    with _lock:
        known = channels(world)
        if arn in known or any((each["SlackTeamId"], each["SlackChannelId"]) == place for each in known.values()):
            raise AwsError("ConflictException", "There is a configuration of this name or for this channel", 409)
        known[arn] = {
            "ChatConfigurationArn": arn,
            "SlackTeamName": params["SlackTeamId"],
            "SlackChannelName": params["SlackChannelId"],
            "SnsTopicArns": [],
            "LoggingLevel": "NONE",
            "GuardrailPolicyArns": [DEFAULT_GUARDRAIL],
            "UserAuthorizationRequired": False,
            "State": "ENABLED",
            "Tags": [],
            **params,
        }
        return {"ChannelConfiguration": known[arn]}


def describe(world: World, principal: Principal, params: Json) -> Json:
    wanted = params.get("ChatConfigurationArn")
    found = [each for arn, each in channels(world).items() if wanted in (None, arn)]
    return {"SlackChannelConfigurations": found}


def update(world: World, principal: Principal, params: Json) -> Json:
    with _lock:
        found = _channel(world, params["ChatConfigurationArn"])
        found.update(params)
        return {"ChannelConfiguration": found}


def delete(world: World, principal: Principal, params: Json) -> Json:
    with _lock:
        _channel(world, params["ChatConfigurationArn"])
        del channels(world)[params["ChatConfigurationArn"]]
    return {}


def tag(world: World, principal: Principal, params: Json) -> Json:
    with _lock:
        found = _channel(world, params["ResourceARN"])
        new = {each["TagKey"]: each for each in [*found["Tags"], *params["Tags"]]}
        found["Tags"] = list(new.values())
    return {}


def untag(world: World, principal: Principal, params: Json) -> Json:
    with _lock:
        found = _channel(world, params["ResourceARN"])
        found["Tags"] = [each for each in found["Tags"] if each["TagKey"] not in params["TagKeys"]]
    return {}


def list_tags(world: World, principal: Principal, params: Json) -> Json:
    return {"Tags": _channel(world, params["ResourceARN"])["Tags"]}


def notify(world: World, topic: str, message: str) -> str:
    """Show a topic's message in the channels that follow it; why one of them does not have it, else empty."""
    try:
        said = json.loads(message)
        content = said["content"]
        title, text = content.get("title", ""), content["description"]
        known = (said["version"], said["source"]) == ("1.0", "custom")
    except (ValueError, KeyError, TypeError, AttributeError):
        known = False
    if not known:
        return "the sandbox's Amazon Q shows custom notifications only, and this is none"
    heading = [{"type": "header", "text": {"type": "plain_text", "text": title}}] if title else []
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    body = json.dumps({"text": title or text, "attachments": [{"blocks": [*heading, section]}]})
    followers = [each for each in list(channels(world).values()) if topic in each["SnsTopicArns"]]
    answers = [world.slack.post(body) for _ in followers]
    return next((f"Slack: {answer.text}" for answer in answers if answer.status != 200), "")


def _channel(world: World, arn: str) -> Json:
    found = channels(world).get(arn)
    if found is None:
        raise AwsError("ResourceNotFoundException", f"There is no configuration {arn}", 404)
    return found


HANDLERS = {
    ("chatbot", "CreateSlackChannelConfiguration"): create,
    ("chatbot", "DescribeSlackChannelConfigurations"): describe,
    ("chatbot", "UpdateSlackChannelConfiguration"): update,
    ("chatbot", "DeleteSlackChannelConfiguration"): delete,
    ("chatbot", "TagResource"): tag,
    ("chatbot", "UntagResource"): untag,
    ("chatbot", "ListTagsForResource"): list_tags,
}
