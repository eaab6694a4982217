"""The ECS cluster that a stack's services share, and the log of what is typed into their tasks."""

import json
from typing import Literal, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.iam import policies
from components.scope import Scope
from releases.names import sessions_log_group


class ClusterArgs(TypedDict):
    """Inputs of `Cluster`."""

    scope: Scope
    """The cluster has the stack's name."""
    insights: NotRequired[Literal["disabled", "enabled", "enhanced"]]
    """CloudWatch Container Insights."""
    log_retention_days: int
    protect: NotRequired[bool]
    """Deletion protection of the log's key."""
    namespace: NotRequired[bool]
    """Whether services find each other by their names, by ECS Service Connect."""


class Cluster(pulumi.ComponentResource):
    """A Fargate cluster. Each session of ECS Exec in it is logged, encrypted; who may have one, its services say.

    Produces: an `aws.ecs.Cluster` and its `aws.ecs.ClusterCapacityProviders` (FARGATE and FARGATE_SPOT), a log group
    and its `aws.kms.Key`; where services find each other by name, an `aws.servicediscovery.HttpNamespace`.
    """

    name: pulumi.Output[str]
    """The cluster's name, known once its capacity providers are attached."""
    arn: pulumi.Output[str]
    """The cluster's ARN."""
    session_log_arn: pulumi.Output[str]
    """Where sessions of ECS Exec are logged."""
    namespace_arn: pulumi.Output[str] | None
    """Where services find each other by their names; None where none connects to another."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        scope = args["scope"]
        super().__init__("fargate-delivery:index:Cluster", name, {"cluster_name": scope.stack}, opts)
        child = pulumi.ResourceOptions(parent=self)
        log = self._session_log(name, args)
        sessions: aws.ecs.ClusterConfigurationExecuteCommandConfigurationArgsDict = {
            "logging": "OVERRIDE",
            "log_configuration": {"cloud_watch_log_group_name": log.name, "cloud_watch_encryption_enabled": True},
        }
        cluster = aws.ecs.Cluster(
            f"{name}-cluster",
            name=scope.stack,
            settings=[{"name": "containerInsights", "value": args.get("insights", "disabled")}],
            configuration={"execute_command_configuration": sessions},
            opts=child,
        )
        providers = aws.ecs.ClusterCapacityProviders(
            f"{name}-capacity",
            cluster_name=cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            opts=child,
        )
        self.name = providers.cluster_name
        self.arn, self.session_log_arn = cluster.arn, log.arn
        self.namespace_arn = self._namespace(name, scope.stack) if args.get("namespace") else None
        self.register_outputs({"name": self.name, "arn": self.arn})

    def _namespace(self, name: str, stack: str) -> pulumi.Output[str]:
        """Without DNS: what resolves the names is the proxy that ECS puts into each task."""
        return aws.servicediscovery.HttpNamespace(
            f"{name}-namespace",
            name=stack,
            description=f"The services of {stack}",
            opts=pulumi.ResourceOptions(parent=self),
        ).arn

    def _session_log(self, name: str, args: ClusterArgs) -> aws.cloudwatch.LogGroup:
        """What is typed into a task and what it answers: ECS logs encrypted only into a group with a key of its own."""
        scope = args["scope"]
        log = sessions_log_group(scope.stack)
        key = aws.kms.Key(
            f"{name}-session-key",
            description=f"Sessions of ECS Exec in {scope.stack}",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            policy=json.dumps(policies.encrypt_log(scope, log)),
            opts=pulumi.ResourceOptions(parent=self, protect=args.get("protect", False)),
        )
        return aws.cloudwatch.LogGroup(
            f"{name}-session-log",
            name=log,
            retention_in_days=args["log_retention_days"],
            kms_key_id=key.arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
