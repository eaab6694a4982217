"""Who may assume a role with a token of an OIDC provider: trust statements on exactly what the token says.

Functions without resources. A role's trust policy is `policies.document` of what they return.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import pulumi
from pydantic import Field

from components import types
from components.iam.policies import Statement
from components.model import Model

GITHUB_URL = "https://token.actions.githubusercontent.com"
GITHUB_AUDIENCE = "sts.amazonaws.com"
PULUMI_URL = "https://api.pulumi.com/oidc"

ArnOf = Callable[[str], pulumi.Input[str]]
"""An OIDC provider's URL → its ARN in the account."""

PulumiOperation = Literal["update", "preview", "refresh", "destroy"]
"""What Pulumi Deployments runs here (Pulumi Cloud's REST API, OperationContext). Not `detect-drift`: that is a refresh,
which finds in each release a difference from the state; `.ci/drift` asks the program, too.
"""

DEPLOYS: Sequence[PulumiOperation] = ("update", "refresh", "destroy")
"""Those that run the code of the deployed branch."""


class GitHubRepository(Model):
    """A repository on github.com."""

    repository: types.GitHubRepository
    """`OWNER/NAME`."""
    owner_id: Annotated[int, Field(ge=1)]
    """The owner's id: `gh api repos/OWNER/NAME --jq .owner.id` prints it."""
    repository_id: Annotated[int, Field(ge=1)]
    """The repository's id: `gh api repos/OWNER/NAME --jq .id` prints it."""


class GitLabProject(Model):
    """A project on a GitLab that AWS reaches: it reads `/.well-known/openid-configuration` and the keys."""

    url: types.GitLabAddress
    """The address of the instance, without a path."""
    project: types.GitLabProject
    """`GROUP/PROJECT`."""
    audience: str = "sts.amazonaws.com"
    """`aud` of the job's `id_tokens`."""


def issuer(url: str) -> str:
    """An OIDC provider's name, in its ARN and in condition keys: its URL without the scheme."""
    return url.removeprefix("https://").rstrip("/")


def provider_arn(partition: str, account: str, url: str) -> str:
    """The ARN of an account's OIDC provider."""
    return f"arn:{partition}:iam::{account}:oidc-provider/{issuer(url)}"


def github(
    sid: str, provider: pulumi.Input[str], repository: GitHubRepository, context: str, *, ref: str | None = None
) -> Statement:
    """Lets jobs of one repository in.

    The subject is written in both of GitHub's formats, with names only and, for repositories made or renamed since
    2026-07-15, with the numbers too (GitHub, OpenID Connect reference: immutable subject claims). The repository's
    number is asked for in either case, so that nobody gets in who takes over a name.

    Args:
        sid: the statement's name.
        provider: the OIDC provider's ARN.
        repository: whose jobs.
        context: how the subject ends: `pull_request`, `environment:NAME` or `ref:refs/heads/BRANCH`.
        ref: the ref that the workflow must run on, where the subject does not say.
    """
    owner, _, name = repository.repository.partition("/")
    subjects = [
        f"repo:{owner}/{name}:{context}",
        f"repo:{owner}@{repository.owner_id}/{name}@{repository.repository_id}:{context}",
    ]
    claims: dict[str, str | list[str]] = {
        "aud": GITHUB_AUDIENCE,
        "sub": subjects,
        "repository_id": str(repository.repository_id),
        **({"ref": ref} if ref else {}),
    }
    return _web_identity(sid, provider, {"StringEquals": _keys(GITHUB_URL, claims)})


def gitlab(sid: str, provider: pulumi.Input[str], project: GitLabProject, branch: str | None) -> Statement:
    """Lets a project's jobs in that run on a branch; None: on any. A fork's jobs have the fork's path.

    AWS looks at no other claim of a GitLab token than these.
    """
    audience = _keys(project.url, {"aud": project.audience})
    subject = _keys(project.url, {"sub": f"project_path:{project.project}:ref_type:branch:ref:{branch or '*'}"})
    if branch:
        return _web_identity(sid, provider, {"StringEquals": {**audience, **subject}})
    return _web_identity(sid, provider, {"StringEquals": audience, "StringLike": subject})


def pulumi_deployments(
    provider: pulumi.Input[str],
    organization: str,
    project: str,
    stack: str,
    operations: Sequence[PulumiOperation],
) -> Statement:
    """Lets these operations of one stack in Pulumi Cloud in (Pulumi Deployments, OIDC: subject and audience)."""
    of = f"pulumi:deploy:org:{organization}:project:{project}:stack:{stack}"
    claims: dict[str, str | list[str]] = {
        "aud": organization,
        "sub": [f"{of}:operation:{operation}:scope:write" for operation in operations],
    }
    return _web_identity("PulumiDeployments", provider, {"StringEquals": _keys(PULUMI_URL, claims)})


def principals(sid: str, arns: Sequence[str]) -> Statement:
    """Lets IAM users and roles in, such as that of an on-premises runner."""
    return {"Sid": sid, "Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole"}


def _keys(url: str, claims: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
    return {f"{issuer(url)}:{claim}": value for claim, value in claims.items()}


def _web_identity(sid: str, provider: pulumi.Input[str], condition: Statement) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
