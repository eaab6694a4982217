"""The vocabulary of ``requests``: an API call, what it needs to be allowed, what must be looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.iam.patterns import Context, as_list


class UnknownOperation(Exception):
    """An operation whose permissions are not known here."""


@dataclass(frozen=True)
class Need:
    """One permission: ``action`` on ``resource`` with the call's condition keys.

    ``tried``: the service itself tries it as the caller, and says all that is missing in one error of its own.
    """

    action: str
    resource: str
    context: Context = field(default_factory=dict)
    tried: bool = False


class Facts(Protocol):
    """What the account holds and an authorisation depends on."""

    def key_arn(self, key_id: str) -> str:
        """The key ARN for a key id, key ARN, alias or alias ARN."""

    def ciphertext_key(self, blob: bytes) -> str | None:
        """The ARN of the key that made a ciphertext."""

    def secure_key(self, parameter: str) -> str | None:
        """The key ARN of a SecureString parameter by name or ARN, else None."""

    def secret(self, secret_id: str) -> tuple[str, str | None] | None:
        """The ARN of a secret by name or ARN, and that of its KMS key unless AWS keeps it; None without the secret."""

    def parameters_under(self, path: str, recursive: bool) -> list[str]:
        """The names of the parameters below a path."""

    def object_key(self, bucket: str, key: str, version: str | None) -> str | None:
        """The KMS key ARN that encrypts an object, None without KMS."""

    def object_exists(self, bucket: str, key: str, version: str | None) -> bool:
        """Whether that object (or version) is there."""

    def object_tagged(self, bucket: str, key: str, version: str | None) -> bool:
        """Whether that object has tags."""

    def bucket_encryption(self, bucket: str) -> tuple[str | None, bool]:
        """The bucket's default KMS key (None without KMS) and whether it uses a bucket key."""

    def task_definition(self, name: str) -> tuple[str, list[str]]:
        """ARN and role ARNs of a task definition by family, family:revision or ARN."""

    def scalable_target(self, namespace: str, resource_id: str, dimension: str) -> str | None:
        """The ARN of a registered scalable target."""

    def iam_arn(self, kind: str, name: str) -> str | None:
        """The ARN, with its path, of a ``role`` or ``user`` that exists."""

    def role_boundary(self, name: str) -> str | None:
        """The ARN of a role's permissions boundary."""

    def deployment_group(self, deployment_id: str) -> str | None:
        """``application/group`` of a CodeDeploy deployment."""


@dataclass(frozen=True)
class Call:
    """One API call. ``service`` and ``operation`` are botocore's names, ``params`` its input shape."""

    service: str
    operation: str
    params: Mapping[str, Any]
    account: str
    region: str
    facts: Facts

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        """An ARN in this account, and in this region unless the service is global."""
        return f"arn:aws:{service}:{self.region if regional else ''}:{self.account}:{resource}"

    def passes(self, role: str, to: str) -> Need:
        """``iam:PassRole`` of a role, by ARN or name, to a service."""
        arn = role if role.startswith("arn:") else self.arn("iam", f"role/{role}", regional=False)
        return Need("iam:PassRole", arn, {"iam:PassedToService": to})

    def values(self, path: str) -> list[Any]:
        """All values at a dotted path of the parameters; lists on the way are entered."""
        holders: list[Any] = [self.params]
        for name in path.split("."):
            holders = [
                item
                for holder in holders
                if isinstance(holder, Mapping) and holder.get(name) is not None
                for item in as_list(holder[name])
            ]
        return holders


def tag_context(tags: Any) -> dict[str, str | list[str]]:
    """``aws:RequestTag/*`` and ``aws:TagKeys`` of the tags in a request, in any of AWS's spellings."""
    pairs = tags if isinstance(tags, Mapping) else {}
    if isinstance(tags, list):
        pairs = {_any(tag, "key", "Key", "TagKey"): _any(tag, "value", "Value", "TagValue") for tag in tags}
    if not pairs:
        return {}
    context: dict[str, str | list[str]] = {f"aws:RequestTag/{key}": value for key, value in pairs.items()}
    return {**context, "aws:TagKeys": [str(key) for key in pairs]}


def _any(tag: Mapping[str, Any], *spellings: str) -> str:
    return next((str(tag[spelling]) for spelling in spellings if spelling in tag), "")
