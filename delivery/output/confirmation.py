"""What a person is told before something is changed, and the question.

The rule of all commands: what starts, decides, or takes away says first what will happen, and asks; `--yes` answers.
What changes nothing that runs, and can be taken back by another command, says what it has done and does not ask.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import click

from releases.errors import DeliveryError

UNCHANGED = "nothing was changed"
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


class Plan(Protocol):
    """What a command is about to do. Two that are equal do the same."""

    def lines(self) -> Sequence[str]:
        """What will happen, for people."""


P = TypeVar("P", bound=Plan)


def agreed(look: Callable[[], P], question: str, *, yes: bool, err: bool = False, found: P | None = None) -> P:
    """Say what will happen, ask, and look once more, as time has passed.

    Args:
        look: finds out what the command would do now, without a change.
        question: what a person is asked.
        yes: whether nobody is asked.
        err: whether it is said on standard error, as the output is something else's.
        found: what `look` has found a moment ago, where a command had to know whether there is anything to ask.

    Raises:
        DeliveryError: the answer is no, there is nobody to ask, or something else would happen now.
        click.Abort: it was interrupted.
    """
    try:
        chosen = look() if found is None else found
        confirm(chosen.lines(), question, yes=yes, err=err)
        now = chosen if yes else look()
    except KeyboardInterrupt:
        raise click.Abort(UNCHANGED) from None
    if now != chosen:
        raise DeliveryError(f"{UNCHANGED}, because this would happen now instead; run it again:", now.lines())
    return now


def confirm(will: Sequence[str], question: str, *, yes: bool, err: bool = False) -> None:
    """Say what will happen, and ask; see `agreed`."""
    click.echo("\n".join(will), err=err)
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():  # None where it is closed
        raise DeliveryError(f"{UNCHANGED}; there is no terminal on which to ask, so run it again with --yes")
    try:
        if click.confirm(question, err=err):
            return
    except click.Abort:
        raise click.Abort(UNCHANGED) from None
    raise DeliveryError(UNCHANGED)
