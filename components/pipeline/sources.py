"""Where a service's releases come from: its keys in a stack file, and who may bring them without an access key."""

from typing import Literal, Self

from pydantic import model_validator

from components import types
from components.iam import oidc_trust
from components.iam.oidc_trust import GitHubRepository, GitLabProject
from components.iam.policies import Statement
from components.model import Model
from components.scope import Scope

TAG = "latest"
"""The tag of a pushed image that starts a release, where no other is named."""


class GitHubUploader(GitHubRepository):
    """A repository on github.com that uploads."""

    branch: str = "main"
    """Only workflows on it upload."""


class GitLabUploader(GitLabProject):
    """A project that uploads, on a GitLab that AWS reaches."""

    branch: str = "main"
    """Only its pipelines upload."""


class Source(Model):
    """Where a release comes from."""

    type: Literal["s3", "ecr"] = "s3"
    """`s3`: a zip with a Dockerfile, uploaded by a CI that may do nothing else; its image is built here. `ecr`: an
    image, pushed to the service's inbox by a CI that may do nothing else; nothing is built."""
    tag: types.ImageTag | None = None
    """Of a pushed image: each push of it starts a release, and a push of any other tag starts nothing. `latest`, where
    nothing is said."""
    github: GitHubUploader | None = None
    """A hosted CI that uploads by a role, without an access key. The account needs GitHub's OIDC provider."""
    gitlab: GitLabUploader | None = None
    """The same with a GitLab's."""

    @model_validator(mode="after")
    def _tag_is_of_an_image(self) -> Self:
        if self.tag is not None and not self.is_pushed:
            raise ValueError("tag: only with type ecr; an upload has none")
        return self

    @property
    def is_pushed(self) -> bool:
        """Whether an image is pushed."""
        return self.type == "ecr"


def statements(source: Source, scope: Scope) -> list[Statement]:
    """Who may assume the role that uploads; empty where none is needed."""

    def provider(url: str) -> str:
        return oidc_trust.provider_arn(scope.partition, scope.account, url)

    uploaders = []
    if (github := source.github) is not None:
        context = f"ref:refs/heads/{github.branch}"
        uploaders.append(oidc_trust.github("GitHub", provider(oidc_trust.GITHUB_URL), github, context))
    if (gitlab := source.gitlab) is not None:
        uploaders.append(oidc_trust.gitlab("GitLab", provider(gitlab.url), gitlab, gitlab.branch))
    return uploaders
