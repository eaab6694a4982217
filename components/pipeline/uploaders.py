"""Hosted CI that uploads a service's source by a role, without an access key."""

from typing import Annotated, Literal

from pydantic import Field

from components import types
from components.iam import oidc_trust
from components.iam.policies import Statement
from components.model import Model
from components.scope import Scope


class GitHubUploader(Model):
    """A repository on github.com that uploads."""

    repository: types.GitHubRepository
    """`OWNER/NAME`."""
    owner_id: Annotated[int, Field(ge=1)]
    """`gh api repos/OWNER/NAME --jq .owner.id` tells it."""
    repository_id: Annotated[int, Field(ge=1)]
    """`gh api repos/OWNER/NAME --jq .id` tells it."""
    branch: str = "main"
    """Only workflows on it upload."""


class GitLabUploader(Model):
    """A project that uploads, on a GitLab that AWS reaches."""

    url: types.GitLabAddress
    """Of the instance, without a path."""
    project: types.GitLabProject
    """`GROUP/PROJECT`."""
    branch: str = "main"
    """Only its pipelines upload."""
    audience: str = "sts.amazonaws.com"
    """`aud` of the job's `id_tokens`."""


class Source(Model):
    """Where a release comes from."""

    type: Literal["s3"] = "s3"
    """`s3`: a zip with a Dockerfile, uploaded by a CI that may do nothing else."""
    github: GitHubUploader | None = None
    """A hosted CI that uploads by a role, without an access key. The account needs GitHub's OIDC provider."""
    gitlab: GitLabUploader | None = None
    """The same with a GitLab's."""


def statements(source: Source, scope: Scope) -> list[Statement]:
    """Who may assume the role that uploads; empty where none is needed."""
    found = []
    if (github := source.github) is not None:
        repository: oidc_trust.GitHubRepository = {
            "name": github.repository,
            "owner_id": github.owner_id,
            "id": github.repository_id,
        }
        provider = oidc_trust.provider_arn(scope.partition, scope.account, oidc_trust.GITHUB_URL)
        found.append(oidc_trust.github("GitHub", provider, repository, f"ref:refs/heads/{github.branch}"))
    if (gitlab := source.gitlab) is not None:
        project: oidc_trust.GitLabProject = {"url": gitlab.url, "path": gitlab.project, "audience": gitlab.audience}
        provider = oidc_trust.provider_arn(scope.partition, scope.account, gitlab.url)
        found.append(oidc_trust.gitlab("GitLab", provider, project, gitlab.branch))
    return found
