"""What a task's log says of its failure, in one line that people may see who may not read the log.

An action's error is shown in Slack and on the commit. A log may hold whatever the app had at hand, so no more than one
line is told, without what looks like a secret or like somebody's data.
"""

import re
from collections.abc import Sequence

from releases.failure import one_line, shortened

MOST_CHARACTERS = 200
HIDDEN = "***"
CAUSE = re.compile(
    r"^\*\* \(|(?:error|exception|fatal|panic|aborted)\S*?[:!]|\[(?:error|fatal)\]"
    r"|no such|not found|cannot|denied|missing|failed|refused|read-only",
    re.IGNORECASE,
)
"""How runtimes, shells and C libraries begin or word the line that names the cause; below it may be a stack trace."""
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
"""Colours, and what else a terminal would act on."""
MASKS: Sequence[tuple[re.Pattern[str], str]] = (
    # postgres://app:password@db, and a password with an @
    (re.compile(r"([a-z][\w+.-]*://)[^\s'\"]+@", re.IGNORECASE), rf"\1{HIDDEN}@"),
    # PASSWORD=…, "api_key": "…", Authorization: Bearer …
    (
        re.compile(
            r"([\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|credential|authorization|cookie|[-_]key)[\w.-]*"
            r"[\"']?\s*(?:=>|=|:)\s*)(?:(?:bearer|basic)\s+)?(?:\"[^\"]*\"|'[^']*'|[^\s,;)}\]]+)",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    # a row's values: PostgreSQL's `Key (email)=(…)`, MySQL's `Duplicate entry '…'`
    (re.compile(r"\)=\([^)]*\)"), f")=({HIDDEN})"),
    (re.compile(r"(entry )'[^']*'", re.IGNORECASE), rf"\1'{HIDDEN}'"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), HIDDEN),
    # AWS's key ids, hashes and keys in hexadecimal, and what is mixed as only random text is
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),
    (re.compile(r"\b[0-9A-Fa-f]{32,}\b"), HIDDEN),
    (re.compile(r"(?=[\w+-]*\d)(?=[\w+-]*[a-z])(?=[\w+-]*[A-Z])[\w+-]{20,}=*"), HIDDEN),
)


def failure_line(log: Sequence[str]) -> str:
    """The line that says why a task failed; "" when its log is empty.

    Args:
        log: its last lines, the oldest first.
    """
    lines = [CONTROL.sub("", line).rstrip() for event in log for line in event.splitlines()]
    written = [line for line in lines if line]
    outer = [line for line in written if not line[0].isspace()] or written
    causes = [line for line in outer if CAUSE.search(line)] or outer
    return masked(one_line(causes[-1])) if causes else ""


def masked(line: str) -> str:
    """A line without what looks like a secret or like somebody's data, and not too long."""
    for pattern, replacement in MASKS:
        line = pattern.sub(replacement, line)
    return shortened(line, MOST_CHARACTERS)
