"""EventBridge's event patterns: which are valid, and which events they match. Pure.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from moto.events.models import EventPattern

OPERATORS = {
    "anything-but",
    "cidr",
    "equals-ignore-case",
    "exists",
    "numeric",
    "prefix",
    "suffix",
    "wildcard",
}
"""Content filters that moto's matcher knows. It lets any other operator match everything."""


class PatternError(ValueError):
    """An event pattern that EventBridge does not accept, or that this bus cannot decide."""


def check_pattern(pattern: Any, path: str = "") -> None:
    """Raise ``PatternError`` for what the matcher would take for a match of everything."""
    if not isinstance(pattern, Mapping) or not pattern:
        raise PatternError(f"{path or 'the event pattern'} must be a non-empty object")
    for key, value in pattern.items():
        key_path = f"{path}.{key}" if path else key
        if key == "$or":
            if not isinstance(value, list) or len(value) < 2:
                raise PatternError(f"{key_path} must be a list of two or more patterns")
            for alternative in value:
                check_pattern(alternative, key_path)
        elif isinstance(value, list):
            for element in value:
                _check_filter(element, key_path)
        else:
            check_pattern(value, key_path)


def _check_filter(element: Any, path: str) -> None:
    if isinstance(element, list):
        raise PatternError(f"{path} holds a nested list")
    if not isinstance(element, Mapping):
        return
    if len(element) != 1 or (operator := next(iter(element))) not in OPERATORS:
        raise PatternError(f"{path}: unknown operator {', '.join(map(str, element)) or '{}'}")
    value = element[operator]
    nested = isinstance(value, Mapping)
    if nested and operator not in ("anything-but", "prefix", "suffix"):
        raise PatternError(f"{path}: {operator} does not take an object")
    if nested:
        _check_filter(value, path)


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether a pattern that `check_pattern` takes matches an event.

    A pattern looks into the objects of a list, and all that it says of them must hold for the same one of them, as in
    EventBridge's matcher (github.com/aws/event-ruler, "And and Or Relationship among fields with Ruler"). moto's
    matcher looks into no list.
    """
    matcher = EventPattern(None, dict(pattern))
    return any(matcher.matches_event(single) for single in _singles(event, pattern))


def _singles(value: Any, pattern: Any) -> Iterator[Any]:
    """The value once for each choice of one object out of every list that the pattern looks into."""
    if isinstance(value, list) and isinstance(pattern, Mapping):
        for element in value or [{}]:
            yield from _singles(element, pattern)
    elif isinstance(value, Mapping) and isinstance(pattern, Mapping):
        within = {**pattern, **{k: v for either in pattern.get("$or", []) for k, v in either.items()}}
        keys = [key for key in value if key in within]
        for chosen in itertools.product(*(list(_singles(value[key], within[key])) for key in keys)):
            yield dict(zip(keys, chosen, strict=True))
    else:
        yield value
