"""A checker for each input shape of botocore's models: required members, types, lengths, ranges, patterns, enums.

botocore's own ParamValidator knows required members, types and minima only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from botocore.model import Shape

from sandbox.validation import java_patterns
from sandbox.validation.exceptions import LENIENT

Kind = Literal["missing", "length", "range", "pattern", "enum", "type"]
Part = Literal["member", "items", "keys", "values"]


@dataclass(frozen=True)
class Violation:
    """What a request breaks.

    Attributes:
        path: member names as the model spells them; items of a list count from one, as AWS's messages do.
        kind: what the constraint is about.
        constraints: in AWS's words; several where the items of a list or the entries of a map break them.
        part: what of ``value`` breaks them: itself, its items, its keys or its values.
        location: where the outermost member is sent (``body``, ``header``, ``querystring``, ``uri``).
    """

    path: tuple[str, ...]
    value: Any
    kind: Kind
    constraints: tuple[str, ...]
    part: Part = "member"
    sensitive: bool = False
    location: str = "body"


Checker = Callable[[Any], list[Violation]]
_Walk = Callable[[Any, tuple[str, ...], list[Violation]], None]
_Scalar = Callable[[Any], list[tuple[Kind, str]]]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "structure": (Mapping,),
    "map": (Mapping,),
    "list": (list, tuple),
}


@functools.cache
def _checkers(service: str) -> dict[str, Checker | None]:
    return {}


def checker_of(service: str, shape: Shape) -> Checker | None:
    """The checker of an operation's input, made once; None where the model constrains nothing."""
    checkers = _checkers(service)
    if shape.name not in checkers:
        checkers[shape.name] = _checker(service, shape)
    return checkers[shape.name]


def _checker(service: str, shape: Shape) -> Checker | None:
    walk = _Builder(service).walk(shape)
    if walk is None:
        return None
    locations = {name: member.serialization.get("location", "body") for name, member in shape.members.items()}

    def check(params: Any) -> list[Violation]:
        violations: list[Violation] = []
        walk(params, (), violations)
        return [_located(violation, locations) for violation in violations]

    return check


def _located(violation: Violation, locations: Mapping[str, str]) -> Violation:
    location = locations.get(violation.path[0], "body") if violation.path else "body"
    return violation if location == "body" else Violation(**{**violation.__dict__, "location": location})


