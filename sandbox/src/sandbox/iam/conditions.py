"""Condition blocks of IAM policies.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Conditions with multiple
context keys or values".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sandbox.iam.patterns import Context, PolicyError, UnresolvedVariable, Variables, arn_matches, as_list, glob

Matcher = Callable[[str, str, Variables], bool]
"""(value of the request, value of the policy, variables of the request) -> whether they match."""


def _string(value: str, expected: str, variables: Variables) -> bool:
    return value == variables.substitute(expected)


def _string_ignore_case(value: str, expected: str, variables: Variables) -> bool:
    return value.casefold() == variables.substitute(expected).casefold()


def _string_like(value: str, expected: str, variables: Variables) -> bool:
    return glob(expected, variables).fullmatch(value) is not None


def _arn_like(value: str, expected: str, variables: Variables) -> bool:
    return arn_matches(expected, value, variables)


def _bool(value: str, expected: str, variables: Variables) -> bool:
    expected = variables.substitute(expected).lower()
    if expected not in ("true", "false"):
        raise PolicyError(f"{expected!r} is not a boolean")
    return value.lower() == expected


def _binary(value: str, expected: str, variables: Variables) -> bool:
    return value == expected


def _ip_address(value: str, expected: str, variables: Variables) -> bool:
    try:
        network = ipaddress.ip_network(variables.substitute(expected), strict=False)
    except ValueError as error:
        raise PolicyError(str(error)) from error
    address = ipaddress.ip_address(value)
    return address.version == network.version and address in network


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise PolicyError(f"{text!r} is not a number") from error


def _instant(text: str) -> float:
    if re.fullmatch(r"\d+", text):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise PolicyError(f"{text!r} is not a date") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _ordered(parse: Callable[[str], float], holds: Callable[[float, float], bool]) -> Matcher:
    def match(value: str, expected: str, variables: Variables) -> bool:
        return holds(parse(value), parse(variables.substitute(expected)))

    return match


def _orderings(prefix: str, parse: Callable[[str], float]) -> dict[str, tuple[Matcher, bool]]:
    return {
        f"{prefix}Equals": (_ordered(parse, lambda a, b: a == b), False),
        f"{prefix}NotEquals": (_ordered(parse, lambda a, b: a == b), True),
        f"{prefix}LessThan": (_ordered(parse, lambda a, b: a < b), False),
        f"{prefix}LessThanEquals": (_ordered(parse, lambda a, b: a <= b), False),
        f"{prefix}GreaterThan": (_ordered(parse, lambda a, b: a > b), False),
        f"{prefix}GreaterThanEquals": (_ordered(parse, lambda a, b: a >= b), False),
    }


OPERATORS: dict[str, tuple[Matcher, bool]] = {
    "StringEquals": (_string, False),
    "StringNotEquals": (_string, True),
    "StringEqualsIgnoreCase": (_string_ignore_case, False),
    "StringNotEqualsIgnoreCase": (_string_ignore_case, True),
    "StringLike": (_string_like, False),
    "StringNotLike": (_string_like, True),
    "ArnEquals": (_arn_like, False),
    "ArnLike": (_arn_like, False),
    "ArnNotEquals": (_arn_like, True),
    "ArnNotLike": (_arn_like, True),
    "Bool": (_bool, False),
    "BinaryEquals": (_binary, False),
    "IpAddress": (_ip_address, False),
    "NotIpAddress": (_ip_address, True),
    **_orderings("Numeric", _number),
    **_orderings("Date", _instant),
}
"""Operator -> (matcher, negated). ``ArnEquals`` behaves as ``ArnLike``, as documented."""


def conditions_hold(block: Any, context: Context, variables: Variables) -> bool:
    """Whether every operator and every key of a ``Condition`` block holds.

    Raises ``PolicyError`` on an operator that does not exist or a value that its operator cannot read,
    even when another operator has already failed: a broken policy is never silently decided.
    """
    if not isinstance(block, Mapping):
        raise PolicyError("Condition must be an object")
    results = [
        _holds(operator, key, [_scalar(value) for value in as_list(expected)], context, variables)
        for operator, keys in block.items()
        for key, expected in _entries(operator, keys)
    ]
    return all(results)


def _entries(operator: str, keys: Any) -> Sequence[tuple[str, Any]]:
    if not isinstance(keys, Mapping):
        raise PolicyError(f"Condition operator {operator} must hold an object")
    return list(keys.items())


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise PolicyError(f"{value!r} is not a condition value")


def _holds(operator: str, key: str, expected: list[str], context: Context, variables: Variables) -> bool:
    values = context.get(key.lower())
    if operator == "Null":
        return any(_bool("true" if values is None else "false", each, variables) for each in expected)
    quantifier, colon, name = operator.rpartition(":")
    if colon and quantifier not in ("ForAllValues", "ForAnyValue"):
        raise PolicyError(f"unknown condition operator {operator}")
    name, if_exists = name.removesuffix("IfExists"), name.endswith("IfExists")
    if name not in OPERATORS:
        raise PolicyError(f"unknown condition operator {operator}")
    matcher, negated = OPERATORS[name]

    def matches_one(value: str) -> bool:
        return _any_match(matcher, value, expected, variables) != negated

    if values is None:
        if if_exists:
            return True
        return quantifier == "ForAllValues" or (negated and quantifier == "")
    if isinstance(values, str):
        values = [values]
    if quantifier == "ForAllValues" or (quantifier == "" and negated):
        return all(matches_one(value) for value in values)
    return any(matches_one(value) for value in values)


def _any_match(matcher: Matcher, value: str, expected: list[str], variables: Variables) -> bool:
    """Whether one wanted value matches. A value whose policy variable is absent matches nothing."""
    matches = False
    for candidate in expected:
        try:
            matches = matcher(value, candidate, variables) or matches
        except UnresolvedVariable:
            continue
    return matches
