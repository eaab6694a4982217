"""Markdown that GitHub and GitLab show alike, safe whatever is put into it."""

import re
from collections.abc import Iterable, Sequence

from releases.failure import one_line, shortened

LONGEST_CELL = 600
"""Characters of a table's cell; the raw changes have the rest."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table's lines."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return lines + [f"| {' | '.join(cell(text) for text in row)} |" for row in rows]


def cell(text: str) -> str:
    """Text in one cell, shortened to what a reader takes in."""
    return shortened(one_line(text).replace("|", "\\|"), LONGEST_CELL)


def code(text: str, longest: int = 120) -> str:
    """Text as it is, within a line: nothing in it is Markdown, an HTML tag or a mention."""
    plain = shortened(one_line(text), longest).replace("|", "\\|")
    fence = "`" * (_ticks(plain) + 1)
    pad = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{pad}{plain}{pad}{fence}" if plain else ""


def block(lines: Sequence[str], language: str = "") -> list[str]:
    """Lines as they are."""
    fence = "`" * max(3, _ticks("\n".join(lines)) + 1)
    return [f"{fence}{language}", *lines, fence]


def _ticks(text: str) -> int:
    """The longest run of backticks."""
    return max((len(run) for run in re.findall("`+", text)), default=0)
