"""The keys of an account's file, `bootstrap/Pulumi.<name>.yaml`, and whom they let in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pulumi
from pydantic import Field, ValidationError, model_validator

from components.iam import oidc_trust
from components.iam.policies import Statement
from components.model import Model
from components.types import NAME, ClusterName, PolicyArn, RoleArn, UniqueList, text
from config.error_messages import format_error
from config.lines import StackLines, read_keys
from config.validation import format_problems

FOLDER = Path(__file__).parent
NAMESPACE = "fargate-delivery-bootstrap"
"""What the keys of an account's file start with."""
PROJECT = "fargate-delivery"
"""The Pulumi project whose stacks these are."""

Arn = Annotated[
    str, text(r"^arn:aws[a-z-]*:iam::\d{12}:(user|role)/[\w+=,.@/-]+$", "must be the ARN of an IAM user or role")
]
StackName = Annotated[
    str,
    NAME,
    Field(min_length=2, max_length=20),
]
LoadBalancerName = Annotated[
    str, text(r"^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$", "must be the name of a load balancer, such as shared")
]
Organization = Annotated[str, text(r"^[a-z0-9-]+$", "must be small letters, digits and hyphens, such as my-org")]
Branch = Annotated[str, text(r"^[\w./-]+$", "must be the name of a branch, such as main")]


class GitHub(oidc_trust.GitHubRepository):
    """A repository on github.com."""

    provider: Literal["made", "exists"] = "made"
    """`exists`: the account has this OIDC provider already; it has one for a URL at most."""


class GitLab(oidc_trust.GitLabProject):
    """A project on a GitLab that AWS reaches: it reads `/.well-known/openid-configuration` and the keys."""

    provider: Literal["made", "exists"] = "made"
    """As of `github`."""


class PulumiCloud(Model):
    """An organization in Pulumi Cloud."""

    organization: Organization
    """Its name, in lower case as its tokens have it."""
    provider: Literal["made", "exists"] = "made"
    """As of `github`."""


class StackKeys(Model):
    """Who deploys and previews one stack."""

    branch: Branch = "main"
    """Only what runs on it deploys."""
    previews: bool = True
    """Whether pull requests are previewed. Their code then reads the secrets of the stack's file and state. Who asks
    first is GitHub's environment `preview-STACK`; GitLab's tokens name no environment, so any branch's pipeline may."""
    reviews: bool = False
    """Whether pull requests may have stacks of their own on this one's network and load balancer, put up as the role
    `STACK-review`. Their code then reads what a preview's does, and makes what is named `pr-…`. Only for a stack that
    is alone in its account."""
    load_balancer: LoadBalancerName | None = None
    """A load balancer of the account whose listener the stack's file names as `load_balancer.listener_arn`: the deploy
    role may have rules there."""
    cluster: ClusterName | None = None
    """An ECS cluster of the account that the stack's file names as `cluster.name`: the stack's roles may have services
    there."""
    zone_roles: UniqueList[RoleArn] = Field(default_factory=list)
    """The roles that the stack's file names as `role` of a zone, such as one of another account: who deploys or looks
    for drift may assume them."""
    previews_assume_zone_roles: bool = False
    """Whether who previews may, too: the provider assumes a role as soon as it starts, so without it there is no
    preview. A pull request's code may then do what the policies of these roles allow."""
    reviews_assume_zone_roles: bool = False
    """The same of who puts up reviews."""
    deployments_preview: bool = False
    """Whether Pulumi Deployments may preview pull requests, which it does with the deploy role."""


