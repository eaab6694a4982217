"""A dead-letter queue for what EventBridge could not deliver, and the alarm that somebody has to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.iam import policies
from releases.names import undelivered

RETENTION_DAYS = 14
"""The most that SQS keeps."""


@dataclass(frozen=True)
class DeadLetterQueue:
    """A queue that EventBridge's rules may write to.

    Attributes:
        arn: the queue's.
        policy: which rules may write; their targets come after it.
        alarm_name: the alarm that goes off when a message is in the queue.
    """

    arn: pulumi.Output[str]
    policy: aws.sqs.QueuePolicy
    alarm_name: pulumi.Output[str]


def dead_letter_queue(
    name: str,
    full_name: str,
    rule_arns: Sequence[pulumi.Input[str]],
    description: str,
    page: str | None,
    opts: pulumi.ResourceOptions,
) -> DeadLetterQueue:
    """The queue, its policy and its alarm.

    Args:
        name: what their names in Pulumi begin with.
        full_name: what their names in AWS begin with.
        rule_arns: the rules whose undelivered events it takes; may be patterns.
        description: the alarm's.
        page: the SNS topic that the alarm tells.
        opts: of all of them.
    """
    queue = aws.sqs.Queue(
        f"{name}-undelivered",
        name=undelivered(full_name),
        message_retention_seconds=RETENTION_DAYS * 24 * 60 * 60,
        sqs_managed_sse_enabled=True,
        opts=opts,
    )
    document = policies.send_to_dead_letters(queue.arn, rule_arns)
    policy = aws.sqs.QueuePolicy(
        f"{name}-undelivered-policy", queue_url=queue.url, policy=pulumi.Output.json_dumps(document), opts=opts
    )
    alarm = aws.cloudwatch.MetricAlarm(
        f"{name}-undelivered-alarm",
        name=undelivered(full_name),
        alarm_description=description,
        alarm_actions=None if page is None else [page],
        ok_actions=None if page is None else [page],
        namespace="AWS/SQS",
        metric_name="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": queue.name},
        statistic="Maximum",
        period=60,
        evaluation_periods=1,
        comparison_operator="GreaterThanThreshold",
        threshold=0,
        treat_missing_data="notBreaching",
        opts=opts,
    )
    return DeadLetterQueue(queue.arn, policy, alarm.name)
