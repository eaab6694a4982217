"""A provider's `assumeRoles`: each role is assumed as the one before it."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from sandbox.account.credentials import Credentials
from sandbox.providers.types import Aws

log = logging.getLogger(__name__)
OPTIONAL = {"externalId": "ExternalId", "policy": "Policy"}


def assume(aws: Aws, role: Mapping[str, Any]) -> Aws:
    """The account as a session of the role has it.

    The account's root may assume no role (STS, AssumeRole). Who calls as the root in the sandbox has not said who
    deploys, so it goes on as the root, with a warning.

    Raises:
        RuntimeError: the role cannot be assumed; the provider's words.
    """
    arn, client = role["roleArn"], aws.client("sts")
    if client.get_caller_identity()["Arn"].endswith(":root"):
        log.warning("the account's root assumes no role: %s is left out; --as ROLE deploys as who may assume it", arn)
        return aws
    optional = {name: role[key] for key, name in OPTIONAL.items() if role.get(key)}
    try:
        session = client.assume_role(RoleArn=arn, RoleSessionName=role.get("sessionName", "pulumi"), **optional)
    except ClientError as error:
        raise RuntimeError(f"Cannot assume IAM Role. IAM Role ({arn}) cannot be assumed. {error}") from None
    given = session["Credentials"]
    signed = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    return replace(aws, client=aws.sign_in(signed))