class _Builder:
    """Compiles shapes of one service; a shape that holds itself is compiled once."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._walks: dict[str, _Walk | None] = {}

    def walk(self, shape: Shape) -> _Walk | None:
        if shape.name in self._walks:
            return self._walks[shape.name]
        self._walks[shape.name] = lambda value, path, violations: self._recur(shape.name, value, path, violations)
        self._walks[shape.name] = built = self._build(shape)
        return built

    def _recur(self, name: str, value: Any, path: tuple[str, ...], violations: list[Violation]) -> None:
        walk = self._walks[name]
        if walk is not None:
            walk(value, path, violations)

    def _build(self, shape: Shape) -> _Walk | None:
        if getattr(shape, "is_document_type", False):
            return None
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        return self._scalar(shape)

    def _structure(self, shape: Shape) -> _Walk | None:
        if shape.serialization.get("eventstream") or getattr(shape, "is_event_stream", False):
            return None
        required = [name for name in shape.required_members if (self._service, shape.name, name) not in LENIENT]
        walks = {name: walk for name, member in shape.members.items() if (walk := self.walk(member)) is not None}

        def check(value: Any, path: tuple[str, ...], violations: list[Violation]) -> None:
            if not isinstance(value, Mapping):
                violations.append(_wrong_type(shape, value, path))
                return
            for name in required:
                if value.get(name) is None:
                    violations.append(Violation((*path, name), None, "missing", ("Member must not be null",)))
            for name, part in value.items():
                walk = walks.get(name)
                if walk is not None and part is not None:
                    walk(part, (*path, name), violations)

        return check

    def _list(self, shape: Shape) -> _Walk | None:
        size = self._size(shape)
        scalar = self._rule(shape.member)
        walk = None if scalar is not None else self.walk(shape.member)
        sensitive = _is_sensitive(shape) or _is_sensitive(shape.member)

        def check(value: Any, path: tuple[str, ...], violations: list[Violation]) -> None:
            if not isinstance(value, (list, tuple)):
                violations.append(_wrong_type(shape, value, path))
                return
            for constraint in size(len(value)):
                violations.append(Violation(path, value, "length", (constraint,)))
            if scalar is not None:
                violations.extend(_of_parts(scalar, value, value, path, "items", sensitive))
            elif walk is not None:
                for index, item in enumerate(value, 1):
                    walk(item, (*path, str(index), "member"), violations)

        return check

    def _map(self, shape: Shape) -> _Walk | None:
        size = self._size(shape)
        keys, values = self._rule(shape.key), self._rule(shape.value)
        walk = None if values is not None else self.walk(shape.value)
        sensitive = _is_sensitive(shape) or _is_sensitive(shape.value)

        def check(value: Any, path: tuple[str, ...], violations: list[Violation]) -> None:
            if not isinstance(value, Mapping):
                violations.append(_wrong_type(shape, value, path))
                return
            for constraint in size(len(value)):
                violations.append(Violation(path, value, "length", (constraint,)))
            if keys is not None:
                violations.extend(_of_parts(keys, list(value), value, path, "keys", sensitive))
            if values is not None:
                violations.extend(_of_parts(values, list(value.values()), value, path, "values", sensitive))
            elif walk is not None:
                for key, part in value.items():
                    walk(part, (*path, str(key), "member"), violations)

        return check

    def _scalar(self, shape: Shape) -> _Walk | None:
        rule = self._rule(shape)
        if rule is None:
            return None
        sensitive = _is_sensitive(shape)

        def check(value: Any, path: tuple[str, ...], violations: list[Violation]) -> None:
            for kind, constraint in rule(value):
                violations.append(Violation(path, value, kind, (constraint,), sensitive=sensitive))

        return check

    def _size(self, shape: Shape) -> Callable[[int], list[str]]:
        least, most = self._bounds(shape)
        return lambda count: _out_of(count, least, most, "have length ")

    def _bounds(self, shape: Shape) -> tuple[Any, Any]:
        metadata = shape.metadata
        if (self._service, shape.name, "length") in LENIENT:
            return None, None
        return metadata.get("min"), metadata.get("max")

    def _rule(self, shape: Shape) -> _Scalar | None:
        """What a scalar must be; None for other shapes and for blobs and timestamps without a limit."""
        kind = shape.type_name
        if kind in ("structure", "list", "map"):
            return None
        least, most = self._bounds(shape)
        lenient = {exempt for service, name, exempt in LENIENT if (service, name) == (self._service, shape.name)}
        pattern = None if "pattern" in lenient else _pattern(self._service, shape)
        allowed = [] if "enum" in lenient else list(shape.metadata.get("enum", ()))
        types = _TYPES.get(kind)
        text = kind in ("string", "blob")
        if types is None and least is None and most is None:
            return None

        def check(value: Any) -> list[tuple[Kind, str]]:
            if types is not None and (not isinstance(value, types) or (isinstance(value, bool) and kind != "boolean")):
                return [("type", f"Member must be of type {kind}")]
            broken: list[tuple[Kind, str]] = []
            if text and hasattr(value, "__len__"):
                broken += [("length", message) for message in _out_of(len(value), least, most, "have length ")]
            elif not text and (least is not None or most is not None):
                broken += [("range", message) for message in _out_of(value, least, most, "have value ")]
            if pattern is not None and not pattern.fullmatch(value):
                constraint = f"Member must satisfy regular expression pattern: {shape.metadata['pattern']}"
                broken.append(("pattern", constraint))
            if allowed and value not in allowed:
                broken.append(("enum", f"Member must satisfy enum value set: [{', '.join(allowed)}]"))
            return broken

        return check


def _pattern(service: str, shape: Shape) -> Any:
    pattern = shape.metadata.get("pattern")
    return None if pattern is None else java_patterns.compiled(pattern)


def _out_of(value: Any, least: Any, most: Any, phrase: str) -> list[str]:
    constraints = []
    if least is not None and value < least:
        constraints.append(f"Member must {phrase}greater than or equal to {least}")
    if most is not None and value > most:
        constraints.append(f"Member must {phrase}less than or equal to {most}")
    return constraints


def _of_parts(
    rule: _Scalar, parts: Sequence[Any], value: Any, path: tuple[str, ...], part: Part, sensitive: bool
) -> list[Violation]:
    broken = list(dict.fromkeys(violation for each in parts for violation in rule(each)))
    if not broken:
        return []
    return [Violation(path, value, broken[0][0], tuple(constraint for _, constraint in broken), part, sensitive)]


def _wrong_type(shape: Shape, value: Any, path: tuple[str, ...]) -> Violation:
    return Violation(path, value, "type", (f"Member must be of type {shape.type_name}",))


def _is_sensitive(shape: Shape) -> bool:
    return bool(shape.metadata.get("sensitive"))
