"""The assumptions as docs/aws-assumptions.md has them, and the table of what became of them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from acceptance.evidence import Check, Evidence, Finding

PAGE = Path(__file__).parent.parent / "docs/aws-assumptions.md"
BY_HAND = "by hand"
LONGEST = 110
CELL = re.compile(r"(?<!\\)\|")


def assumptions(page: str) -> list[str]:
    """The first cell of each row of each table of assumptions."""
    found: list[str] = []
    header = ""
    for line in page.splitlines():
        if not line.startswith("|"):
            header = ""
            continue
        first = CELL.split(line)[1].strip()
        if not header:
            header = first
        elif header == "assumption" and set(first) - set("-:"):
            found.append(first)
    return found


def short(assumption: str) -> str:
    """Enough of an assumption to find its line."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", assumption)
    if len(text) <= LONGEST:
        return text
    cut = text[:LONGEST].rpartition(" ")[0]
    if cut.count("`") % 2:
        cut = cut.rpartition("`")[0]
    return f"{cut.rstrip(' ,;:(')} …"


def judged(page: str, checks: Mapping[str, Check], evidence: Evidence) -> list[tuple[str, Finding | None]]:
    """Each assumption with what its check says; None where there is none."""
    rows: list[tuple[str, Finding | None]] = []
    for assumption in assumptions(page):
        check = next((check for key, check in checks.items() if assumption.startswith(key)), None)
        rows.append((assumption, _said(check, evidence) if check else None))
    return rows


def _said(check: Check, evidence: Evidence) -> Finding:
    try:
        return check(evidence)
    except (KeyError, IndexError, StopIteration, TypeError) as error:
        return Finding("could not be checked", f"AWS's answer was not as expected: {error!r}")


def markdown(rows: Sequence[tuple[str, Finding | None]], when: str) -> str:
    """A table to paste into the page: what was checked first, then what is left to do by hand."""
    lines = [f"| assumption | {when} | seen |", "|---|---|---|"]
    lines += [f"| {short(text)} | {found.verdict} | {_cell(found.seen)} |" for text, found in rows if found]
    lines += [f"| {short(text)} | {BY_HAND} | |" for text, found in rows if not found]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
