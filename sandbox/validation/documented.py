"""What AWS documents beyond its models: one table, a source in each row."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Limit:
    """One thing that a service refuses.

    Attributes:
        operations: names of the operations that refuse it, all of ``service``.
        path: where the value is: members by name, ``[]`` for each item of a list; the whole request where empty.
        refused: what is wrong with a value, to be filled into ``message`` as ``{wrong}``; None where nothing is.
        code: the service's error code.
        message: the service's message, with ``{value}`` and ``{wrong}``.
        source: where this is documented or was seen.
    """

    service: str
    operations: tuple[str, ...]
    path: str
    refused: Callable[[Any], str | None]
    code: str
    message: str
    source: str


def refusal(service: str, operation: str, params: Json) -> tuple[str, str, int] | None:
    """Code, message and status of the first limit that a request breaks."""
    for limit in _limits().get((service, operation), ()):
        for value in values_at(params, limit.path):
            wrong = limit.refused(value)
            if wrong is not None:
                return limit.code, limit.message.format(value=value, wrong=wrong), 400
    return None


def values_at(params: Any, path: str) -> Iterator[Any]:
    """Every value at a path."""
    if params is None:
        return
    if not path:
        yield params
        return
    part, _, rest = path.partition(".")
    name, is_list, _ = part.partition("[]")
    value = params.get(name)
    if value is None:
        return
    for item in value if is_list else [value]:
        yield from values_at(item, rest)


@functools.cache
def _limits() -> dict[tuple[str, str], list[Limit]]:
    from sandbox.validation import limits_compute, limits_data, limits_network

    found: dict[tuple[str, str], list[Limit]] = defaultdict(list)
    for limit in (*limits_network.LIMITS, *limits_compute.LIMITS, *limits_data.LIMITS):
        for operation in limit.operations:
            found[limit.service, operation].append(limit)
    return found
