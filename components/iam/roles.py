"""IAM roles that an AWS service assumes, with all that they may do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.iam import policies
from components.scope import Scope

PAUSE = 5.0
"""Seconds between two tries."""
REFUSALS = {"cannot be assumed by principal": 24, "is not authorized to perform: iam:PassRole": 6}
"""What AWS says of a role that it does not know yet → how many tries. EventBridge's has two minutes, as the provider
takes for other kinds; that a role may not be passed is most often true, so it is given half a minute."""


def service_role(
    name: str,
    full_name: str,
    service: str,
    statements: Sequence[policies.Statement],
    scope: Scope,
    opts: pulumi.ResourceOptions,
) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
    """A role and its one policy.

    Args:
        name: what the children's names begin with: `{name}-role` and `{name}-policy`.
        full_name: the role's name in AWS.
        service: who assumes it, as `codebuild`.
        statements: what it may do.
        scope: of the stack; only on behalf of its account, and within its permissions boundary.
        opts: of both children.
    """
    role = create_role(name, full_name, [policies.trust(service, scope.account)], scope, opts)
    return role, attach_policy(name, role, statements, opts)


def create_role(
    name: str, full_name: str, trust: Sequence[policies.Statement], scope: Scope, opts: pulumi.ResourceOptions
) -> aws.iam.Role:
    """A role `{name}-role` that may do nothing, and that `trust` may assume; never more than the stack's boundary."""
    return aws.iam.Role(
        f"{name}-role",
        name=full_name,
        assume_role_policy=pulumi.Output.json_dumps(policies.document(trust)),
        permissions_boundary=scope.permissions_boundary,
        opts=opts,
    )


def attach_policy(
    name: str, role: aws.iam.Role, statements: Sequence[policies.Statement], opts: pulumi.ResourceOptions
) -> aws.iam.RolePolicy:
    """The policy of a role; IAM takes none without a statement."""
    return aws.iam.RolePolicy(
        f"{name}-policy",
        role=role.name,
        policy=pulumi.Output.json_dumps(policies.document(statements)),
        opts=opts,
    )


def retry_until_role_is_known(name: str) -> pulumi.ResourceHookBinding:
    """The hook of EventBridge's targets and of task definitions: their roles may be so new that AWS does not know them.

    The provider tries that again for a rule (`PutRule`), and not for a target; whether `PutTargets` looks at the role,
    nothing says. Nor does it for `RegisterTaskDefinition`, which IAM may refuse the first seconds, as if its caller
    might not pass the role (terraform-aws-modules/terraform-aws-ecs#414; `task_definition.go` of the provider). For
    CodeBuild, CodePipeline, CodeDeploy, ECS and Application Auto Scaling it does try again.

    Args:
        name: the hook's own, once in a program.
    """

    async def again(args: pulumi.ErrorHookArgs) -> bool:
        if not worth_another_try(args.errors):
            return False
        await asyncio.sleep(PAUSE)
        return True

    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(name, again)])


def worth_another_try(errors: Sequence[str]) -> bool:
    """Whether AWS refused a role as one that it does not know, and has not done so too often.

    Args:
        errors: of all tries, the newest first.
    """
    return any(words in errors[0] and len(errors) <= tries for words, tries in REFUSALS.items())
