"""Feedback for whoever may only upload: commit statuses and comments that follow the release of a commit."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import policies, undelivered
from components.commit_messages import HOSTS, Outcome, comment, ended, path_values, pattern, report_input, status
from components.naming import SOURCES, Scope
from components.pipeline_builds import caller
from components.roles import service_role, until_known
from releases.events import FAILED, SOURCE

SCRIPT = Path(__file__).parent.parent / "buildspecs" / "report.py"
CALLS_PER_SECOND = 5
MINUTES = 10
OUTCOMES: Sequence[Outcome] = ("started", "released", "failed")


@dataclass(frozen=True)
class Targets:
    """What the targets have in common: who calls them, where the undelivered goes, and what they wait for."""

    role_arn: pulumi.Output[str]
    queue_arn: pulumi.Output[str]
    opts: pulumi.ResourceOptions


class CommitFeedbackArgs(TypedDict):
    """Inputs of `CommitFeedback`."""

    scope: Scope
    pipelines: Sequence[str]
    """The names of the stack's."""
    host: str
    """`github` or `gitlab`."""
    api: str | None
    """The address of its REST API; None for the host's own."""
    token: pulumi.Input[str]
    """What may set statuses and comment; a secret."""
    bucket_arn: pulumi.Input[str]
    """Where sources arrive."""
    log_retention_days: int
    page: NotRequired[str | None]
    """The SNS topic that the alarm tells."""


class CommitFeedback(pulumi.ComponentResource):
    """A commit's status on GitHub or GitLab follows its release, and a failure is a comment with the build's log.

    An upload names its commit by its metadata. EventBridge calls the host's REST API through API destinations. No event
    of CodePipeline's names a commit, so an execution that ends without a release starts a build that looks why, and
    publishes what it has found.

    Produces: a connection, two API destinations, a CodeBuild project with its log group and role, four rules with their
    targets and role, and a dead-letter queue with its policy and alarm.
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
        calls = policies.allow("Call", ["events:InvokeApiDestination"], [statuses.arn, comments.arn])
        start = policies.allow("Look", ["codebuild:StartBuild"], [report.arn])
        role, permission = self._role("events", "events", [calls, start])
        queue = undelivered.dead_letters(name, self._full_name, self._child)
        rules = {outcome: self._rule(outcome, pattern(self._host, outcome, args["pipelines"])) for outcome in OUTCOMES}
        stopped = self._rule("ended", ended(args["pipelines"]))
        given = undelivered.let_in(name, queue, [rule.arn for rule in (*rules.values(), stopped)], self._child)
        self._targets = Targets(
            role.arn,
            queue.arn,
            pulumi.ResourceOptions(parent=self, depends_on=[permission, given], hooks=until_known(f"{name}-targets")),
        )
        path = {"path_parameter_values": path_values(self._host)}
        for outcome, rule in rules.items():
            body = status(self._host, outcome, args["scope"])
            self._target(f"{outcome}-status", rule, statuses.arn, input_transformer=body, http_target=path)
        body = comment(self._host)
        self._target("failed-comment", rules["failed"], comments.arn, input_transformer=body, http_target=path)
        self._target("ended-report", stopped, report.arn, input_transformer=report_input())
        self.alarm_name = undelivered.alarm(
            name,
            self._full_name,
            queue,
            "A commit was not told; the queue has what, and why",
            args.get("page"),
            self._child,
        )
        self.register_outputs({"alarm_name": self.alarm_name})

    def _target(self, purpose: str, rule: aws.cloudwatch.EventRule, arn: pulumi.Input[str], **given: Any) -> None:
        """Where a rule's events go; `given` is what is sent of them."""
        aws.cloudwatch.EventTarget(
            f"{self._name}-{purpose}",
            rule=rule.name,
            target_id=purpose,
            arn=arn,
            role_arn=self._targets.role_arn,
            dead_letter_config={"arn": self._targets.queue_arn},
            **given,
            opts=self._targets.opts,
        )

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

    def _role(
        self, purpose: str, service: str, statements: Sequence[policies.Statement]
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        return service_role(
            f"{self._name}-{purpose}",
            f"{self._full_name}-{purpose}",
            service,
            statements,
            self._args["scope"].account,
            self._child,
        )

    def _report(self) -> aws.codebuild.Project:
        """The build that looks why an execution has ended."""
        args, scope = self._args, self._args["scope"]
        logs = aws.cloudwatch.LogGroup(
            f"{self._name}-report-logs",
            name=f"/codebuild/{self._full_name}-report",
            retention_in_days=args["log_retention_days"],
            opts=self._child,
        )
        role, policy = self._role(
            "report",
            "codebuild",
            [
                *policies.write_logs(logs.arn),
                *policies.look_into(
                    pipeline_arns=[scope.arn("codepipeline", name) for name in args["pipelines"]],
                    builds_arn=scope.arn("codebuild", f"project/{scope.name('*')}"),
                    logs_arn=scope.arn("logs", f"log-group:/codebuild/{scope.name('*')}:log-stream:*"),
                    tasks_logs_arn=scope.arn("logs", f"log-group:/ecs/{scope.name('*')}"),
                    sources_arn=pulumi.Output.concat(args["bucket_arn"], f"/{SOURCES}/*"),
                ),
                *policies.announce(scope.arn("events", "event-bus/default"), SOURCE, FAILED),
            ],
        )
        script = f"cat > report.py <<'SCRIPT'\n{SCRIPT.read_text('utf-8')}SCRIPT"
        commands = {"version": 0.2, "phases": {"build": {"commands": [script, "python3 report.py"]}}}
        return aws.codebuild.Project(
            f"{self._name}-report",
            name=f"{self._full_name}-report",
            service_role=role.arn,
            build_timeout=MINUTES,
            source={"type": "NO_SOURCE", "buildspec": json.dumps(commands, indent=2)},
            artifacts={"type": "NO_ARTIFACTS"},
            environment=aws.codebuild.ProjectEnvironmentArgs(**caller("X86_64")),
            logs_config={"cloudwatch_logs": {"group_name": logs.name}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
