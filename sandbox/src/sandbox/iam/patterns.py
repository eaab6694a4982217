"""Wildcards, policy variables and ARN matching, as IAM policies use them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

ContextValue = str | list[str]
Context = Mapping[str, ContextValue]
"""Condition keys in lower case -> the request's value; a list for multivalued keys."""

ARN_SEGMENTS = 6
_TOKEN = re.compile(r"\$\{([^}]*)\}|(\*)|(\?)|([^$*?]+|\$)")
_DEFAULTED = re.compile(r"\s*([^,]+?)\s*(?:,\s*'([^']*)'\s*)?")


class PolicyError(ValueError):
    """A policy that cannot be decided: malformed, or with an element that does not exist."""


class UnresolvedVariable(Exception):
    """A policy variable which the request has no value for; the statement then does not match."""


def as_list(value: Any) -> list[Any]:
    """Policies write one value or a list of them."""
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Variables:
    """Policy variables ``${key}`` of one request; only policies of version 2012-10-17 have them."""

    context: Context
    enabled: bool = True

    def value(self, expression: str) -> str:
        """The value of ``key`` or ``key, 'default'``; ``*``, ``?`` and ``$`` stand for themselves."""
        if expression in ("*", "?", "$"):
            return expression
        match = _DEFAULTED.fullmatch(expression)
        if match is None:
            raise PolicyError(f"malformed policy variable ${{{expression}}}")
        value = self.context.get(match.group(1).lower(), match.group(2))
        if not isinstance(value, str):
            raise UnresolvedVariable(expression)
        return value

    def substitute(self, text: str) -> str:
        """``text`` with its variables replaced, and no meaning given to wildcards."""
        if not self.enabled or "${" not in text:
            return text
        return re.sub(r"\$\{([^}]*)\}", lambda match: self.value(match.group(1)), text)


NO_VARIABLES = Variables({}, enabled=False)


@lru_cache(maxsize=4096)
def _static_glob(pattern: str, flags: int) -> re.Pattern[str]:
    return re.compile(_translate(pattern, NO_VARIABLES), flags | re.DOTALL)


def _translate(pattern: str, variables: Variables) -> str:
    parts: list[str] = []
    for variable, star, mark, literal in _TOKEN.findall(pattern):
        if star:
            parts.append(".*")
        elif mark:
            parts.append(".")
        elif literal:
            parts.append(re.escape(literal))
        else:
            parts.append(re.escape(variables.value(variable) if variables.enabled else f"${{{variable}}}"))
    return "".join(parts)


def glob(pattern: str, variables: Variables = NO_VARIABLES, *, ignore_case: bool = False) -> re.Pattern[str]:
    """A pattern with ``*`` and ``?``; the value of a variable is literal."""
    flags = re.IGNORECASE if ignore_case else 0
    if not variables.enabled or "${" not in pattern:
        return _static_glob(pattern, flags)
    return re.compile(_translate(pattern, variables), flags | re.DOTALL)


def _segments(pattern: str) -> list[str]:
    """The six parts of an ARN pattern; a colon inside ``${…}`` does not separate."""
    parts = re.split(r":(?![^{}]*\})", pattern, maxsplit=ARN_SEGMENTS - 1)
    if len(parts) != ARN_SEGMENTS or not parts[0] == "arn":
        raise PolicyError(f"{pattern!r} is neither an ARN nor '*'")
    return parts


def arn_matches(pattern: str, arn: str, variables: Variables) -> bool:
    """Whether ``arn`` matches, each of its six parts on its own; ``*`` alone matches everything."""
    if pattern == "*":
        return True
    segments = _segments(pattern)
    actual = arn.split(":", ARN_SEGMENTS - 1)
    if len(actual) != ARN_SEGMENTS:
        return False
    return all(
        glob(segment, variables).fullmatch(part) is not None for segment, part in zip(segments, actual, strict=True)
    )
