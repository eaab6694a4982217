"""Secrets of Secrets Manager that somebody else keeps: how a task and a build name them, and what reading takes.

Functions without resources.
"""

from collections.abc import Sequence
from typing import Self

from pydantic import model_validator

from components import types
from components.iam import policies
from components.model import Model


class ManagedSecret(Model):
    """A secret of Secrets Manager, or one key of its JSON. Its value is not ours; only `version` pins it.

    A task and a build read it when they start. Rotated, it is another value for the tasks that start from then on,
    while those that run keep the former one (ECS, Pass Secrets Manager secrets): `delivery redeploy` gives it to all.
    """

    arn: types.SecretArn
    """Its whole ARN, with its six last characters."""
    json_key: types.JsonKey | None = None
    """The key of the JSON that it is; without one, all of it."""
    stage: types.VersionStage | None = None
    """A version by its label; AWSCURRENT without it, which rotation moves."""
    version: types.SecretVersion | None = None
    """A version by its id, which always is the same value."""
    key: types.KeyArn | None = None
    """The KMS key that it is encrypted with, where that is a key of your own; a secret of another account has one.
    Without it, the key that AWS keeps for Secrets Manager, which needs no permission."""

    @model_validator(mode="after")
    def _one_version(self) -> Self:
        if self.stage is not None and self.version is not None:
            raise ValueError("takes stage or version, not both")
        return self

    @property
    def reference(self) -> str:
        """As `valueFrom` of a container and a build's variable take it (ECS, Pass Secrets Manager secrets; CodeBuild,
        Build specification reference: secrets-manager).
        """
        parts = (self.json_key, self.stage, self.version)
        return ":".join([self.arn, *(part or "" for part in parts)]) if any(parts) else self.arn


def statements(secrets: Sequence[ManagedSecret]) -> list[policies.Statement]:
    """What reading these takes."""
    return policies.read_secrets("ManagedSecrets", [(each.arn, each.key) for each in secrets])
