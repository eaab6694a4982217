"""Registries that an image's build pulls base images from: what it is told of them, and what it may do there.

Functions without resources.
"""

from typing import Self

from pydantic import Field, model_validator

from components import types
from components.iam import policies
from components.model import Model
from components.scope import Scope

PULL = "ecr:BatchGetImage GetDownloadUrlForLayer BatchCheckLayerAvailability"
"""What `docker pull` needs of a private repository (ECR, IAM policies for pulling)."""
FILL = "ecr:BatchImportUpstreamImage CreateRepository"
"""What the first pull through a cache needs besides (ECR, IAM permissions for pull-through caches)."""


class Login(Model):
    """A login to a registry, kept in Secrets Manager as JSON: `username`, and `password` or `accessToken`."""

    secret: types.SecretArn
    """The ARN of the secret, with its six last characters."""
    key: types.KeyArn | None = None
    """The KMS key that encrypts it, if that is a key of your own."""


class Registries(Model):
    """Where base images come from that need a login, a permission or a cache to pull. Only the image's build may
    read these."""

    logins: dict[types.RegistryHost, Login] = Field(default_factory=dict)
    """Logins by host: `docker.io`, `ghcr.io`. Docker Hub limits pulls by login; without a login the addresses of
    CodeBuild share one limit."""
    repositories: list[types.RepositoryArn] = Field(default_factory=list)
    """ECR repositories of other accounts or Regions, by ARN; `…:repository/base/*` means everything below `base`.
    Their own policies must allow this account to pull."""
    caches: list[types.CachePrefix] = Field(default_factory=list)
    """Prefixes of this account's pull-through cache rules, such as `docker-hub`. A Dockerfile then names
    `ACCOUNT.dkr.ecr.REGION.amazonaws.com/docker-hub/library/node:22`."""

    @model_validator(mode="after")
    def _no_login_to_ecr(self) -> Self:
        if ecr := [host for host in self.logins if ".dkr.ecr." in host]:
            raise ValueError(f"logins: {', '.join(ecr)} is ECR, which needs no login; list it under repositories")
        return self


def variables(args: Registries, dns_suffix: str) -> dict[str, str]:
    """What the build is told: where to log in, separated by spaces.

    Args:
        args: the registries.
        dns_suffix: of the partition, such as `amazonaws.com`.
    """
    places = (arn.split(":") for arn in args.repositories)
    hosts = {f"{account}.dkr.ecr.{region}.{dns_suffix}" for _, _, _, region, account, *_ in places}
    return {
        "REGISTRY_LOGINS": " ".join(f"{host}={login.secret}" for host, login in sorted(args.logins.items())),
        "ECR_REGISTRIES": " ".join(sorted(hosts)),
    }


def statements(args: Registries, scope: Scope) -> list[policies.Statement]:
    """What the build may do: read these logins, and pull from these repositories and caches."""
    logins = [(login.secret, login.key) for login in args.logins.values()]
    allowed = policies.read_secrets("RegistryLogins", logins)
    if args.repositories:
        allowed.append(policies.allow("PullBaseImages", PULL, list(args.repositories)))
    if args.caches:
        cached = [scope.arn("ecr", f"repository/{prefix}/*") for prefix in args.caches]
        allowed.append(policies.allow("PullThroughCaches", [PULL, FILL], cached))
    return allowed
