"""The types that the provider's core and the resource handlers share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from sandbox.account.credentials import Credentials

SignIn = Callable[[Credentials], Callable[[str], Any]]
"""Credentials → service → boto3 client that signs with them."""


@dataclass(frozen=True)
class Aws:
    """The account that resources are written to."""

    account: str
    region: str
    partition: str
    client: Callable[[str], Any]
    """Service → boto3 client of the sandbox's server, as whom the provider signs in."""
    root: Callable[[str], Any]
    """The same as the account's root, for what a person has in a real account and no program makes."""
    sign_in: SignIn
    """The clients of who has some credentials, such as a role's session."""


class Resource(Protocol):
    """One resource type, by Pulumi's property names; inputs are plain, without nulls."""

    def create(self, aws: Aws, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Make it; its id and computed outputs."""

    def read(self, aws: Aws, id: str, props: dict[str, Any]) -> dict[str, Any] | None:
        """The properties that AWS reports now, None when it is gone."""

    def update(self, aws: Aws, id: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        """Change it in place; its computed outputs."""

    def delete(self, aws: Aws, id: str, props: dict[str, Any]) -> None:
        """Delete it; one that is gone is fine."""


@runtime_checkable
class Importable(Protocol):
    """A resource type that `pulumi import` finds by nothing but an id."""

    def imported(self, aws: Aws, id: str) -> dict[str, Any] | None:
        """Its properties, None when there is none of this id."""


Invoke = Callable[[Aws, dict[str, Any]], dict[str, Any]]
Handlers = Mapping[str, Resource]
