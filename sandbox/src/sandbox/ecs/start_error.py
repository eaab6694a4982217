"""Why a task cannot start."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError


class TaskStartError(Exception):
    """A task cannot start; the text is its `stoppedReason`."""


def describe(error: ClientError | BotoCoreError) -> str:
    """`Code: message`, as the container agent shows an AWS error."""
    if not isinstance(error, ClientError):
        return str(error)
    answer = error.response["Error"]
    code = "AccessDeniedException" if answer["Code"] == "AccessDenied" else answer["Code"]
    return f"{code}: {answer['Message']}"
