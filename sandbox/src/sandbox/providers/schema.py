"""A resource type in the installed pulumi_aws SDK: its inputs, their types, its outputs."""

import difflib
import importlib.util
import inspect
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from pulumi import Archive, Asset, _types

from sandbox.providers.values import is_asset, is_unknown


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a resource's inputs."""

    path: str
    reason: str


@dataclass(frozen=True)
class Schema:
    """A resource type.

    Attributes:
        token: such as `aws:s3/bucket:Bucket`.
        arguments: the SDK's class of its inputs.
        outputs: the names of its output properties.
    """

    token: str
    arguments: type
    outputs: frozenset[str]

    def check(self, inputs: Mapping[str, Any]) -> list[Problem]:
        """Unknown, missing and mistyped inputs."""
        return check_arguments(self.arguments, inputs)

    def inputs(self) -> frozenset[str]:
        """The names of its input properties."""
        return frozenset(_properties(self.arguments))


def check_arguments(arguments: type, inputs: Mapping[str, Any]) -> list[Problem]:
    """Unknown, missing and mistyped inputs of one of the SDK's argument classes."""
    return list(_check_object(inputs, arguments, ""))


def check_provider(settings: Mapping[str, Any]) -> list[Problem]:
    """Unknown and mistyped settings of the provider itself."""
    arguments = importlib.import_module("pulumi_aws").ProviderArgs
    return check_arguments(arguments, {name: value for name, value in settings.items() if name not in ENGINES_OWN})


ENGINES_OWN = frozenset({"version", "pluginDownloadURL", "pluginChecksums"})


NAMES = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list"}


class UnknownType(Exception):
    """A token that the installed SDK does not have."""


@cache
def schema_of(token: str) -> Schema:
    """The schema of a resource type.

    Raises:
        UnknownType: the SDK has no such type.
    """
    place = _resource_modules().get(token)
    if place is None:
        close = difflib.get_close_matches(token, _resource_modules(), 1)
        raise UnknownType(f"{token} is not in pulumi_aws" + (f"; did you mean {close[0]}?" if close else ""))
    module_name, class_name = place
    package = importlib.import_module(module_name)
    resource = getattr(package, class_name)
    module = importlib.import_module(resource.__module__)
    (arguments,) = [getattr(module, name) for name in module.__all__ if name != class_name]
    return Schema(token, arguments, frozenset(_types.resource_types(resource)))


@cache
def _resource_modules() -> Mapping[str, tuple[str, str]]:
    """Token → package and class, from the table in the SDK's own `__init__`."""
    spec = importlib.util.find_spec("pulumi_aws")
    if spec is None or spec.origin is None:
        raise UnknownType("pulumi_aws is not installed")
    text = Path(spec.origin).read_text(encoding="utf-8")
    table = re.search(r'resource_modules="""(.*?)"""', text, re.DOTALL)
    if table is None:
        raise UnknownType("pulumi_aws has no table of its resources")
    return {
        token: (module["fqn"], class_name)
        for module in json.loads(table[1])
        for token, class_name in module["classes"].items()
    }


def _check_object(value: Mapping[str, Any], arguments: type, path: str) -> Iterator[Problem]:
    properties = _properties(arguments)
    for name, item in value.items():
        if name.startswith("__") or item is None:
            continue
        where = f"{path}.{name}" if path else name
        if name not in properties:
            close = difflib.get_close_matches(name, properties, 1)
            yield Problem(where, "no such property" + (f"; did you mean {close[0]}?" if close else ""))
        else:
            yield from _check(item, properties[name], where)
    for name in _required(arguments):
        if value.get(name) is None:
            yield Problem(f"{path}.{name}" if path else name, "is required")


@cache
def _properties(arguments: type) -> Mapping[str, tuple[Any, ...]]:
    """Property → the types that its value may have."""
    return {name: tuple(_own_types(kind)) for name, kind in _types.input_type_types(arguments).items()}


@cache
def _required(arguments: type) -> tuple[str, ...]:
    names = _types.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters  # type: ignore[misc]
    return tuple(
        names[parameter.name]
        for parameter in parameters.values()
        if parameter.default is inspect.Parameter.empty and parameter.name in names
    )


def _check(value: Any, expected: tuple[Any, ...], path: str) -> Iterator[Problem]:
    if value is None or is_unknown(value) or Any in expected or (is_asset(value) and _takes_assets(expected)):
        return
    for kind in expected:
        if typing.get_origin(kind) in (Sequence, list) and isinstance(value, list):
            element = _element(kind)
            for index, item in enumerate(value):
                yield from _check(item, element, f"{path}[{index}]")
            return
        if typing.get_origin(kind) in (Mapping, dict) and isinstance(value, dict):
            element = _element(kind)
            for key, item in value.items():
                yield from _check(item, element, f"{path}.{key}")
            return
        if isinstance(kind, type) and _types.is_input_type(kind) and isinstance(value, dict):
            yield from _check_object(value, kind, path)
            return
    if not any(_is_scalar(value, kind) for kind in expected):
        kinds = " or ".join(sorted({_described(kind) for kind in expected}))
        yield Problem(path, f"must be {kinds}, not {_described(type(value))}")


@cache
def _element(kind: Any) -> tuple[Any, ...]:
    """The types that an item of a list or map may have."""
    return tuple(_own_types(typing.get_args(kind)[-1]))


def _own_types(annotation: Any) -> list[Any]:
    """The types that a value may have once it is known: without None, Awaitable and Output."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [kind for member in typing.get_args(annotation) for kind in _own_types(member)]
    name = str(annotation)
    if annotation is type(None) or "Awaitable" in name.split("[")[0] or "pulumi.output.Output" in name.split("[")[0]:
        return []
    return [annotation]


def _is_scalar(value: Any, kind: Any) -> bool:
    """Whether a scalar fits, with the conversions that the real provider makes: `"true"`, `"1"`, 1."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return value in [member.value for member in kind]
    if kind is bool:
        return isinstance(value, bool) or value in ("true", "false")
    if kind in (int, float):
        return (isinstance(value, (int, float)) and not isinstance(value, bool)) or _is_number(value)
    if kind is str:
        return isinstance(value, (str, int, float, bool))
    return False


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) is not None


def _takes_assets(expected: tuple[Any, ...]) -> bool:
    return any(isinstance(kind, type) and issubclass(kind, Asset | Archive) for kind in expected)


def _described(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(str(member.value) for member in kind)
    if isinstance(kind, type) and issubclass(kind, Asset | Archive):
        return "a file"
    if typing.get_origin(kind) in (Sequence, list):
        return "a list"
    return NAMES.get(kind, "an object")
