"""The stacks of pull requests."""

import functools
from datetime import UTC, datetime
from pathlib import Path

import click

from delivery.pull_request.stacks import Reviews

number_argument = click.argument("number", type=click.IntRange(min=1))


@click.group("review")
def command() -> None:
    """Manage the stacks of pull requests: pr-<number>, on another stack's network and load balancer, from
    Pulumi.pr.yaml.

    The Pulumi CLI does the work, with the backend and the credentials of the environment.
    """


@command.command("up")
@number_argument
def up(number: int) -> None:
    """Create or update the stack of pull request NUMBER.

    Example: delivery review up 12
    """
    _reviews().up(number)


@command.command("down")
@number_argument
def down(number: int) -> None:
    """Destroy the stack of pull request NUMBER, with everything in it.

    Example: delivery review down 12
    """
    _reviews().down(number)


@command.command("sweep")
def sweep() -> None:
    """Destroy the stacks whose last update is longer ago than review.days of Pulumi.pr.yaml.

    Example: delivery review sweep
    """
    _reviews().sweep(datetime.now(UTC))


def _reviews() -> Reviews:
    return Reviews(Path.cwd(), functools.partial(click.echo, err=True))
