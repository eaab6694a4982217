"""Tables of plain text."""

from collections.abc import Sequence

GAP = "  "


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """A table's lines; where it is wider than that, a block of lines for each row.

    Args:
        head: the columns' names.
        rows: a text for each column; a column of which no row has any is left out.
        width: of the terminal; None: as wide as it is.
    """
    used = [index for index, _ in enumerate(head) if any(row[index] for row in rows)]
    lines = [[row[index] for index in used] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if width is not None and sum(widths) + len(GAP) * (len(widths) - 1) > width:
        return [line for row in lines[1:] for line in _block(lines[0], row)]
    return [GAP.join(text.ljust(size) for text, size in zip(row, widths, strict=True)).rstrip() for row in lines]


def _block(head: Sequence[str], row: Sequence[str]) -> list[str]:
    size = max(map(len, head[1:]), default=0)
    others = zip(head[1:], row[1:], strict=True)
    return [row[0], *(f"{GAP}{name.ljust(size)}{GAP}{text}" for name, text in others if text)]
