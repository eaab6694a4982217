"""The command that shows what commits were told: commits."""

from __future__ import annotations

import json
import time

import click

from sandbox.cli.options import json_option, one_message, say, stack_option
from sandbox.codepipeline.shipping import Account
from sandbox.receivers.commits import as_seen
from sandbox.stacks import StackFolder

SECONDS_TO_DELIVER = 60.0


@click.command()
@stack_option
@json_option
@one_message
def commits(stack: str, as_json: bool) -> None:
    """What GitHub or GitLab was told of commits, as a person sees it.

    A stack tells them when its file says `notifications: {commits: {host: github}}`, and of uploads that name their
    commit: sandbox ship hello --source examples/hello --commit SHA --repository OWNER/NAME

    Example: sandbox commits --stack local
    """
    account = Account(StackFolder(stack).running_server())
    end = time.monotonic() + SECONDS_TO_DELIVER
    while not (seen := account.control("commits"))["idle"] and time.monotonic() < end:
        time.sleep(0.2)
    if as_json:
        click.echo(json.dumps(seen["told"], indent=2))
        return
    for entry in seen["told"]:
        first, *others = as_seen(entry)
        click.echo(f"{entry['time']}  {first}")
        for line in others:
            click.echo(f"          {line}")
    if not seen["idle"]:
        say("More is on its way.")
    if not seen["told"]:
        say("No commit was told anything yet.")


COMMANDS = [commits]
