"""Events that could not be delivered go to the target's dead-letter queue.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.account.authorization import service_may
from sandbox.iam.calls import Need

if TYPE_CHECKING:
    from sandbox.account.account import Account

LOGGER = logging.getLogger(__name__)
DEPTH = "ApproximateNumberOfMessagesVisible"


def keep(
    account: Account,
    event: Mapping[str, Any],
    rule: str,
    target: Mapping[str, Any],
    error: str,
    attempts: int,
    exhausted: str | None = None,
) -> None:
    """Put an event into the target's dead-letter queue, if it has one that the rule may write to.

    Args:
        account: the account.
        event: what was not delivered.
        rule: the rule's ARN.
        target: the rule's target.
        error: why.
        attempts: how often it was tried.
        exhausted: which limit of the retry policy ended that; None when it was not worth another try.
    """
    queue = target.get("DeadLetterConfig", {}).get("Arn")
    if queue is None:
        return
    sqs, name = account.client("sqs"), queue.rpartition(":")[2]
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {}).get("Policy")
    need = Need("sqs:SendMessage", queue, {"aws:SourceArn": rule})
    if not service_may(account, "events.amazonaws.com", need, policy):
        LOGGER.error("%s may not write to %s: the message is lost", rule, queue)
        return
    attributes = {
        "RULE_ARN": rule,
        "TARGET_ARN": str(target["Arn"]),
        "ERROR_CODE": "SDK_CLIENT_ERROR",
        "ERROR_MESSAGE": error,
        "RETRY_ATTEMPTS": str(attempts - 1),
        **({"EXHAUSTED_RETRY_CONDITION": exhausted} if exhausted else {}),
    }
    sqs.send_message(
        QueueUrl=url,
        MessageBody=json.dumps(event),
        MessageAttributes={key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()},
    )
    sound_alarms(account, name)


def sound_alarms(account: Account, queue: str) -> None:
    """The alarms on the queue's depth go off; CloudWatch would see it within their period."""
    cloudwatch = account.client("cloudwatch")
    dimension = {"Name": "QueueName", "Value": queue}
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        if alarm.get("MetricName") == DEPTH and dimension in alarm["Dimensions"]:
            cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="ALARM", StateReason=f"{queue} has one")
