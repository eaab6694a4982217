"""Secrets of Secrets Manager that are kept outside of the stack: the sandbox makes them itself, with made-up values."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from sandbox.progress import Say

SUFFIX = len("-AbCdEf")
MADE_WITH = "_custom_id_"
"""The tag by which moto takes the last characters of an ARN, which AWS chooses."""


def put(manager: Any, place: str, references: Mapping[str, str | None], say: Say) -> None:
    """Make those of these secrets that are not there, each with values of its own; no others than this account's.

    Args:
        manager: a client.
        place: `REGION:ACCOUNT`, the client's.
        references: `ARN:json-key:version-stage:version-id` → KMS key; None is the one that AWS keeps.
        say: prints a line.
    """
    made = []
    for arn in sorted({_arn(each) for each in references if f":secretsmanager:{place}:" in each}):
        of_it = [reference.removeprefix(arn).split(":")[1:] for reference in references if _arn(reference) == arn]
        if not _is_there(manager, arn):
            _make(manager, arn, of_it, next(key for each, key in references.items() if _arn(each) == arn))
            made.append(arn)
    if made:
        say("Made up for the sandbox, since nobody has put these secrets: " + ", ".join(made))


def _arn(reference: str) -> str:
    return ":".join(reference.split(":")[:7])


def _is_there(manager: Any, arn: str) -> bool:
    try:
        manager.describe_secret(SecretId=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return False
    return True


def _make(manager: Any, arn: str, parts: list[list[str]], key: str | None) -> None:
    keys = sorted({each[0] for each in parts if each and each[0]})
    versions = sorted({each[2] for each in parts if len(each) > 2 and each[2]})
    name = arn.rpartition(":")[2]
    made_up = {each: secrets.token_urlsafe(24) for each in keys}
    manager.create_secret(
        Name=name[:-SUFFIX],
        SecretString=json.dumps(made_up) if keys else secrets.token_urlsafe(24),
        Tags=[{"Key": MADE_WITH, "Value": name[-SUFFIX + 1 :]}],
        **({"ClientRequestToken": versions[0]} if versions else {}),
        **({"KmsKeyId": key} if key else {}),
    )
