"""A pull request's own stack: what its number makes of a stack file."""

import re
from typing import Any

NAME = re.compile(r"pr-([1-9]\d*)")
"""What a review's stack is called."""
PLACEHOLDER = "${number}"
HIGHEST_PRIORITY = 99
"""Of a review's route. One listener has the rules of all reviews: each has a hundred priorities of its own."""
FIRST_PRIORITY, STACKS = 1000, 490
"""From where on they are, below 50,000; below it are those of the listener's own stack."""


def pull_request_number(stack: str) -> int | None:
    """The pull request's number in the name of its stack; None of another stack."""
    match = NAME.fullmatch(stack)
    return int(match[1]) if match else None


def substitute_number(value: Any, number: int) -> Any:
    """A part of a stack file with the pull request's number in its texts."""
    if isinstance(value, str):
        return value.replace(PLACEHOLDER, str(number))
    if isinstance(value, dict):
        return {key: substitute_number(item, number) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute_number(item, number) for item in value]
    return value


def priority(route: int, number: int | None) -> int:
    """A route's priority on the listener, which a review shares. Two reviews whose numbers are 490 apart would have the
    same one, which AWS refuses.
    """
    return route if number is None else FIRST_PRIORITY + number % STACKS * (HIGHEST_PRIORITY + 1) + route
