"""What a task can reach from where it stands, and whether its load balancer reaches it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandbox.ecs.model import Json, Task
from sandbox.network.vpc import Interface, vpc_of

if TYPE_CHECKING:
    from sandbox.account.account import Account

SECONDS_TO_GIVE_UP = 290.0
"""How long Fargate tries before the task is STOPPED: 4 min 49 s were published for a security group without egress."""
SECRETS_AND_AUTH = "ResourceInitializationError: unable to pull secrets or registry auth: "
CHECK = "Check your task network configuration. "
TIMED_OUT = "https response error StatusCode: 0, RequestID: , canceled, context deadline exceeded"
UNREACHABLE = {
    "ecr.api": f"{SECRETS_AND_AUTH}The task cannot pull registry auth from Amazon ECR: There is a connection issue"
    f" between the task and Amazon ECR. {CHECK}operation error ECR: GetAuthorizationToken, exceeded maximum number of"
    " attempts, 3, https response error StatusCode: 0, RequestID: , request send failed, i/o timeout",
    "ecr.dkr": "CannotPullContainerError: The task cannot pull the image from the Amazon ECR repository. There is a"
    f" connection issue between the task and Amazon ECR. {CHECK}i/o timeout",
    "s3": "CannotPullContainerError: The task cannot pull the image's layers from Amazon S3. There is a connection"
    f" issue between the task and Amazon S3. {CHECK}i/o timeout",
    "ssm": f"{SECRETS_AND_AUTH}unable to retrieve secrets from ssm: The task cannot pull secrets from AWS Systems"
    " Manager. There is a connection issue between the task and AWS Systems Manager Parameter Store."
    f" {CHECK}operation error SSM: GetParameters, {TIMED_OUT}",
    "secretsmanager": f"{SECRETS_AND_AUTH}unable to retrieve secret from asm: There is a connection issue between the"
    f" task and AWS Secrets Manager. {CHECK}operation error Secrets Manager: GetSecretValue, {TIMED_OUT}",
    "logs": "ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch"
    " log group defined in the task definition. There is a connection issue between the task and Amazon CloudWatch."
    " Check your network configuration.",
}
"""A service that does not answer → a task's `stoppedReason`, in the words of tasks that failed so (published events of
services in private subnets without a way out; those of `s3` follow the one of `ecr.dkr`)."""


def unreachable(account: Account, task: Task, service: str) -> str | None:
    """The `stoppedReason` of a task that cannot reach a service, after the time that it takes; None when it can.

    The cause is in brackets at its end, which AWS does not say.
    """
    source = interface(account, task)
    problem = source and vpc_of(account).to_service(source, service)
    if not problem:
        return None
    task.stop_requested.wait(account.clock.scale(SECONDS_TO_GIVE_UP))
    return f"{UNREACHABLE[service]} [{problem}]"


def balancers(account: Account, group: Json) -> list[Interface]:
    """Where the load balancers of a target group stand, one interface a zone."""
    if not group.get("LoadBalancerArns"):
        return []
    answer = account.client("elbv2").describe_load_balancers(LoadBalancerArns=group["LoadBalancerArns"])
    return [
        Interface(zone["SubnetId"], balancer.get("SecurityGroups", []))
        for balancer in answer["LoadBalancers"]
        for zone in balancer["AvailabilityZones"]
    ]


def refused(account: Account, task: Task, sources: Sequence[Interface], port: int) -> str | None:
    """Why one of these interfaces does not reach a port of a task; None when all do."""
    target = interface(account, task)
    if target is None:
        return None
    vpc = vpc_of(account)
    return next((problem for source in sources if (problem := vpc.between(source, target, port))), None)


def interface(account: Account, task: Task) -> Interface | None:
    """The network interface of a task, None where the task has none of its own (network mode other than awsvpc).

    Without security groups it has its VPC's default one
    (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html).
    """
    declared = task.network_configuration.get("awsvpcConfiguration")
    if not declared or task.subnet is None:
        return None
    groups = declared.get("securityGroups") or vpc_of(account).default_groups(task.subnet)
    return Interface(task.subnet, groups, declared.get("assignPublicIp") == "ENABLED")
