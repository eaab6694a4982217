"""The role with which ECS starts a task: it pulls the image, reads what the task is given, and writes its log."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.iam import policies
from components.iam.roles import attach_policy, create_role
from components.scope import Scope


def execution_role(
    service: str, statements: Sequence[policies.Statement], scope: Scope, opts: pulumi.ResourceOptions
) -> tuple[aws.iam.Role, list[aws.iam.RolePolicy]]:
    """The role of a service, and its policies: one for each KMS key, and one for all else.

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
        if (key := _key(statement)) is not None:
            of_keys.setdefault(key, []).append(statement)
    rest = [statement for statement in statements if _key(statement) is None]
    name, trust = f"{service}-execution", policies.trust("ecs-tasks", scope.account)
    role = create_role(name, f"{scope.name(service)}-execution", [trust], scope, opts)
    decrypts = [attach_policy(f"{name}-key-{key}", role, of_key, opts) for key, of_key in of_keys.items()]
    # A statement that moves into a policy of its own is there before it leaves this one.
    after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=decrypts))
    return role, [attach_policy(name, role, rest, after), *decrypts]


def foreign_keys(statements: Sequence[policies.Statement]) -> list[str]:
    """The ARNs of keys that somebody else has made, which these decrypt with."""
    return sorted({key for each in statements if _decrypts(each) and isinstance(key := each["Resource"][0], str)})


def _key(statement: policies.Statement) -> str | None:
    """A name of the key that a statement decrypts with: a key in several Regions has one id. `own` is the service's."""
    if not _decrypts(statement):
        return None
    arn = statement["Resource"][0]
    return "-".join(arn.replace("/", ":").split(":")[3:]) if isinstance(arn, str) else "own"


def _decrypts(statement: policies.Statement) -> bool:
    return bool(statement["Action"] == ["kms:Decrypt"])
