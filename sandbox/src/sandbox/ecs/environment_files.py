"""Environment files in S3, which the execution role reads when a task starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.ecs.model import Json
from sandbox.ecs.start_error import TaskStartError, describe

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.credentials import Credentials

FAILED = "ResourceInitializationError: failed to download env files: "


def environment_files(account: Account, execution: Credentials | None, declared: list[Json]) -> dict[str, str]:
    """Their variables; of one that is in two files the first file's (ECS, Pass environment variables in a file).

    Raises:
        TaskStartError: a file has another ending, or cannot be read.
    """
    variables: dict[str, str] = {}
    for file in declared:
        bucket, _, key = str(file["value"]).partition(":::")[2].partition("/")
        if not key.endswith(".env"):
            raise TaskStartError(f"{FAILED}{file['value']}: the file must have the extension .env")
        if execution is None:
            raise TaskStartError(f"{FAILED}execution role is required, but none is specified")
        s3 = account.client("s3", execution)
        try:
            s3.get_bucket_location(Bucket=bucket)
            text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        except (ClientError, BotoCoreError) as error:
            raise TaskStartError(
                f"{FAILED}file download command: non empty error stream: service call has been retried 3 time(s):"
                f" {describe(error)}"
            ) from error
        for line in text.splitlines():
            name, equals, value = line.partition("=")
            if equals and not name.startswith("#"):
                variables.setdefault(name, value)
    return variables
