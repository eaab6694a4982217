"""Progress in Slack: what pipelines and services do, as EventBridge tells it, without a function to keep."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import policies, undelivered
from components.messages import MESSAGES, pattern, transformer
from components.naming import Scope
from components.roles import service_role

MESSAGES_PER_SECOND = 1
"""What Slack takes of a webhook (Slack API, rate limits); EventBridge keeps what is more for later."""


class NotificationsArgs(TypedDict):
    """Inputs of `Notifications`."""

    scope: Scope
    pipelines: Sequence[str]
    """The names of the stack's."""
    webhook: pulumi.Input[str]
    """The URL of a Slack app's incoming webhook; a secret."""
    production: NotRequired[bool]
    """Whether the messages stand out."""


class Notifications(pulumi.ComponentResource):
    """Messages to a Slack channel, through an EventBridge API destination.

    The destination is an incoming webhook and not `chat.postMessage`: that one answers errors with HTTP status 200,
    which EventBridge takes for success. A webhook's errors have a status of their own, so EventBridge tries again what
    can succeed (429, 5xx) for a day, and the rest goes to a dead-letter queue, whose alarm goes off.

    Produces: a connection, an API destination, the role that EventBridge calls it with, a dead-letter queue with its
    policy and alarm, and for each message a rule and its target.
    """

    alarm_name: pulumi.Output[str]
    """The alarm that goes off when a message was not delivered."""

    def __init__(self, name: str, args: NotificationsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:Notifications", name, None, opts)
        child, scope = pulumi.ResourceOptions(parent=self), args["scope"]
        full_name = scope.name(name)
        connection = aws.cloudwatch.EventConnection(
            f"{name}-connection",
            name=full_name,
            description="Slack's webhooks need no header: their URL is the secret",
            authorization_type="API_KEY",
            auth_parameters={"api_key": {"key": "X-Sent-By", "value": "fargate-delivery"}},
            opts=child,
        )
        destination = aws.cloudwatch.EventApiDestination(
            f"{name}-destination",
            name=full_name,
            connection_arn=connection.arn,
            http_method="POST",
            invocation_endpoint=pulumi.Output.secret(args["webhook"]),
            invocation_rate_limit_per_second=MESSAGES_PER_SECOND,
            opts=child,
        )
        may_post = policies.allow("Post", ["events:InvokeApiDestination"], [destination.arn])
        role, permission = service_role(name, full_name, "events", [may_post], scope.account, child)
        queue = undelivered.dead_letters(name, full_name, child)
        rules = {
            kind: aws.cloudwatch.EventRule(
                f"{name}-{kind}",
                name=f"{full_name}-{kind}",
                event_pattern=pattern(message, scope, args["pipelines"]),
                opts=child,
            )
            for kind, message in MESSAGES.items()
        }
        given = undelivered.let_in(name, queue, list(rules.values()), child)
        for kind, rule in rules.items():
            paths, template = transformer(MESSAGES[kind], scope, production=args.get("production", False))
            aws.cloudwatch.EventTarget(
                f"{name}-{kind}-target",
                rule=rule.name,
                target_id="slack",
                arn=destination.arn,
                role_arn=role.arn,
                input_transformer={"input_paths": paths, "input_template": template},
                dead_letter_config={"arn": queue.arn},
                opts=pulumi.ResourceOptions(parent=self, depends_on=[permission, given]),
            )
        self.alarm_name = undelivered.alarm(
            name, full_name, queue, "Slack did not take a message; the queue has it, and why", child
        )
        self.register_outputs({"alarm_name": self.alarm_name})
