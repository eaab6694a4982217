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


def width() -> int | None:
    """The terminal's columns; None where standard output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


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
