"""The command that shows what Slack was told: slack."""

from __future__ import annotations

import json
import time

import click

from sandbox.cli.options import json_option, one_message, say, stack_option
from sandbox.codepipeline.shipping import Account
from sandbox.receivers.slack import MOODS, as_seen
from sandbox.stacks import StackFolder

SECONDS_TO_DELIVER = 60.0


@click.command()
@click.option("--mood", type=click.Choice(MOODS), help="How Slack answers from now on; shows nothing.")
@stack_option
@json_option
@one_message
def slack(mood: str | None, stack: str, as_json: bool) -> None:
    """What the stack's Slack channel has been told, as a person sees it.

    A stack tells Slack when its file says `notifications: {slack: true}`. Let Slack be down with --mood down, and see
    the messages arrive after --mood ok, or in the dead-letter queue.

    Example: sandbox slack --stack local
    """
    account = Account(StackFolder(stack).running_server())
    if mood is not None:
        account.control("slack", json.dumps({"mood": mood}).encode())
        say(f"Slack's answers are those of a Slack that is {mood.replace('_', ' ')}.")
        return
    end = time.monotonic() + SECONDS_TO_DELIVER
    while not (seen := account.control("slack"))["idle"] and seen["mood"] == "ok" and time.monotonic() < end:
        time.sleep(0.2)
    if as_json:
        click.echo(json.dumps(seen["posted"], indent=2))
        return
    for message in seen["posted"]:
        first, *others = as_seen(message)
        click.echo(f"{message['time']}  {first}")
        for line in others:
            click.echo(f"          {line}")
    if not seen["idle"]:
        say("More is on its way.")
    if not seen["posted"]:
        say("Slack was told nothing yet.")


COMMANDS = [slack]
