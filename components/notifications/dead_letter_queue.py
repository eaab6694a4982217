"""A dead-letter queue for what EventBridge could not deliver, and the alarm that somebody has to look."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.iam import policies

DAYS_KEPT = 14
"""The most that SQS keeps."""


def dead_letters(name: str, full_name: str, opts: pulumi.ResourceOptions) -> aws.sqs.Queue:
    """The queue."""
    return aws.sqs.Queue(
        f"{name}-undelivered",
        name=f"{full_name}-undelivered",
        message_retention_seconds=DAYS_KEPT * 24 * 60 * 60,
        sqs_managed_sse_enabled=True,
        opts=opts,
    )


def let_in(
    name: str, queue: aws.sqs.Queue, rule_arns: Sequence[pulumi.Input[str]], opts: pulumi.ResourceOptions
) -> aws.sqs.QueuePolicy:
    """What these rules could not deliver may be put there; their ARNs may be patterns."""
    document = policies.receive_undelivered(queue.arn, rule_arns)
    return aws.sqs.QueuePolicy(
        f"{name}-undelivered-policy", queue_url=queue.url, policy=pulumi.Output.json_dumps(document), opts=opts
    )


def alarm(
    name: str,
    full_name: str,
    queue: aws.sqs.Queue,
    description: str,
    page: str | None,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """The alarm on the queue, which tells `page`, an SNS topic; its name."""
    made = aws.cloudwatch.MetricAlarm(
        f"{name}-undelivered-alarm",
        name=f"{full_name}-undelivered",
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
    return made.name
