"""What the services of a stack share, as one value that each of them is given."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi_aws as aws

from components.pipeline.start_failures import StartFailures
from components.platform.cluster import Cluster
from components.platform.delivery_store import DeliveryStore
from components.platform.load_balancer import LoadBalancer
from components.platform.network import Network
from components.scope import Scope


@dataclass(frozen=True)
class Platform:
    """What the services of a stack share.

    Attributes:
        scope: the stack, and the account and the region that it is in.
        network: the VPC.
        cluster: the ECS cluster.
        load_balancer: the load balancer, which each service with routes adds its rules to.
        delivery_store: the bucket of sources, artifacts and the code of the pipelines' steps.
        start_failures: where an event goes that started no pipeline.
        spot: whether tasks run on FARGATE_SPOT, but for services that say something else.
        log_retention_days: how long each log group keeps its events.
        page: the ARN of the SNS topic that alarms notify; None for none.
        protect: deletion protection of what cannot be made again: keys and images.
    """

    scope: Scope
    network: Network
    cluster: Cluster
    load_balancer: LoadBalancer
    delivery_store: DeliveryStore
    start_failures: StartFailures
    spot: bool = False
    log_retention_days: int = 30
    page: str | None = None
    protect: bool = False


def scope_of(stack: str, permissions_boundary: str | None = None, adopted_cluster: str | None = None) -> Scope:
    """Where a stack is, by the credentials that it is deployed with.

    Args:
        stack: its name.
        permissions_boundary: the ARN of the policy that bounds its roles.
        adopted_cluster: the name of an ECS cluster that exists; without it the stack makes one.
    """
    return Scope(
        stack=stack,
        partition=aws.get_partition().partition,
        region=aws.get_region().region,
        account=aws.get_caller_identity().account_id,
        permissions_boundary=permissions_boundary,
        adopted_cluster=adopted_cluster,
    )
