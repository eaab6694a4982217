"""Feedback for whoever may only upload: commit statuses and comments that follow the release of a commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.iam import delivery_policies, policies
from components.iam.roles import retry_until_role_is_known, service_role
from components.lambda_function import let_rule_call, python_function
from components.notifications.commit_messages import (
    HOSTS,
    Outcome,
    comment_transformer,
    ended_pattern,
    event_pattern,
    path_parameters,
    report_transformer,
    status_transformer,
)
from components.notifications.dead_letter_queue import dead_letter_queue
from components.platform.delivery_store import DeliveryStore
from components.scope import Scope
from pipeline_steps.report import BUCKET_VARIABLE, FOLDER
from releases.events import FAILED, SOURCE
from releases.names import SOURCES, build_log_group, log_group

HANDLER = "pipeline_steps.report.handle"
TIMEOUT = 120
"""Seconds in which it has read a build's log and has searched the tasks' log."""
CALLS_PER_SECOND = 5
OUTCOMES: Sequence[Outcome] = ("started", "released", "failed")


class CommitFeedbackArgs(TypedDict):
    """Inputs of `CommitFeedback`."""

    scope: Scope
    pipelines: Sequence[str]
    """The names of the stack's pipelines."""
    host: str
    """`github` or `gitlab`."""
    api: str | None
    """The address of the host's REST API; None for the host's own cloud."""
    token: pulumi.Input[str]
    """A token that may set statuses and comment; a secret."""
    store: DeliveryStore
    """The bucket of the sources and of the steps' code."""
    log_retention_days: int
    page: NotRequired[str | None]
    """The SNS topic that the alarm notifies."""


class CommitFeedback(pulumi.ComponentResource):
    """Sets a commit's status on GitHub or GitLab as its release goes on, and comments on a failure with the build's
    log.

    An upload names its commit by its metadata. EventBridge calls the host's REST API through API destinations. No event
    of CodePipeline names a commit. So when an execution ends without a release, EventBridge calls a function, which
    finds out why and publishes the reason.

    Produces: a connection, two API destinations, a Lambda function with its log group, role and policy, four rules
    with their targets and role, and a dead-letter queue with its policy and alarm.
    """

    alarm_name: pulumi.Output[str]
    """The alarm that goes off when a status or comment was not delivered."""

    def __init__(self, name: str, args: CommitFeedbackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:CommitFeedback", name, None, opts)
        self._name, self._args, self._full_name = name, args, args["scope"].name(name)
        self._child = pulumi.ResourceOptions(parent=self)
        self._host = HOSTS[args["host"]]
        connection = aws.cloudwatch.EventConnection(
            f"{name}-connection",
            name=self._full_name,
            authorization_type="API_KEY",
            auth_parameters={
                "api_key": {
                    "key": self._host.header,
                    "value": pulumi.Output.secret(args["token"]).apply(self._host.credential.format),
                }
            },
            opts=self._child,
        )
        statuses = self._destination("statuses", self._host.statuses, connection)
        comments = self._destination("comments", self._host.comments, connection)
        report = self._report()
        calls = policies.allow("Call", "events:InvokeApiDestination", [statuses.arn, comments.arn])
        role, permission = service_role(
            f"{name}-events", f"{self._full_name}-events", "events", [calls], args["scope"], self._child
        )
        rules = {
            outcome: self._rule(outcome, event_pattern(self._host, outcome, args["pipelines"])) for outcome in OUTCOMES
        }
        ended = self._rule("ended", ended_pattern(args["pipelines"]))
        queue = dead_letter_queue(
            name,
            self._full_name,
            [rule.arn for rule in (*rules.values(), ended)],
            "A commit was not told; the queue has what, and why",
            args.get("page"),
            self._child,
        )
        called = let_rule_call(f"{name}-report", report, ended, self._child)
        targets = pulumi.ResourceOptions(
            parent=self,
            depends_on=[permission, queue.policy, called],
            hooks=retry_until_role_is_known(f"{name}-targets"),
        )

        def target(purpose: str, rule: aws.cloudwatch.EventRule, arn: pulumi.Input[str], **delivery: Any) -> None:
            """Where a rule's events go; `delivery` is what is sent of them, and as whom.

            A function's own policy says who calls it (EventBridge, using resource-based policies).
            """
            aws.cloudwatch.EventTarget(
                f"{name}-{purpose}",
                rule=rule.name,
                target_id=purpose,
                arn=arn,
                dead_letter_config={"arn": queue.arn},
                **delivery,
                opts=targets,
            )

        path: dict[str, Any] = {
            "role_arn": role.arn,
            "http_target": {"path_parameter_values": path_parameters(self._host)},
        }
        for outcome, rule in rules.items():
            body = status_transformer(self._host, outcome, args["scope"])
            target(f"{outcome}-status", rule, statuses.arn, input_transformer=body, **path)
        body = comment_transformer(self._host)
        target("failed-comment", rules["failed"], comments.arn, input_transformer=body, **path)
        target("ended-report", ended, report.arn, input_transformer=report_transformer())
        self.alarm_name = queue.alarm_name
        self.register_outputs({"alarm_name": self.alarm_name})

    def _destination(
        self, purpose: str, path: str, connection: aws.cloudwatch.EventConnection
    ) -> aws.cloudwatch.EventApiDestination:
        return aws.cloudwatch.EventApiDestination(
            f"{self._name}-{purpose}",
            name=f"{self._full_name}-{purpose}",
            connection_arn=connection.arn,
            http_method="POST",
            invocation_endpoint=f"{(self._args['api'] or self._host.api).rstrip('/')}/{path}",
            invocation_rate_limit_per_second=CALLS_PER_SECOND,
            opts=self._child,
        )

    def _rule(self, purpose: str, event_pattern: str) -> aws.cloudwatch.EventRule:
        return aws.cloudwatch.EventRule(
            f"{self._name}-{purpose}",
            name=f"{self._full_name}-{purpose}",
            event_pattern=event_pattern,
            opts=self._child,
        )

    def _report(self) -> aws.lambda_.Function:
        """The function that looks why an execution has ended."""
        args, scope = self._args, self._args["scope"]
        return python_function(
            f"{self._name}-report",
            f"{self._full_name}-report",
            handler=HANDLER,
            store=args["store"],
            variables={BUCKET_VARIABLE: args["store"].bucket},
            timeout=TIMEOUT,
            permissions=[
                *delivery_policies.read_failures(
                    pipeline_arns=[scope.arn("codepipeline", name) for name in args["pipelines"]],
                    builds_arn=scope.arn("codebuild", f"project/{scope.name('*')}"),
                    logs_arn=scope.arn("logs", f"log-group:{build_log_group(scope.name('*'))}:log-stream:*"),
                    tasks_logs_arn=scope.arn("logs", f"log-group:{log_group(scope.name('*'))}"),
                    services_arn=scope.arn("ecs", f"service/{scope.cluster}/{scope.name('*')}"),
                    sources_arn=pulumi.Output.concat(args["store"].arn, f"/{SOURCES}/*"),
                ),
                *delivery_policies.keep_reports(pulumi.Output.concat(args["store"].arn, f"/{FOLDER}/*")),
                *delivery_policies.put_events(scope.arn("events", "event-bus/default"), SOURCE, FAILED),
            ],
            scope=scope,
            log_retention_days=args["log_retention_days"],
            opts=self._child,
        )
