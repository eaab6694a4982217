"""Small tests of values, for the table of limits. Each gives None for what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import regex

Refused = Callable[[Any], str | None]


def unlike(pattern: str, wrong: str = "") -> Refused:
    """Refuses text that a pattern does not match as a whole."""
    compiled = regex.compile(pattern, regex.ASCII)
    return lambda value: None if compiled.fullmatch(str(value)) else wrong


def like(pattern: str, wrong: str = "") -> Refused:
    """Refuses text that a pattern matches at its beginning."""
    compiled = regex.compile(pattern, regex.ASCII)
    return lambda value: wrong if compiled.match(str(value)) else None


def longer(most: int, wrong: str = "") -> Refused:
    """Refuses more than ``most`` characters or items."""
    return lambda value: (wrong or str(len(value))) if len(value) > most else None


def outside(allowed: Collection[Any]) -> Refused:
    """Refuses what is not one of the allowed values."""
    return lambda value: None if value in allowed else ", ".join(map(str, allowed))


def number_outside(least: int, most: int) -> Refused:
    """Refuses text that is not a whole number within the bounds, both included."""

    def refused(value: Any) -> str | None:
        try:
            fits = least <= int(value) <= most
        except ValueError:
            fits = False
        return None if fits else f"{least} to {most}"

    return refused
