"""Registries that an image's build pulls base images from: what it is told of them, and what it may do there.

Functions without resources.
"""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

from components import policies
from components.naming import Scope

PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
"""What `docker pull` needs of a private repository (ECR, IAM policies for pulling)."""
FILL = ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository"]
"""What the first pull through a cache needs besides (ECR, IAM permissions for pull-through caches)."""


class LoginArgs(TypedDict):
    """A login, kept in Secrets Manager."""

    secret_arn: str
    key_arn: NotRequired[str]
    """The KMS key that it is encrypted with; without it, the one that AWS keeps, which needs no permission."""


class RegistriesArgs(TypedDict):
    """Where base images come from, besides what everybody may pull."""

    logins: Mapping[str, LoginArgs]
    """By host."""
    repositories: Sequence[str]
    """ARNs of ECR repositories of other accounts or Regions; they may be patterns."""
    caches: Sequence[str]
    """Prefixes of pull-through cache rules of this account and Region."""


def variables(args: RegistriesArgs, dns_suffix: str) -> dict[str, str]:
    """What the build is told: where to log in, separated by spaces.

    Args:
        args: the registries.
        dns_suffix: of the partition, such as `amazonaws.com`.
    """
    places = (arn.split(":") for arn in args["repositories"])
    hosts = {f"{account}.dkr.ecr.{region}.{dns_suffix}" for _, _, _, region, account, *_ in places}
    return {
        "REGISTRY_LOGINS": " ".join(f"{host}={login['secret_arn']}" for host, login in sorted(args["logins"].items())),
        "ECR_REGISTRIES": " ".join(sorted(hosts)),
    }


def statements(args: RegistriesArgs, scope: Scope) -> list[policies.Statement]:
    """What the build may do: read these logins, and pull from these repositories and caches."""
    logins = [login for _, login in sorted(args["logins"].items())]
    found = []
    if logins:
        secrets = sorted({login["secret_arn"] for login in logins})
        found.append(policies.allow("ReadRegistryLogins", ["secretsmanager:GetSecretValue"], secrets))
    keys = sorted({login["key_arn"] for login in logins if "key_arn" in login})
    for number, key in enumerate(keys, 1):
        encrypted = sorted({login["secret_arn"] for login in logins if login.get("key_arn") == key})
        # Secrets Manager decrypts with the secret's ARN as encryption context (Secrets Manager, encryption).
        only_these = {"StringEquals": {"kms:EncryptionContext:SecretARN": encrypted}}
        found.append(policies.allow(f"DecryptRegistryLogins{number}", ["kms:Decrypt"], [key], only_these))
    if args["repositories"]:
        found.append(policies.allow("PullBaseImages", PULL, list(args["repositories"])))
    if args["caches"]:
        cached = [scope.arn("ecr", f"repository/{prefix}/*") for prefix in args["caches"]]
        found.append(policies.allow("PullThroughCaches", [*PULL, *FILL], cached))
    return found
