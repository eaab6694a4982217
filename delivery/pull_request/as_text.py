"""A report for a terminal, and for logs: plain text, a line for each fact."""

import re
import textwrap
from collections.abc import Iterator, Sequence

from delivery.pull_request.report import A_MONTH, BREAK, IMAGE, OF_SERVICES, Report, Section
from releases.failure import one_line

WIDEST = 120
"""Columns that lines are broken at, of a terminal that is wider."""
INDENT, SEPARATOR = "  ", "; "
WITH_ITS_COLUMN = {IMAGE: "image: {}", A_MONTH: "{} a month", OF_SERVICES: "of {}"}
"""Columns whose texts need the name."""
CODE = re.compile(r"(`+)( ?)(.+?)\2\1(?!`)")
"""As `markdown.code` writes it."""


def as_text(report: Report, width: int | None = None) -> str:
    """The report, without what the program says, which is told while it runs.

    Args:
        report: what there is to say.
        width: columns to break the lines at; None: a line of the text is a fact, however long.
    """
    if report.errors:
        return "\n".join([f"{report.stack}: the preview failed", *report.errors])
    blocks = [[f"{report.stack}: {report.headline}"], *(list(_section(each)) for each in report.sections)]
    if report.unknown:
        blocks.append([f"What is live is not known: {report.unknown}"])
    return "\n\n".join("\n".join(_broken(line, width) for line in block) for block in blocks)


def plain(text: str) -> str:
    """Markdown within a line as what it says, without what a terminal would obey."""
    parts, end = list[str](), 0
    for code in CODE.finditer(text):
        parts += [_without_marks(text[end : code.start()]), code[3].replace("\\|", "|")]
        end = code.end()
    line = one_line("".join([*parts, _without_marks(text[end:])]))
    return "".join(character for character in line if character.isprintable())


def _without_marks(text: str) -> str:
    return text.replace("**", "").replace("\\|", "|")


def _section(section: Section) -> Iterator[str]:
    if section.title:
        yield section.title
    for row in section.rows:
        yield from (INDENT + line for line in _row(section.head, row))
    if section.note:
        yield (INDENT if section.rows else "") + plain(section.note)


def _row(head: Sequence[str], row: Sequence[str]) -> Iterator[str]:
    """What is said of something, in a line; where several things happen to it, each in its own."""
    named = zip(head, row, strict=True)
    first, *others = (
        [WITH_ITS_COLUMN.get(name, "{}").format(plain(line)) for line in text.split(BREAK) if line]
        for name, text in named
    )
    several = next((lines for lines in others if len(lines) > 1), None)
    rest = SEPARATOR.join(line for lines in others if lines is not several for line in lines)
    if several is None:
        yield f"{first[0]}: {rest}"
        return
    yield f"{first[0]}: {several[0]}"
    yield from (INDENT + line for line in [*several[1:], rest] if line)


def _broken(line: str, width: int | None) -> str:
    """A line within the width; ARNs and names stay whole, to be copied."""
    if width is None:
        return line
    own = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line.lstrip(),
        min(width, WIDEST),
        initial_indent=own,
        subsequent_indent=own + INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
