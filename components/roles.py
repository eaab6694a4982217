"""IAM roles that an AWS service assumes, with all that they may do."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components import policies


def service_role(
    name: str,
    full_name: str,
    service: str,
    statements: Sequence[policies.Statement],
    account: str,
    opts: pulumi.ResourceOptions,
) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
    """A role and its one policy.

    Args:
        name: what the children's names begin with: `{name}-role` and `{name}-policy`.
        full_name: the role's name in AWS.
        service: who assumes it, as `codebuild`.
        statements: what it may do.
        account: on whose behalf only.
        opts: of both children.
    """
    role = bare_role(name, full_name, service, account, opts)
    return role, grant(name, role, statements, opts)


def bare_role(name: str, full_name: str, service: str, account: str, opts: pulumi.ResourceOptions) -> aws.iam.Role:
    """A role that may do nothing; the arguments are `service_role`'s."""
    return aws.iam.Role(
        f"{name}-role",
        name=full_name,
        assume_role_policy=pulumi.Output.json_dumps(policies.trust(service, account)),
        opts=opts,
    )


def grant(
    name: str, role: aws.iam.Role, statements: Sequence[policies.Statement], opts: pulumi.ResourceOptions
) -> aws.iam.RolePolicy:
    """The policy of a role; IAM takes none without a statement."""
    return aws.iam.RolePolicy(
        f"{name}-policy",
        role=role.name,
        policy=pulumi.Output.json_dumps(policies.document(statements)),
        opts=opts,
    )
