"""New roles: under the reading `late_roles` services refuse a role for the first seconds after it was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.iam.models import iam_backends

from sandbox.account.errors import AwsError

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.protocol import Operation

PARTITION = "aws"
SECONDS_UNTIL_KNOWN = 10.0
"""How long a role that was just made may be unknown to those who assume it."""
ECS_ROLE = "aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
SCALING_ROLE = (
    "aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
)
"""Service-linked roles: AWS makes them when an account first uses the service."""


class KnownRoles(set[tuple[str, str]]):
    """(service, role) that a service has been given before."""


def too_new(account: Account, role_arn: str) -> bool:
    """Whether a role was made so lately that who assumes it does not know it yet."""
    if not account.readings.late_roles:
        return False
    role = _role(account, role_arn)
    age = (datetime.now(UTC) - role.create_date.replace(tzinfo=UTC)).total_seconds() if role else 0.0
    return age < account.clock.scale(SECONDS_UNTIL_KNOWN)


def first_time(account: Account, service: str, role_arn: str) -> bool:
    """Whether a service that something is made with refuses a role because it never heard of it.

    That is so once for each service and role, however fast time passes here.
    """
    if not account.readings.late_roles:
        return False
    role = _role(account, role_arn)
    pairs = account.parts.of(KnownRoles)
    key = service, role.id if role else role_arn
    if key in pairs:
        return False
    pairs.add(key)
    return True


def check_new_roles(account: Account, operation: Operation) -> None:
    """Raise the AwsError by which a service refuses to make something with a role that it does not know yet."""
    refusals = [
        AwsError(code, message, 400)
        for service, role, code, message in _assumed_roles(account, operation.service, operation.name, operation.params)
        if first_time(account, service, role)
    ]
    if refusals:
        raise refusals[0]


def _assumed_roles(
    account: Account, service: str, name: str, params: Mapping[str, Any]
) -> Iterator[tuple[str, str, str, str]]:
    """Who assumes which role that a request gives, and with which error it is refused.

    terraform-provider-aws tries again at each of these words but EventBridge's (`internal/service/ecs/cluster.go` and
    `service.go`, `appautoscaling/target.go`, `lambda/function.go`) and those of a role that is passed to a task
    definition (terraform-aws-modules/terraform-aws-ecs#414). EventBridge's are those of PutRule, at which it does try
    again (`events/rule.go`); whether PutTargets looks at a role at all, nothing says.
    """
    linked = f"arn:aws:iam::{account.id}:role/"
    if service == "ecs" and name in ("CreateCluster", "CreateService"):
        message = "Unable to assume the service linked role. Please verify that the ECS service linked role exists."
        yield "ecs", linked + ECS_ROLE, "InvalidParameterException", message
    if service == "ecs" and name == "RegisterTaskDefinition":
        for role in [params[key] for key in ("executionRoleArn", "taskRoleArn") if params.get(key)]:
            caller = f"User: arn:aws:iam::{account.id}:root"
            message = f"{caller} is not authorized to perform: iam:PassRole on resource: {role}"
            yield "ecs", role, "AccessDeniedException", message
    if (
        service == "application-autoscaling"
        and name == "RegisterScalableTarget"
        and params["ServiceNamespace"] == "ecs"
    ):
        role = params.get("RoleARN") or linked + SCALING_ROLE
        yield "application-autoscaling", role, "ValidationException", f"Unable to assume IAM role: {role}"
    if service == "events" and name == "PutTargets":
        for role in {target["RoleArn"] for target in params["Targets"] if target.get("RoleArn")}:
            message = f"Provided role '{role}' cannot be assumed by principal 'events.amazonaws.com'."
            yield "events", role, "ValidationException", message
    if service == "lambda" and name.startswith("CreateFunction"):
        message = "The role defined for the function cannot be assumed by Lambda."
        yield "lambda", params["Role"], "InvalidParameterValueException", message


def _role(account: Account, role_arn: str) -> Any:
    roles = list(iam_backends[account.id][PARTITION].roles.values())
    return next((role for role in roles if role.arn == role_arn), None)
