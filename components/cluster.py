"""The ECS cluster that a stack's services share."""

from typing import Literal, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws


class ClusterArgs(TypedDict):
    """Inputs of `Cluster`."""

    cluster_name: pulumi.Input[str]
    """The cluster's AWS name."""
    insights: NotRequired[Literal["disabled", "enabled", "enhanced"]]
    """CloudWatch Container Insights."""


class Cluster(pulumi.ComponentResource):
    """A Fargate cluster.

    Produces: an `aws.ecs.Cluster` and its `aws.ecs.ClusterCapacityProviders` (FARGATE and FARGATE_SPOT).
    """

    name: pulumi.Output[str]
    """The cluster's name, known once its capacity providers are attached."""
    arn: pulumi.Output[str]
    """The cluster's ARN."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:Cluster", name, dict(args), opts)
        child = pulumi.ResourceOptions(parent=self)
        cluster = aws.ecs.Cluster(
            f"{name}-cluster",
            name=args["cluster_name"],
            settings=[{"name": "containerInsights", "value": args.get("insights", "disabled")}],
            opts=child,
        )
        providers = aws.ecs.ClusterCapacityProviders(
            f"{name}-capacity",
            cluster_name=cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            opts=child,
        )
        self.name = providers.cluster_name
        self.arn = cluster.arn
        self.register_outputs({"name": self.name, "arn": self.arn})
