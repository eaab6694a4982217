"""What `history` prints of a service's releases."""

from itertools import zip_longest

import boto3
from botocore.exceptions import ClientError

from releases.history import KEPT, History, read
from releases.record import record_name
from releases.service_state import revision_name
from releases.sidecars import changes


def history(session: boto3.Session, stack: str, service: str) -> History:
    """Read the releases of a service; empty when there is no record.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    try:
        return read(session, record_name(stack, service))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        return History([])


def numbers(past: History) -> str:
    """The releases' numbers, for a message."""
    return ", ".join(dict.fromkeys(str(release.release) for release in past.releases)) or "none"


def history_lines(past: History, live: str | None) -> list[str]:
    """For people, newest first.

    Args:
        past: the releases.
        live: the digest that is live, to be marked.
    """
    found = []
    for release, before in zip_longest(past.releases, past.releases[1:]):
        found.append(
            f"release-{release.release:<5} {release.time}  {release.image_digest[:19]}  "
            f"{revision_name(release.task_definition)}  commit {release.commit[:12]}  "
            f"source {release.source_version}  execution {release.execution}"
            f"{'  live' if release.image_digest == live else ''}"
        )
        found += [f"  sidecar {words}" for words in changes(before.sidecars if before else "", release.sidecars)]
    found += [f"version {version} of the record is not a release" for version in past.unreadable]
    if past.oldest > 1:
        found.append(f"Older releases are forgotten: Parameter Store keeps {KEPT} versions of the record.")
    return found or ["Nothing was released yet."]
