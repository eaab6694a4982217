"""Credentials that clients sign with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Credentials:
    """What a client signs with. ``session_token`` belongs to role sessions only."""

    access_key: str
    secret_key: str
    session_token: str | None = None


ROOT_CREDENTIALS = Credentials("AKIASANDBOXROOT00000", "sandbox-root-secret-key")
"""The account root: the Pulumi provider and service-internal writes. Never denied."""
