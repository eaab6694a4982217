"""The role of an app itself: what it may do in AWS, and what ECS Exec needs beside it."""

from collections.abc import Sequence
from typing import Annotated, Self

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components import types
from components.iam import policies
from components.iam.roles import attach_policy, create_role
from components.model import Model


class Permission(Model):
    """One thing that the app itself may do in AWS, with its task role."""

    actions: Annotated[list[types.Action], Field(min_length=1)]
    """As `s3:GetObject`."""
    resources: Annotated[list[types.Resource], Field(min_length=1)]
    """Their ARNs."""
    reason: Annotated[str, Field(min_length=10)] | None = None
    """Why there is a `*` or a `?`; needed where there is one."""

    @model_validator(mode="after")
    def _no_wildcard_without_a_reason(self) -> Self:
        wild = [text for text in [*self.actions, *self.resources] if "*" in text or "?" in text]
        if wild and self.reason is None:
            raise ValueError(f"{', '.join(wild)}: a wildcard needs a reason, a sentence in the key `reason`")
        return self


def task_role(
    name: str,
    full_name: str,
    account: str,
    statements: Sequence[policies.Statement],
    opts: pulumi.ResourceOptions,
) -> tuple[aws.iam.Role, list[aws.iam.RolePolicy]]:
    """The role, and its policy where it may do something.

    Args:
        name: what the children's names begin with.
        full_name: the role's name in AWS.
        account: on whose behalf only ECS assumes it.
        statements: what it may do.
        opts: of both children.
    """
    role = create_role(name, full_name, "ecs-tasks", account, opts)
    return role, [attach_policy(name, role, statements, opts)] if statements else []


def app_statements(permissions: Sequence[Permission]) -> list[policies.Statement]:
    """A statement for each permission."""
    return [
        policies.allow(f"App{number}", permission.actions, permission.resources)
        for number, permission in enumerate(permissions, start=1)
    ]
