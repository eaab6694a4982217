"""Values that AWS does not know, by botocore's models: the SDK takes any text where AWS takes one of a few."""

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session

from sandbox.providers.resources.codec import member
from sandbox.providers.schema import Problem
from sandbox.providers.values import is_unknown

KNOWN_TO_THE_PROVIDER = frozenset({"Disabled"})
"""Values of pulumi-aws's own, such as the status of a bucket's versioning that was never enabled."""


def check_values(handler: object, inputs: Mapping[str, Any]) -> list[Problem]:
    """What the API call behind a resource's handler would refuse.

    Args:
        handler: has the API's `service`, `create_call` and renamed properties (`names`), or is not checked.
        inputs: the resource's.
    """
    service, operation = getattr(handler, "service", ""), getattr(handler, "create_call", "")
    shape = _input_shape(service, operation) if service and operation else None
    if shape is None:
        return []
    apart: frozenset[str] = getattr(handler, "apart", frozenset())
    checked = {name: value for name, value in inputs.items() if name not in apart}
    return list(_check(checked, shape, getattr(handler, "names", {}), ""))


@cache
def _input_shape(service: str, operation: str) -> Any:
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(operation).input_shape if operation in model.operation_names else None


def _check(value: Any, shape: Any, names: Mapping[str, str], path: str) -> Iterator[Problem]:
    if isinstance(value, dict) and shape.type_name == "structure":
        for name, item in value.items():
            target = member(name, shape.members, names)
            if target is not None:
                yield from _check(item, shape.members[target], names, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        item_shape = shape.member if shape.type_name == "list" else shape
        for index, item in enumerate(value):
            yield from _check(item, item_shape, names, f"{path}[{index}]")
    elif isinstance(value, dict) and shape.type_name == "list":
        yield from _check(value, shape.member, names, path)
    elif isinstance(value, str) and shape.type_name == "string" and not is_unknown(value):
        yield from _check_text(value, getattr(shape, "enum", []), path)


def _check_text(value: str, allowed: list[str], path: str) -> Iterator[Problem]:
    if not allowed or value in KNOWN_TO_THE_PROVIDER or value.casefold() in {choice.casefold() for choice in allowed}:
        return
    close = difflib.get_close_matches(value, allowed, 1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"AWS takes {', '.join(allowed[:12])}"
    yield Problem(path, f"{value} is no value of it; {hint}")
