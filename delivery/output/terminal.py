"""What is shown to a person: as wide as the terminal is, and again and again where that is wanted."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NoReturn

import click

PAUSE = 5.0
"""Seconds between two looks."""


def width(*, err: bool = False) -> int | None:
    """The terminal's columns; None where standard output, or standard error, is none."""
    stream = sys.stderr if err else sys.stdout
    is_terminal = stream is not None and stream.isatty()  # None where it is closed
    return shutil.get_terminal_size().columns if is_terminal else None


class StatusLine:
    """A line that says how far something is: written over itself on a terminal, else written when it has changed.

    Args:
        err: whether it goes to standard error.
    """

    def __init__(self, *, err: bool = False) -> None:
        self._shown, self._err = "", err

    def show(self, text: str, more: str = "") -> None:
        """Show how far it is.

        Args:
            text: how far.
            more: what a terminal has besides and changes each time, such as a bar.
        """
        if (columns := width(err=self._err)) is not None:
            click.echo(f"\r\x1b[K{f'{more} {text}'.strip()[: columns - 1]}", nl=False, err=self._err)
        elif text and text != self._shown:
            click.echo(text, err=self._err)
        self._shown = text

    def clear(self) -> None:
        """Make room for other output."""
        if self._shown and width(err=self._err) is not None:
            click.echo("\r\x1b[K", nl=False, err=self._err)


def watch(look: Callable[[], Sequence[str]]) -> NoReturn:
    """Show lines until interrupted: a terminal is drawn anew, other output gets each line that is new.

    Args:
        look: makes them.
    """
    before: Sequence[str] = ()
    while True:
        lines = look()
        clock = f"{datetime.now().astimezone():%H:%M:%S}"
        if sys.stdout.isatty():
            click.clear()
            click.echo("\n".join([*lines, "", f"{clock}, again every {PAUSE:.0f} s until Ctrl-C"]))
        else:
            for line in lines:
                if line not in before:
                    click.echo(f"{clock} {line}")
        before = lines
        time.sleep(PAUSE)
