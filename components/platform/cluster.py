"""The ECS cluster that a stack's services share, and the log of what is typed into their tasks."""

from __future__ import annotations

import json
from typing import Literal, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.iam import policies
from components.scope import Scope
from releases.names import cluster_parameter, sessions_log_group

PROVIDERS = ["FARGATE", "FARGATE_SPOT"]
"""The capacity providers by which services are deployed."""


class ClusterArgs(TypedDict):
    """Inputs of `Cluster`."""

    scope: Scope
    """A created cluster has the stack's name; if the scope has an existing cluster, none is created."""
    insights: NotRequired[Literal["disabled", "enabled", "enhanced"]]
    """CloudWatch Container Insights."""
    log_retention_days: int
    protect: NotRequired[bool]
    """Deletion protection of the log's key."""
    namespace: NotRequired[bool]
    """Whether services find each other by their names, through ECS Service Connect."""


class Cluster(pulumi.ComponentResource):
    """A Fargate cluster, or an existing one. In a created cluster each session of ECS Exec is logged, encrypted; the
    services say who may open one. In an existing cluster its owner decides about sessions.

    Produces: an `aws.ecs.Cluster` and its `aws.ecs.ClusterCapacityProviders` (FARGATE and FARGATE_SPOT), a log group
    and its `aws.kms.Key`; if services find each other by name, an `aws.servicediscovery.HttpNamespace`. For an
    existing cluster only a parameter with its name.
    """

    name: pulumi.Output[str]
    """The cluster's name, known once its capacity providers are attached."""
    arn: pulumi.Output[str]
    """The cluster's ARN."""
    namespace_arn: pulumi.Output[str] | None
    """The namespace in which services find each other by name; None where none connects to another."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        scope = args["scope"]
        super().__init__("fargate-delivery:index:Cluster", name, {"cluster_name": scope.cluster}, opts)
        if scope.adopted_cluster is None:
            self.name, self.arn, self._session_log_arn = self._make(name, args)
        else:
            self._remember(name, scope)
            self.name = pulumi.Output.from_input(scope.cluster)
            self.arn = pulumi.Output.from_input(scope.arn("ecs", f"cluster/{scope.cluster}"))
            self._session_log_arn = None
        self.namespace_arn = self._namespace(name, scope.stack) if args.get("namespace") else None
        self.register_outputs({"name": self.name, "arn": self.arn})

    _session_log_arn: pulumi.Output[str] | None

    def session_statements(self) -> list[policies.Statement]:
        """What a task role needs for sessions of ECS Exec.

        Raises:
            ValueError: the cluster exists, and only who has made it knows where it logs them.
        """
        if self._session_log_arn is None:
            raise ValueError("ECS Exec needs a cluster of the stack's own, which says where sessions are logged")
        return policies.ecs_exec(self._session_log_arn)

    def _make(self, name: str, args: ClusterArgs) -> tuple[pulumi.Output[str], pulumi.Output[str], pulumi.Output[str]]:
        """A cluster of the stack's own: its name and ARN, and the log of its sessions."""
        scope, child = args["scope"], pulumi.ResourceOptions(parent=self)
        log = self._make_session_log(name, args)
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
            capacity_providers=PROVIDERS,
            opts=child,
        )
        return providers.cluster_name, cluster.arn, log.arn

    def _remember(self, name: str, scope: Scope) -> None:
        """Keep the name of one that exists where the operators' commands find it."""
        aws.ssm.Parameter(
            f"{name}-name",
            name=cluster_parameter(scope.stack),
            type="String",
            insecure_value=scope.cluster,
            description="The ECS cluster that the stack's services are in",
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _namespace(self, name: str, stack: str) -> pulumi.Output[str]:
        """Without DNS: what resolves the names is the proxy that ECS puts into each task."""
        return aws.servicediscovery.HttpNamespace(
            f"{name}-namespace",
            name=stack,
            description=f"The services of {stack}",
            opts=pulumi.ResourceOptions(parent=self),
        ).arn

    def _make_session_log(self, name: str, args: ClusterArgs) -> aws.cloudwatch.LogGroup:
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
