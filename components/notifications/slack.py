"""Progress in Slack: what pipelines and services do, as EventBridge tells it, without a function to keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.iam import policies
from components.iam.roles import retry_until_role_is_known, service_role
from components.notifications.dead_letter_queue import dead_letter_queue
from components.notifications.slack_messages import Level, messages
from components.notifications.slack_rules import event_pattern, webhook_transformer
from components.scope import Scope

MESSAGES_PER_SECOND = 1
"""What Slack takes of a webhook (Slack API, rate limits); EventBridge keeps what is more for later."""


class NotificationsArgs(TypedDict):
    """Inputs of `Notifications`."""

    scope: Scope
    pipelines: Sequence[str]
    """The names of the stack's pipelines."""
    webhook: pulumi.Input[str]
    """The URL of a Slack app's incoming webhook; a secret."""
    level: NotRequired[Level]
    """Which messages are sent; by default all."""
    jobs: NotRequired[bool]
    """Whether services have jobs."""
    production: NotRequired[bool]
    """Whether the messages are marked with 🚨, for production."""
    page: NotRequired[str | None]
    """The SNS topic that the alarm notifies."""


class Notifications(pulumi.ComponentResource):
    """Messages to a Slack channel, through an EventBridge API destination.

    The destination is an incoming webhook, not `chat.postMessage`, which answers errors with HTTP status 200, so
    EventBridge treats them as success. A webhook's errors have their own status: EventBridge retries what can succeed
    (429, 5xx) for a day, and puts the rest into a dead-letter queue, whose alarm goes off.

    Produces: a connection, an API destination and the role with which EventBridge calls it; for each message a rule
    and its target; a dead-letter queue with its policy and alarm.
    """

    alarm_name: pulumi.Output[str]
    """The alarm that goes off when a message was not delivered."""

    def __init__(self, name: str, args: NotificationsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:Notifications", name, None, opts)
        child, scope = pulumi.ResourceOptions(parent=self), args["scope"]
        full_name = scope.name(name)
        told = messages(args.get("level", "all"), jobs=args.get("jobs", False))
        rules = {
            kind: aws.cloudwatch.EventRule(
                f"{name}-{kind}",
                name=f"{full_name}-{kind}",
                event_pattern=event_pattern(message, scope, args["pipelines"]),
                opts=child,
            )
            for kind, message in told.items()
        }
        queue = dead_letter_queue(
            name,
            full_name,
            [rule.arn for rule in rules.values()],
            "Slack did not take a message; the queue has it, and why",
            args.get("page"),
            child,
        )
        destination, role, permission = _destination(name, args["webhook"], scope, child)
        hooks = retry_until_role_is_known(f"{name}-targets")
        for kind, rule in rules.items():
            aws.cloudwatch.EventTarget(
                f"{name}-{kind}-target",
                rule=rule.name,
                target_id="slack",
                arn=destination.arn,
                role_arn=role.arn,
                input_transformer=webhook_transformer(told[kind], scope, production=args.get("production", False)),
                dead_letter_config={"arn": queue.arn},
                opts=pulumi.ResourceOptions(parent=self, depends_on=[queue.policy, permission], hooks=hooks),
            )
        self.alarm_name = queue.alarm_name
        self.register_outputs({"alarm_name": self.alarm_name})


def _destination(
    name: str, url: pulumi.Input[str], scope: Scope, opts: pulumi.ResourceOptions
) -> tuple[aws.cloudwatch.EventApiDestination, aws.iam.Role, aws.iam.RolePolicy]:
    """The webhook, the role that EventBridge calls it with, and what that role may do."""
    full_name = scope.name(name)
    connection = aws.cloudwatch.EventConnection(
        f"{name}-connection",
        name=full_name,
        description="Slack's webhooks need no header: their URL is the secret",
        authorization_type="API_KEY",
        auth_parameters={"api_key": {"key": "X-Sent-By", "value": "fargate-delivery"}},
        opts=opts,
    )
    destination = aws.cloudwatch.EventApiDestination(
        f"{name}-destination",
        name=full_name,
        connection_arn=connection.arn,
        http_method="POST",
        invocation_endpoint=pulumi.Output.secret(url),
        invocation_rate_limit_per_second=MESSAGES_PER_SECOND,
        opts=opts,
    )
    may_post = policies.allow("Post", "events:InvokeApiDestination", [destination.arn])
    role, permission = service_role(name, full_name, "events", [may_post], scope, opts)
    return destination, role, permission
