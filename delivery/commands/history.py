"""What `history` prints of a service's releases."""

from collections.abc import Sequence
from itertools import zip_longest

import boto3
import click

from delivery.command_line import json_option, print_json, service_command
from delivery.executions.failed import MOST, FailedDelivery, failed_deliveries
from delivery.output.durations import span
from delivery.output.terminal import width
from delivery.output.who import who
from delivery.services.history import Entry, entries, seconds_of, service_history
from releases.history import KEPT, History
from releases.names import LIVE, aws_name, release_tag
from releases.pipeline import Pipeline
from releases.record import UNKNOWN
from releases.repository import Repository
from releases.service_state import read_state, revision_name
from releases.sidecars import changes

DIGEST = len("sha256:") + 12
"""Characters of a digest that are shown."""

DOCUMENT = list[Entry | FailedDelivery]


def history_lines(
    history: History, listed: Sequence[Entry], width: int | None, failed: Sequence[FailedDelivery] = ()
) -> list[str]:
    """For people, newest first.

    Args:
        history: the releases.
        listed: the same, with what is known beside the record.
        failed: deliveries that were not released, which are put between those by their time.
        width: columns of the terminal, for which what matters least is left out; None where the output is none.
    """
    lines, left = [], list(failed)
    for entry, before in zip_longest(listed, listed[1:]):
        while left and left[0].time > entry.time:
            lines.append(left.pop(0).line(width))
        lines.append(_line(entry, width))
        lines += [f"  sidecar {words}" for words in changes(before.sidecars if before else "", entry.sidecars)]
    lines += [each.line(width) for each in left]
    lines += [f"version {version} of the record is not a release" for version in history.unreadable]
    if history.oldest > 1:
        lines.append(f"Older releases are forgotten: Parameter Store keeps {KEPT} versions of the record.")
    return lines or ["Nothing was released yet."]


def _line(entry: Entry, width: int | None) -> str:
    """A release; each part has the order in which the narrowest terminals have it, and its place in the line."""
    live = click.style("live", fg="green", bold=True) if entry.live else ""
    back = f"back to {release_tag(entry.back_to)}" if entry.back_to else ""
    without = "without its migration" if entry.without_migration else ""
    parts = [
        (0, f"{release_tag(entry.release):<11}"),
        (2, entry.time if width is None else entry.time[: len("2030-01-01T00:00")].replace("T", " ")),
        (5, entry.image_digest[:DIGEST]),
        (6, revision_name(entry.task_definition)),
        (3, f"commit {entry.commit[:12]}" if entry.commit != UNKNOWN else ""),
        (4, f"by {who(entry.by)}" if entry.by else ""),
        (7, f"in {span(entry.seconds)}" if entry.seconds is not None else ""),
        (8, f"execution {entry.execution}" if entry.execution != UNKNOWN else ""),
        (9, f"source {entry.source_version}" if entry.source_version != UNKNOWN else ""),
        (1, "  ".join(part for part in (back, without, live) if part)),
    ]
    for least in range(len(parts), 0, -1):
        line = "  ".join(text for place, text in parts if text and place < least)
        if width is None or len(click.unstyle(line)) <= width:
            break
    return line.rstrip()


@service_command("history", epilog=f"Parameter Store keeps the last {KEPT} releases.")
@click.option("--all", "with_failed", is_flag=True, help=f"Also the last {MOST} failed deliveries, with the cause.")
@json_option
def command(session: boto3.Session, service: str, stack: str, with_failed: bool, as_json: bool) -> None:
    """List the releases of SERVICE, newest first: when, from which commit, by whom, and how long the pipeline took.

    Failed releases without the pipeline are not listed.

    Example: delivery history chuoi --stack dev
    """
    read_state(session, stack, service)
    history, name = service_history(session, stack, service), aws_name(stack, service)
    pipeline = Pipeline(session, name)
    took = seconds_of(pipeline, history.releases)
    listed = entries(history, Repository(session, name).digest(LIVE), took)
    failed = failed_deliveries(pipeline) if with_failed else []
    if as_json:
        print_json(sorted([*listed, *failed], key=lambda each: each.time, reverse=True) if failed else listed)
    else:
        click.echo("\n".join(history_lines(history, listed, width(), failed)))
