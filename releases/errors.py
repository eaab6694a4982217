"""What goes wrong with releases and with the commands that act on them, as one line that says what to do next."""

import os
import re
from collections.abc import Sequence

from botocore import exceptions

from releases.failure import one_line

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
"""AWS's codes for what somebody may not do."""


class ReleaseError(Exception):
    """The message says what is wrong, in one line."""


class RecordError(ReleaseError):
    """A record that no Release step of this version wrote."""


class MissingImageError(ReleaseError):
    """An image that is not in its repository any more."""


PROGRAM = os.environ.get("DELIVERY_PROGRAM", "delivery")
"""What these commands are called where they are called from, so that a message's command can be run as it is."""

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
UNKNOWN_KEY = frozenset({"InvalidClientTokenId", "UnrecognizedClientException", "InvalidSignatureException"})
THROTTLED = frozenset(
    {"RequestLimitExceeded", "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException"}
)
MISSING = frozenset(
    {"ClusterNotFoundException", "ParameterNotFound", "PipelineNotFoundException", "RepositoryNotFoundException"}
)
LOG_IN = "log in again (`aws sso login`, or new AWS_* variables) and run the command again"


class DeliveryError(ReleaseError):
    """What a command cannot do; the message says what to do next.

    Args:
        message: one line.
        more: lines that belong below it, such as the end of a log.
    """

    def __init__(self, message: str, more: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.more = more


EXPECTED = (ReleaseError, exceptions.BotoCoreError, exceptions.ClientError)
"""What `explained` says in one line."""


NO_CLI = (
    "there is no Pulumi CLI on PATH; `make setup` puts one into .tools/bin (PATH=$PWD/.tools/bin:$PATH), or see "
    "https://www.pulumi.com/docs/install/"
)


def explained(error: Exception) -> str:
    """One of EXPECTED as one line: what happened, and what to do next."""
    if isinstance(error, ReleaseError):
        return str(error)
    if isinstance(error, exceptions.ClientError):
        return _refused(error)
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return "there are no AWS credentials; log in (`aws sso login`), set AWS_PROFILE, or name one with --profile"
    if isinstance(error, exceptions.ProfileNotFound):
        return f"{_line(error)}; `aws configure list-profiles` lists those there are"
    if isinstance(error, exceptions.NoRegionError):
        return "no AWS region is set; set AWS_REGION, or name one with --region"
    if isinstance(error, exceptions.SSOError | exceptions.TokenRetrievalError | exceptions.CredentialRetrievalError):
        return f"{_line(error)}; {LOG_IN}"
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return f"AWS does not answer: {_line(error)}; check the network and the region, then run the command again"
    return f"{_line(error)}; check the credentials and the region"


def denied(error: exceptions.ClientError) -> str | None:
    """The action that somebody may not do, by AWS's words; None where that is not what went wrong."""
    if error.response["Error"].get("Code", "") not in DENIED:
        return None
    named = re.search(r"perform: ([a-z0-9-]+:\w+)", error.response["Error"].get("Message", ""))
    return named[1] if named else error.operation_name


def _refused(error: exceptions.ClientError) -> str:
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    if code in EXPIRED:
        return f"the AWS credentials have expired; {LOG_IN}"
    if code in UNKNOWN_KEY:
        return f"AWS does not know the credentials ({code}); {LOG_IN}"
    if (action := denied(error)) is not None:
        return f"these credentials may not {action}; use others, or have it allowed: {one_line(message)}"
    if code in THROTTLED:
        return (
            f"AWS takes no more calls of {error.operation_name} now ({code}); wait a minute and run the command again"
        )
    if code in MISSING:
        return f"{one_line(message)} ({code}); check --stack, the service's name, the account and the region"
    return f"AWS refuses {error.operation_name}: {one_line(message)} ({code})"


def _line(error: Exception) -> str:
    return one_line(str(error)).rstrip(".")