class Account(Model):
    """An account's file."""

    backend: Literal["s3", "pulumi"] = "s3"
    """Where Pulumi keeps states. `s3`: a bucket of this account and a key for each stack's secrets. `pulumi`: Pulumi
    Cloud; neither is made."""
    github: GitHub | None = None
    gitlab: GitLab | None = None
    pulumi_cloud: PulumiCloud | None = None
    """For Pulumi Deployments; needs `backend: pulumi`."""
    permissions_boundary: PolicyArn | None = None
    """A managed policy that every role must carry which a stack of the account makes: else who deploys, or puts up
    reviews, could make a role that may do more than they may themselves. The stack files then name it too, as
    `permissions_boundary`. It is made by hand, and no role of CI's may change it."""
    runners: list[Arn] = Field(default_factory=list)
    """IAM users and roles that may preview and deploy every stack: runners whose GitLab AWS does not reach."""
    stacks: Annotated[dict[StackName, StackKeys], Field(min_length=1)]

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if not (self.github or self.gitlab or self.pulumi_cloud or self.runners):
            raise ValueError("nobody would deploy: give one at least of github, gitlab, pulumi_cloud and runners")
        if self.pulumi_cloud and self.backend == "s3":
            raise ValueError("pulumi_cloud needs backend: pulumi, because Deployments read no other state")
        if not self.pulumi_cloud and any(keys.deployments_preview for keys in self.stacks.values()):
            raise ValueError("deployments_preview is for Pulumi Deployments, so it needs pulumi_cloud")
        for name, keys in self.stacks.items():
            if keys.reviews and (len(self.stacks) > 1 or f"{name}-".startswith("pr-")):
                raise ValueError(
                    f"stacks.{name}.reviews: is for a stack that is alone in its account and not named pr or pr-…, "
                    "because reviews are named pr-<number>, and Pulumi reads every state in a bucket to list them"
                )
            if keys.zone_roles and keys.previews != keys.previews_assume_zone_roles:
                raise ValueError(
                    f"stacks.{name}.zone_roles: a preview has to assume them, and its code may write by them then; say "
                    "previews_assume_zone_roles: true, or previews: false"
                )
            if keys.zone_roles and keys.reviews != keys.reviews_assume_zone_roles:
                raise ValueError(
                    f"stacks.{name}.zone_roles: a review has to assume them, and a pull request's code may write by "
                    "them then; say reviews_assume_zone_roles: true, or reviews: false"
                )
            if other := next((each for each in self.stacks if each.startswith(f"{name}-")), None):
                raise ValueError(f"stacks {name} and {other}: names of {name} would be {other}'s; rename one")
        return self

    def providers(self) -> dict[str, tuple[str, list[str]]]:
        """Name → URL and audiences, of the OIDC providers to make."""
        wanted: dict[str, tuple[str, list[str]]] = {}
        if self.github and self.github.provider == "made":
            wanted["github"] = (oidc_trust.GITHUB_URL, [oidc_trust.GITHUB_AUDIENCE])
        if self.gitlab and self.gitlab.provider == "made":
            wanted["gitlab"] = (self.gitlab.url, [self.gitlab.audience])
        if self.pulumi_cloud and self.pulumi_cloud.provider == "made":
            wanted["pulumi-cloud"] = (oidc_trust.PULUMI_URL, [self.pulumi_cloud.organization])
        return wanted

    def trust(self, stack: str, arn_of: oidc_trust.ArnOf) -> dict[str, list[Statement]]:
        """Who may assume each role of a stack, by its use; nobody where it has no such role.

        Nobody looks for the drift of what only Pulumi Deployments deploys.

        Args:
            stack: the stack.
            arn_of: URL → the ARN of the account's OIDC provider.
        """
        keys, runners = self.stacks[stack], self._runners()
        return {
            "deploy": [*self._jobs(stack, keys.branch, arn_of), *self._deployments(stack, arn_of), *runners],
            "preview": [*self._jobs(f"preview-{stack}", None, arn_of), *runners] if keys.previews else [],
            "drift": [*self._jobs(f"drift-{stack}", keys.branch, arn_of), *runners],
            "review": [*self._jobs("review", None, arn_of), *runners] if keys.reviews else [],
        }

    def _deployments(self, stack: str, arn_of: oidc_trust.ArnOf) -> list[Statement]:
        """Pulumi Deployments of a stack."""
        if not self.pulumi_cloud:
            return []
        previews: list[oidc_trust.PulumiOperation] = ["preview"] if self.stacks[stack].deployments_preview else []
        organization, provider = self.pulumi_cloud.organization, arn_of(oidc_trust.PULUMI_URL)
        return [oidc_trust.pulumi_deployments(provider, organization, PROJECT, stack, [*oidc_trust.DEPLOYS, *previews])]

    def _jobs(self, environment: str, branch: str | None, arn_of: oidc_trust.ArnOf) -> list[Statement]:
        """Jobs in an environment on GitHub and on a branch; without one, those of pull requests, on GitLab any."""
        statements = []
        if self.github:
            provider, ref = arn_of(oidc_trust.GITHUB_URL), f"refs/heads/{branch}" if branch else None
            statements.append(oidc_trust.github("GitHub", provider, self.github, f"environment:{environment}", ref=ref))
        if self.gitlab:
            statements.append(oidc_trust.gitlab("GitLab", arn_of(self.gitlab.url), self.gitlab, branch))
        return statements

    def _runners(self) -> list[Statement]:
        return [oidc_trust.principals("Runners", self.runners)] if self.runners else []


def state_bucket_name(account: str, region: str) -> str:
    """The bucket's name: one for an account and Region, the same for whoever asks."""
    return f"fargate-delivery-state-{account}-{region}"


def load() -> Account:
    """The account's file, checked.

    Raises:
        pulumi.RunError: one message with every mistake, a line each.
    """
    config = {f"{NAMESPACE}:{key}": value for key, value in read_keys(NAMESPACE).items()}
    if problems := check_account(config):
        file = f"Pulumi.{pulumi.get_stack()}.yaml"
        raise pulumi.RunError(format_problems(f"bootstrap/{file}", problems, StackLines.read(FOLDER / file)))
    return Account.model_validate(account_keys(config))


def check_account(config: Mapping[str, Any]) -> list[str]:
    """What is wrong with an account's file, as `key.path: the problem`.

    Args:
        config: its values by their full keys; those of others than this program are left alone.
    """
    try:
        Account.model_validate(account_keys(config))
    except ValidationError as error:
        problems = [format_error(each, Account) for each in error.errors(include_url=False)]
        return [
            f"{NAMESPACE}{problem}" if problem.startswith(": ") else f"{NAMESPACE}:{problem}" for problem in problems
        ]
    return []


def account_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """The values by key of this program, without the empty ones that Pulumi.yaml has for a key that is not there."""
    prefix = f"{NAMESPACE}:"
    return {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix) and value}
