"""The role of an app itself: what it may do in AWS, and what ECS Exec needs beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components import types
from components.iam import policies
from components.iam.roles import attach_policy, create_role
from components.model import Model
from components.scope import Scope


class Permission(Model):
    """AWS actions that the app itself may call, with its task role."""

    actions: Annotated[list[types.Action], Field(min_length=1)]
    """The actions, such as `s3:GetObject`."""
    resources: Annotated[list[types.Resource], Field(min_length=1)]
    """Their ARNs."""
    reason: Annotated[str, Field(min_length=10)] | None = None
    """Why an ARN or action contains `*` or `?`; required if one does."""

    @model_validator(mode="after")
    def _no_wildcard_without_a_reason(self) -> Self:
        wild = [text for text in [*self.actions, *self.resources] if "*" in text or "?" in text]
        if wild and self.reason is None:
            raise ValueError(f"{', '.join(wild)}: a wildcard needs a reason, a sentence in the key `reason`")
        return self


def app_statements(permissions: Sequence[Permission]) -> list[policies.Statement]:
    """A statement for each permission."""
    return [
        policies.allow(f"App{number}", permission.actions, permission.resources)
        for number, permission in enumerate(permissions, start=1)
    ]


def task_role(
    service: str, statements: Sequence[policies.Statement], scope: Scope, opts: pulumi.ResourceOptions
) -> tuple[aws.iam.Role, list[aws.iam.RolePolicy]]:
    """The role of a service's tasks, and its policy; none where it may do nothing.

    Args:
        service: its name.
        statements: what it may do.
        scope: of the stack.
        opts: of both.
    """
    name, trust = f"{service}-task", policies.trust("ecs-tasks", scope.account)
    role = create_role(name, f"{scope.name(service)}-task", [trust], scope, opts)
    return role, [attach_policy(name, role, statements, opts)] if statements else []
