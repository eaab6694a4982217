"""What AWS documents beyond its models: one table, a source in each row."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.validation import limits_compute, limits_data, limits_network
from sandbox.validation.limit import Limit

Json = Mapping[str, Any]


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
    limits: dict[tuple[str, str], list[Limit]] = defaultdict(list)
    for each in (*limits_network.LIMITS, *limits_compute.LIMITS, *limits_data.LIMITS):
        for operation in each.operations:
            limits[each.service, operation].append(each)
    return limits
