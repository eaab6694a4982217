"""The table of a stack's services, for a terminal of any width."""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime

import click

from delivery.output.durations import span
from delivery.services.overview import Overview
from releases.names import release_tag

HEAD = ("SERVICE", "RELEASE", "AGE", "IMAGE", "TASKS", "URL")
DIGEST = len("sha256:") + 12
"""Characters of a digest that are shown."""
LEAST = 40
"""A terminal that is narrower is taken for one of so many columns."""


def table(services: Sequence[Overview], now: datetime, width: int | None) -> list[str]:
    """A row for each service, and below it what is not as on a quiet day.

    Args:
        services: the services.
        now: the time, in UTC.
        width: columns of the terminal; None where the output is none, so that nothing is cut.
    """
    rows = [HEAD, *(_row(each, now) for each in services)]
    columns = len(HEAD) if width is None else _fitting(rows, max(width, LEAST))
    widths = [max(len(row[column]) for row in rows) for column in range(columns)]
    lines = [_line(HEAD[:columns], widths)]
    for service, row in zip(services, rows[1:], strict=True):
        lines.append(_line(row[:columns], widths))
        for name, cell in zip(HEAD[columns:], row[columns:], strict=True):
            lines += _wrapped(f"{name.lower()} {cell}", width) if cell else ()
        for words, color in service.notes():
            lines += [click.style(line, fg=color) for line in _wrapped(words, width)]
    return lines


def _row(service: Overview, now: datetime) -> tuple[str, ...]:
    age = "" if service.time is None else span((now - datetime.fromisoformat(service.time)).total_seconds())
    return (
        service.service,
        "none yet" if service.release is None else release_tag(service.release),
        age,
        (service.image_digest or "")[:DIGEST],
        f"{service.running}/{service.desired}",
        service.urls[0] if service.urls else "",
    )


def _fitting(rows: Sequence[tuple[str, ...]], width: int) -> int:
    """How many columns a terminal has room for, of the first ones; the others become lines of their own."""
    for columns in range(len(HEAD), 1, -1):
        used = sum(max(len(row[column]) for row in rows) for column in range(columns)) + 2 * (columns - 1)
        if used <= width:
            return columns
    return 1


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _wrapped(note: str, width: int | None) -> Iterator[str]:
    if width is None:
        yield f"  {note}"
        return
    yield from textwrap.wrap(
        note,
        max(width, LEAST),
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
