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
    """A secret of Secrets Manager, or one key of its JSON. Somebody else keeps its value; only `version` pins it. A
    task and a build read it when they start. After a rotation, tasks that start get the new value, while running
    tasks keep the old one (ECS, Pass Secrets Manager secrets); `delivery redeploy` gives the new value to all."""

    arn: types.SecretArn
    """Its whole ARN, with its six last characters."""
    json_key: types.JsonKey | None = None
    """One key of a JSON secret; the default is the whole secret."""
    stage: types.VersionStage | None = None
    """A version by its label; the default is AWSCURRENT, which rotation moves."""
    version: types.SecretVersion | None = None
    """A version by its id, which always has the same value."""
    key: types.KeyArn | None = None
    """The KMS key that encrypts it, if that is a key of your own; a secret of another account has one. The default
    is AWS's own key for Secrets Manager, which needs no permission."""

    @model_validator(mode="after")
    def _one_version(self) -> Self:
        if self.stage is not None and self.version is not None:
            raise ValueError("stage and version: use one of the two")
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
