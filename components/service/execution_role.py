"""The role with which ECS starts a task: it pulls the image, reads what the task is given, and writes its log."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.iam import policies
from components.iam.roles import attach_policy, service_role
from components.scope import Scope


def execution_role(
    service: str, statements: Sequence[policies.Statement], scope: Scope, opts: pulumi.ResourceOptions
) -> tuple[aws.iam.Role, list[aws.iam.RolePolicy]]:
    """The role of a service, and its policies: one for each key of somebody else's, and one for all else.

    Pulumi deletes last, so what decrypts with a key that is not named any more goes when the service's deployment has
    ended: which key encrypts what the revision before reads, no task definition says.

    Args:
        service: its name.
        statements: what it may do.
        scope: of the stack.
        opts: of all of them.
    """
    of_keys: dict[str, list[policies.Statement]] = {}
    for statement in statements:
        if (key := _foreign_key(statement)) is not None:
            of_keys.setdefault(key, []).append(statement)
    rest = [statement for statement in statements if _foreign_key(statement) is None]
    role, policy = service_role(
        f"{service}-execution", f"{scope.name(service)}-execution", "ecs-tasks", rest, scope, opts
    )
    decrypts = [
        attach_policy(f"{service}-execution-key-{key.rpartition('/')[2]}", role, of_key, opts)
        for key, of_key in of_keys.items()
    ]
    return role, [policy, *decrypts]


def _foreign_key(statement: policies.Statement) -> str | None:
    """The key that somebody else has made, whose ARN is known, where a statement decrypts with one."""
    key = statement["Resource"][0]
    return key if statement["Action"] == ["kms:Decrypt"] and isinstance(key, str) else None
