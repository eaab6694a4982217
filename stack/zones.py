"""The public DNS zones that a stack writes into, found by their names."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from config.settings import Settings
from releases.aws_session import SESSION_NAME


@dataclass(frozen=True)
class PublicZone:
    """A public zone of Route 53.

    Attributes:
        zone_id: where its records are made.
        provider: what makes them, by a role that may; None for the provider of all else.
    """

    zone_id: str
    provider: aws.Provider | None


def find(stack: Settings, region: str) -> dict[str, PublicZone]:
    """Those of a stack by name; they are looked up in `region`, which is the stack's."""
    names = stack.config.public_zones
    roles = dict.fromkeys(role for role in names.values() if role is not None)
    providers = {role: _provider(stack, role, region) for role in roles}
    return {name: _find(name, None if role is None else providers[role]) for name, role in names.items()}


def _find(name: str, provider: aws.Provider | None) -> PublicZone:
    zone = aws.route53.get_zone(name=name, opts=pulumi.InvokeOptions(provider=provider))
    return PublicZone(zone.zone_id, provider)


def _provider(stack: Settings, role: str, region: str) -> aws.Provider:
    """A provider that signs in as the stack's own does and assumes a role then: it reads none of the keys `aws:…`.

    The SDK writes the roles as JSON, in which it spells the keys of its classes as the provider does, and those of a
    dictionary not.
    """
    account, name = role.split(":")[4], role.rpartition("/")[2]
    own = stack.provider
    before = [aws.ProviderAssumeRoleArgs(role_arn=each.arn, external_id=each.external_id) for each in own.roles]
    return aws.Provider(
        f"zones-{account}-{name}",
        region=region,
        profile=own.profile,
        assume_roles=[*before, aws.ProviderAssumeRoleArgs(role_arn=role, session_name=SESSION_NAME)],
        default_tags=aws.ProviderDefaultTagsArgs(tags=stack.default_tags),
    )
