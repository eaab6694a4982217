"""Asking a person before something is changed."""

import sys

import click

from releases.errors import DeliveryError


def confirm(question: str) -> None:
    """Ask.

    Raises:
        DeliveryError: the answer is no, or there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise DeliveryError("nothing was changed; nobody can be asked here, so run it again with --yes")
    if not click.confirm(question):
        raise DeliveryError("nothing was changed")
