"""The commands that show what was posted outside of AWS: slack, commits."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from sandbox.cli.options import json_option, one_message, say, stack_option
from sandbox.clients.session import Session
from sandbox.program_hooks import names_in_aws
from sandbox.receivers import commits as hosts
from sandbox.receivers import slack as channel
from sandbox.stacks import StackFolder

SECONDS_TO_DELIVER = 60.0
Entry = Mapping[str, Any]


@click.command()
@click.argument("service", required=False)
@click.option("--verbose", is_flag=True, help="All of each message, with its links.")
@click.option(
    "--failure-mode", type=click.Choice(channel.FAILURE_MODES), help="How Slack answers from now on; shows nothing."
)
@stack_option
@json_option
@one_message
def slack(service: str | None, verbose: bool, failure_mode: str | None, stack: str, as_json: bool) -> None:
    """What the stack's Slack channel has been told, or of SERVICE only: a line for each message.

    Let Slack be down with --failure-mode down, and see the messages arrive after --failure-mode ok, or in the
    dead-letter queue.

    Example: sandbox slack --stack local
    """
    session = Session(StackFolder(stack).running_server())
    if failure_mode is not None:
        session.control("slack", json.dumps({"failure_mode": failure_mode}).encode())
        say(f"Slack's answers are those of a Slack that is {failure_mode.replace('_', ' ')}.")
        return
    inbox = _delivered(session, "slack", lambda inbox: inbox["idle"] or inbox["failure_mode"] != "ok")
    nothing = "Slack was told nothing yet; a stack tells it where its file has notifications.slack."
    things = names_in_aws(stack, service) if service else []
    posted = [each for each in inbox["posted"] if not things or channel.names(each, things)]
    _show(
        posted, channel.as_seen if verbose else channel.in_short, idle=inbox["idle"], as_json=as_json, nothing=nothing
    )


@click.command()
@stack_option
@json_option
@one_message
def commits(stack: str, as_json: bool) -> None:
    """What GitHub or GitLab was told of commits, as a person sees it.

    They are told of uploads that name their commit: sandbox ship hello --source examples/hello --commit SHA
    --repository OWNER/NAME

    Example: sandbox commits --stack local
    """
    session = Session(StackFolder(stack).running_server())
    inbox = _delivered(session, "commits", lambda inbox: bool(inbox["idle"]))
    _show(
        inbox["posted"], hosts.as_seen, idle=inbox["idle"], as_json=as_json, nothing="No commit was told anything yet."
    )


def _delivered(session: Session, path: str, is_over: Callable[[Entry], bool]) -> Any:
    """The receiver's messages when none is on its way any more, or after a minute."""
    end = time.monotonic() + SECONDS_TO_DELIVER
    while not is_over(inbox := session.control(path)) and time.monotonic() < end:
        time.sleep(0.2)
    return inbox


def _show(
    entries: Sequence[Entry], as_seen: Callable[[Entry], list[str]], *, idle: bool, as_json: bool, nothing: str
) -> None:
    if as_json:
        click.echo(json.dumps(entries, indent=2))
        return
    for entry in entries:
        first, *more = as_seen(entry)
        click.echo(f"{entry['time']}  {first}")
        for line in more:
            click.echo(f"          {line}")
    if not idle:
        say("More is on its way.")
    if not entries:
        say(nothing)


COMMANDS = [slack, commits]
