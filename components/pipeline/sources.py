"""Where a service's releases come from: its keys in a stack file, and who may bring them without an access key."""

from typing import Literal, Self

from pydantic import Field, model_validator

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
    """Only workflows on this branch may upload."""


class GitLabUploader(GitLabProject):
    """A project that uploads, on a GitLab that AWS can reach."""

    branch: str = "main"
    """Only pipelines of this branch may upload."""


class PromoteFrom(Model):
    """Another stack, whose service of the same name has the image to promote."""

    stack: types.StackName
    """Its name."""
    account: types.AccountId | None = None
    """That of the other stack; the default is that of this stack."""
    region: types.Region | None = None
    """That of the other stack; the default is that of this stack."""


class PromoteTo(Model):
    """A stack of another account that may promote this service's images, and may read them only for that."""

    stack: types.StackName
    """Its name."""
    account: types.AccountId
    """Its account's twelve digits, in quotes."""


class Source(Model):
    """Where a release comes from."""

    type: Literal["s3", "ecr", "promote"] = "s3"
    """`s3`: a zip with a Dockerfile that a CI uploads; CodeBuild builds its image here. `ecr`: an image that a CI
    pushes to the service's inbox; nothing is built. The CI may do nothing else. `promote`: only images that
    another stack runs."""
    tag: types.ImageTag | None = None
    """The tag of pushed images: each push of it starts a release, and a push of any other tag starts nothing. The
    default is `latest`."""
    upload_of: types.ServiceName | None = None
    """Another service of the stack whose uploads this service is also built from. Both are in one repository, and
    one upload releases each of them whose content has changed."""
    images: bool = False
    """Whether a CI may also push images before their source is uploaded. If an image has the tag of an upload's
    content, it is released and nothing is built. Whoever may push decides what runs, including the jobs of pull
    requests."""
    github: GitHubUploader | None = None
    """A repository on GitHub that uploads with a role, without an access key. The account needs GitHub's OIDC
    provider."""
    gitlab: GitLabUploader | None = None
    """A project on a GitLab that uploads with a role. The account needs that GitLab's OIDC provider."""

    promote_from: PromoteFrom | None = None
    """With it, `delivery promote` releases in this stack the image that the other stack runs; nothing is built."""
    promote_to: list[PromoteTo] = Field(default_factory=list)
    """The stacks of other accounts that may promote what this stack runs. Stacks of the same account need no entry."""

    @model_validator(mode="after")
    def _of_one_type(self) -> Self:
        if self.tag is not None and self.type != "ecr":
            raise ValueError("tag: only with type ecr, where images are pushed; remove it")
        if self.upload_of is not None and self.type != "s3":
            raise ValueError("upload_of: only with type s3, where sources are uploaded; remove it")
        if self.upload_of is not None and (self.images or self.github or self.gitlab):
            raise ValueError("images, github and gitlab: not with upload_of; set them at the service that is uploaded")
        if self.images and self.type != "s3":
            raise ValueError("images: only with type s3, because with ecr every image is pushed; remove it")
        if self.type == "promote" and self.promote_from is None:
            raise ValueError("promote_from: is missing; type promote needs the stack that images come from")
        if self.type == "promote" and (self.github or self.gitlab):
            raise ValueError("github and gitlab: not with type promote, where nobody uploads or pushes; remove them")
        return self

    @property
    def takes_images(self) -> bool:
        """Whether images come from another repository than the service's own."""
        return self.type == "ecr" or self.promote_from is not None

    @property
    def is_built(self) -> bool:
        """Whether images are built here."""
        return self.type == "s3"


def uploaders(source: Source, scope: Scope) -> list[Statement]:
    """Who may assume the role that uploads; empty where none is needed."""
    trust = []
    if (github := source.github) is not None:
        provider = _provider(scope, oidc_trust.GITHUB_URL)
        trust.append(oidc_trust.github("GitHub", provider, github, f"ref:refs/heads/{github.branch}"))
    if (gitlab := source.gitlab) is not None:
        trust.append(oidc_trust.gitlab("GitLab", _provider(scope, gitlab.url), gitlab, gitlab.branch))
    return trust


def pushers(source: Source, scope: Scope) -> list[Statement]:
    """Who may assume the role that pushes images of uploads to come: the jobs of pull requests; empty without any."""
    trust = []
    if source.images and (github := source.github) is not None:
        trust.append(oidc_trust.github("GitHub", _provider(scope, oidc_trust.GITHUB_URL), github, "pull_request"))
    if source.images and (gitlab := source.gitlab) is not None:
        trust.append(oidc_trust.gitlab("GitLab", _provider(scope, gitlab.url), gitlab, None))
    return trust


def _provider(scope: Scope, url: str) -> str:
    return oidc_trust.provider_arn(scope.partition, scope.account, url)
