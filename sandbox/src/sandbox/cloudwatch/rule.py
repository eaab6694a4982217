"""The rule of a composite alarm: `ALARM("a") OR NOT (OK("b") AND TRUE)`.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
TOKEN = re.compile(
    rf"""\s*(?:(?P<state>{"|".join(STATES)})\s*\(\s*(?:"(?P<quoted>[^"]+)"|(?P<bare>[^\s()"]+))\s*\)"""
    r"|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<bracket>[()])|(?P<unknown>\S))"
)

State = Callable[[str], str]
"""An alarm's name → its state."""
Holds = Callable[[State], bool]


class MalformedRule(ValueError):
    """The text is no rule; the message says where."""


@dataclass(frozen=True)
class Rule:
    """A rule that was read.

    Attributes:
        names: the alarms that it names, in their order.
        holds: whether it is true for some states of theirs.
    """

    names: tuple[str, ...]
    holds: Holds


def parse(text: str) -> Rule:
    """Read a rule; `NOT` binds stronger than `AND`, and that stronger than `OR`.

    Raises:
        MalformedRule: it is none.
    """
    tokens = list(_tokens(text))
    reader = _Reader(tokens)
    holds = reader.either()
    if reader.tokens:
        raise MalformedRule(f"{reader.tokens[0][1]!r} is not expected")
    return Rule(tuple(dict.fromkeys(name for kind, name in tokens if kind in STATES)), holds)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    for match in TOKEN.finditer(text):
        if match["unknown"]:
            raise MalformedRule(f"{match['unknown']!r} is not expected")
        if match["state"]:
            yield match["state"], (match["quoted"] or match["bare"]).rpartition(":alarm:")[2]
        elif word := match["word"] or match["bracket"]:
            yield "", word


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = list(tokens)

    def either(self) -> Holds:
        parts = [self._all()]
        while self._take_word("OR"):
            parts.append(self._all())
        return lambda state: any(holds(state) for holds in parts)

    def _all(self) -> Holds:
        parts = [self._operand()]
        while self._take_word("AND"):
            parts.append(self._operand())
        return lambda state: all(holds(state) for holds in parts)

    def _operand(self) -> Holds:
        if not self.tokens:
            raise MalformedRule("the rule ends too early")
        if self._take_word("NOT"):
            negated = self._operand()
            return lambda state: not negated(state)
        if self._take_word("("):
            inner = self.either()
            if not self._take_word(")"):
                raise MalformedRule("a bracket is not closed")
            return inner
        kind, word = self.tokens.pop(0)
        if kind:
            return lambda state: state(word) == kind
        if word in ("TRUE", "FALSE"):
            return lambda state: word == "TRUE"
        raise MalformedRule(f"{word!r} is not expected")

    def _take_word(self, word: str) -> bool:
        if self.tokens and self.tokens[0] == ("", word):
            del self.tokens[0]
            return True
        return False
