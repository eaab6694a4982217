"""Connections, API destinations, queues and their policies."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from sandbox.providers.resources.base import (
    PROVIDER_ONLY,
    AwsResource,
    Properties,
    ignoring_gone,
    is_gone,
    tag_dictionary,
)
from sandbox.providers.resources.codec import UnsupportedInputError, reported, text
from sandbox.providers.types import Aws, Resource

ATTRIBUTES = {
    "delaySeconds": "DelaySeconds",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "policy": "Policy",
    "redrivePolicy": "RedrivePolicy",
}
"""A queue's inputs, as SQS calls them."""


class Connection(AwsResource):
    """A connection; AWS never returns its secret."""

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        secret = {"authParameters": props["authParameters"]} if "authParameters" in props else {}
        return {**super().reported(aws, description, props), **secret}


class Queue:
    """A queue; its id is its URL."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Create it; SQS itself would take over one with the same attributes."""
        client, name = aws.client("sqs"), inputs["name"]
        if unknown := set(inputs) - {"name", "tags", *ATTRIBUTES} - PROVIDER_ONLY:
            raise UnsupportedInputError(f"{min(unknown)}: the sandbox's queues have no such property")
        with ignoring_gone():
            client.get_queue_url(QueueName=name)
            raise RuntimeError(f"creating SQS Queue ({name}): QueueAlreadyExists")
        url = client.create_queue(QueueName=name, Attributes=_attributes(inputs), tags=inputs.get("tags", {}))[
            "QueueUrl"
        ]
        return url, self._outputs(aws, url, inputs)

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """Its attributes, of those that are declared."""
        attributes = _queue_attributes(aws, id)
        if attributes is None:
            return None
        tags = tag_dictionary(aws.client("sqs").list_queue_tags(QueueUrl=id).get("Tags", {}))
        state = {name: _typed(attributes.get(ATTRIBUTES[name]), props[name]) for name in ATTRIBUTES if name in props}
        declared_attributes = {name: value for name, value in state.items() if value is not None}
        return {
            **declared_attributes,
            **self._outputs(aws, id, {"tags": tags}),
            **({"tags": tags} if tags or props.get("tags") else {}),
        }

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Set what differs."""
        client = aws.client("sqs")
        client.set_queue_attributes(QueueUrl=id, Attributes=_attributes(news))
        if removed := [key for key in olds.get("tags", {}) if key not in news.get("tags", {})]:
            client.untag_queue(QueueUrl=id, TagKeys=removed)
        if news.get("tags"):
            client.tag_queue(QueueUrl=id, Tags=news["tags"])
        return self._outputs(aws, id, news)

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """With all it holds."""
        with ignoring_gone():
            aws.client("sqs").delete_queue(QueueUrl=id)

    def _outputs(self, aws: Aws, url: str, inputs: Properties) -> Properties:
        attributes = _queue_attributes(aws, url) or {}
        name = url.rpartition("/")[2]
        return {"arn": attributes.get("QueueArn"), "url": url, "name": name, "tagsAll": inputs.get("tags", {})}


class QueuePolicy:
    """Who may use a queue; its id is the queue's URL."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Set it."""
        aws.client("sqs").set_queue_attributes(QueueUrl=inputs["queueUrl"], Attributes={"Policy": inputs["policy"]})
        return inputs["queueUrl"], {}

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """The queue's policy; None when the queue or the policy is gone."""
        policy = (_queue_attributes(aws, id) or {}).get("Policy")
        return {"queueUrl": id, "policy": reported(policy, props.get("policy", policy), {})} if policy else None

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Set the new one."""
        return self.create(aws, news)[1]

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Remove the policy; only the account may use the queue then."""
        with ignoring_gone():
            aws.client("sqs").set_queue_attributes(QueueUrl=id, Attributes={"Policy": ""})


def _queue_attributes(aws: Aws, url: str) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    except ClientError as error:
        if is_gone(error):
            return None
        raise
    return dict(answer.get("Attributes", {}))


def _attributes(inputs: Properties) -> dict[str, str]:
    return {ATTRIBUTES[name]: text(value) for name, value in inputs.items() if name in ATTRIBUTES}


def _typed(value: str | None, like: Any) -> Any:
    if value is None or isinstance(like, str):
        return value
    return value == "true" if isinstance(like, bool) else float(value)


RESOURCES: dict[str, Resource] = {
    "aws:cloudwatch/eventConnection:EventConnection": Connection(
        service="events",
        create_call="CreateConnection",
        read_call="DescribeConnection",
        update_call="UpdateConnection",
        delete_call="DeleteConnection",
        key="Name",
        id="@name",
        element="",
        names={"apiKey": "ApiKeyAuthParameters", "key": "ApiKeyName", "value": "ApiKeyValue"},
        outputs={"arn": "ConnectionArn", "secretArn": "SecretArn"},
    ),
    "aws:cloudwatch/eventApiDestination:EventApiDestination": AwsResource(
        service="events",
        create_call="CreateApiDestination",
        read_call="DescribeApiDestination",
        update_call="UpdateApiDestination",
        delete_call="DeleteApiDestination",
        key="Name",
        id="@name",
        element="",
        outputs={"arn": "ApiDestinationArn"},
    ),
    "aws:sqs/queue:Queue": Queue(),
    "aws:sqs/queuePolicy:QueuePolicy": QueuePolicy(),
}
