"""A report as the comment on a pull request, for GitHub and GitLab."""

from collections.abc import Sequence

from delivery.pull_request import raw
from delivery.pull_request.markdown import block, code, table
from delivery.pull_request.report import Report, Section
from releases.failure import shortened

LONGEST = 65_536
"""Characters of a comment on GitHub; GitLab takes more."""
DETAILS = "Every change"
CUT = "… {} more lines are left out, a comment is full; `pulumi preview --diff --stack {}` shows them."
SHORTENED = "\n\n**The rest of this report is left out: a comment is full.**"
MOST_LINES = 60
"""Of an error; its end says most."""


def marker(stack: str) -> str:
    """The hidden first line that the stack's comment is found by."""
    return f"<!-- fargate-delivery preview {stack} -->"


def as_markdown(report: Report, longest: int = LONGEST) -> str:
    """The comment.

    Args:
        report: what there is to say.
        longest: characters that it may have. What does not fit is cut from the folded raw changes.
    """
    if report.errors:
        return _failed(report, longest)
    sections = [
        [marker(report.stack), f"## {code(report.stack)}: {report.headline}"],
        *map(_section, report.sections),
        _said(report),
    ]
    text = "\n\n".join("\n".join(section) for section in sections if section)
    return _with_details(text, report.stack, raw.lines(report.changes), longest)


def _failed(report: Report, longest: int) -> str:
    """The comment when there is no preview: why, and folded how far it came."""
    lines = [line for error in report.errors for line in error.strip().splitlines()]
    kept = lines if len(lines) <= MOST_LINES else [f"… {len(lines) - MOST_LINES} lines before", *lines[-MOST_LINES:]]
    title = f"## {code(report.stack)}: the preview failed"
    text = "\n".join([marker(report.stack), title, "", *block([shortened(line, 500) for line in kept])])
    return _with_details(text, report.stack, raw.lines(report.changes), longest)


def _section(section: Section) -> list[str]:
    heading = [f"### {section.title}", ""] if section.title else []
    rows = table(section.head, section.rows) if section.rows else []
    return [*heading, *rows, *([""] if rows and section.note else []), *([section.note] if section.note else [])]


def _said(report: Report) -> list[str]:
    unknown = [f"What is live is not known: {report.unknown}"] if report.unknown else []
    said = [*report.said, *unknown]
    return ["### The program says", "", *(f"- {code(line, 500)}" for line in said)] if said else []


def _with_details(text: str, stack: str, lines: Sequence[str], longest: int) -> str:
    """The report with the raw changes folded at its end, as far as they fit."""
    if not lines:
        return text + "\n"
    head, foot = f"\n\n<details><summary>{DETAILS}</summary>\n\n", "\n\n</details>\n"
    fences = len("\n".join(block(lines, "diff"))) - len("\n".join(lines))
    cut = "\n\n" + CUT.format(len(lines), stack)
    room = longest - len(text) - len(head) - len(foot) - fences - len(cut)
    if room < 0:
        return text[: longest - len(SHORTENED) - 1].rpartition("\n")[0] + SHORTENED + "\n"
    kept = _fitting(lines, room)
    rest = "\n\n" + CUT.format(len(lines) - len(kept), stack) if len(kept) < len(lines) else ""
    return text + head + "\n".join(block(kept, "diff")) + rest + foot


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    """As many of the lines as there is room for."""
    kept, used = [], 0
    for line in lines:
        used += len(line) + 1
        if used > room:
            break
        kept.append(line)
    return kept
