"""AWS as the stack's provider reaches it, for what a program must ask beside its resources."""

import functools
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from releases.errors import DeliveryError

SESSION_NAME = "fargate-delivery"
PATIENCE = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 5})
"""A call that AWS does not answer ends within three minutes; by boto3's own limits it says nothing for five or more."""


@dataclass(frozen=True)
class Role:
    """A role to assume: an entry of `aws:assumeRoles`.

    Attributes:
        arn: the role's ARN.
        external_id: what its trust policy may ask for.
    """

    arn: str
    external_id: str | None = None


@dataclass(frozen=True)
class Provider:
    """How the AWS provider signs in; what is None comes from the environment, as it does for the provider.

    Attributes:
        region: `aws:region`.
        profile: `aws:profile`.
        roles: `aws:assumeRoles`, each assumed with the one before it.
    """

    region: str | None = None
    profile: str | None = None
    roles: Sequence[Role] = ()

    @classmethod
    def parse(cls, config: Mapping[str, Any]) -> "Provider":
        """How a stack file says it.

        Args:
            config: its values by their full keys.
        """
        region, profile = (config.get(key) for key in ("aws:region", "aws:profile"))
        return cls(
            region=None if region is None else str(region),
            profile=None if profile is None else str(profile),
            roles=[Role(each["roleArn"], each.get("externalId")) for each in config.get("aws:assumeRoles") or []],
        )


def share_clients(session: boto3.Session, **defaults: Any) -> boto3.Session:
    """Have a session make each client once, for several threads, which must not make any with boto3's own at a time.

    A client takes some 10 ms to make, and connects to AWS by itself.

    Args:
        session: it is changed, and returned.
        defaults: arguments of each client that is not given others.
    """
    lock, make_client = threading.Lock(), functools.cache(session.client)

    def client(*arguments: Any, **options: Any) -> Any:
        with lock:
            return make_client(*arguments, **{**defaults, **options})

    session.client = client
    return session


def sign_in(provider: Provider) -> boto3.Session:
    """A session with the provider's credentials.

    Raises:
        botocore.exceptions.ClientError: a role refuses to be assumed.
        botocore.exceptions.BotoCoreError: there are no credentials.
    """
    region = provider.region or os.environ.get("AWS_REGION")  # the provider reads it, boto3 does not
    session = share_clients(boto3.Session(profile_name=provider.profile, region_name=region), config=PATIENCE)
    for role in provider.roles:
        external = {"ExternalId": role.external_id} if role.external_id else {}
        assumed = session.client("sts").assume_role(RoleArn=role.arn, RoleSessionName=SESSION_NAME, **external)
        session = boto3.Session(
            aws_access_key_id=assumed["Credentials"]["AccessKeyId"],
            aws_secret_access_key=assumed["Credentials"]["SecretAccessKey"],
            aws_session_token=assumed["Credentials"]["SessionToken"],
            region_name=session.region_name,
        )
        session = share_clients(session, config=PATIENCE)
    return session


def connect(provider: Provider, account: str) -> boto3.Session:
    """A session with the provider's credentials.

    Args:
        provider: how the provider signs in.
        account: the account that the provider is in.

    Raises:
        DeliveryError: these credentials are another account's.
        botocore.exceptions.ClientError: a role refuses to be assumed.
        botocore.exceptions.BotoCoreError: there are no credentials.
    """
    session = sign_in(provider)
    actual = session.client("sts").get_caller_identity()["Account"]
    if actual != account:
        raise DeliveryError(
            f"the AWS provider is in account {account}, and the credentials that the program finds are of {actual}; "
            "give them by aws:profile, aws:assumeRoles or the AWS_* variables, which both read"
        )
    return session
