"""What `history` prints of a service's releases."""

from itertools import zip_longest

import boto3
import click
from botocore.exceptions import ClientError

from delivery.command_line import json_option, print_json, service_command
from releases.history import KEPT, History, read_history
from releases.names import LIVE, aws_name, record_name, release_tag
from releases.record import Release
from releases.repository import Repository
from releases.service_state import read_state, revision_name
from releases.sidecars import changes

DOCUMENT = list[Release]


def service_history(session: boto3.Session, stack: str, service: str) -> History:
    """Read the releases of a service; empty when there is no record.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    try:
        return read_history(session, record_name(stack, service))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        return History([])


def numbers(history: History) -> str:
    """The releases' numbers, for a message."""
    return ", ".join(dict.fromkeys(str(release.release) for release in history.releases)) or "none"


def history_lines(history: History, live: str | None) -> list[str]:
    """For people, newest first.

    Args:
        history: the releases.
        live: the digest that is live, to be marked.
    """
    lines = []
    for release, before in zip_longest(history.releases, history.releases[1:]):
        lines.append(
            f"{release_tag(release.release):<13} {release.time}  {release.image_digest[:19]}  "
            f"{revision_name(release.task_definition)}  commit {release.commit[:12]}  "
            f"source {release.source_version}  execution {release.execution}"
            f"{f'  by {release.by}' if release.by else ''}"
            f"{'  live' if release.image_digest == live else ''}"
        )
        lines += [f"  sidecar {words}" for words in changes(before.sidecars if before else "", release.sidecars)]
    lines += [f"version {version} of the record is not a release" for version in history.unreadable]
    if history.oldest > 1:
        lines.append(f"Older releases are forgotten: Parameter Store keeps {KEPT} versions of the record.")
    return lines or ["Nothing was released yet."]


@service_command("history", epilog=f"Parameter Store keeps the last {KEPT} releases.")
@json_option
def command(session: boto3.Session, service: str, stack: str, as_json: bool) -> None:
    """The releases of SERVICE, the newest first.

    Example: delivery history chuoi --stack dev
    """
    read_state(session, stack, service)
    history = service_history(session, stack, service)
    if as_json:
        print_json(list(history.releases))
    else:
        click.echo("\n".join(history_lines(history, Repository(session, aws_name(stack, service)).digest(LIVE))))
