"""Whom an ARN names, as a person says it."""

import re

MADE_UP = re.compile(r"[0-9a-f]{32}|i-[0-9a-f]+|\d+")
"""A session's name that tells nobody anything: an AWS service's, or a machine's."""


def who(arn: str) -> str:
    """A user's or a session's name; a role's where the session has none that says anything; all of it of no ARN."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    role, _, session = name.rpartition("/")
    return role if kind == "assumed-role" and MADE_UP.fullmatch(session) else session or kind
