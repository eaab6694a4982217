"""Translates between Pulumi's property names and botocore's shapes.

Pulumi's AWS names are the API's names in another case, lists in the plural, one-element lists and
key/value lists flattened. Botocore's models therefore say how almost every property is sent; a
resource adds a table of `names` for the properties that are called otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Names = Mapping[str, str]
PAIRS = (("key", "value"), ("tagkey", "tagvalue"), ("name", "value"))


class UnsupportedInputError(ValueError):
    """An input that no API argument stands for; the message names it."""


def folded(name: str) -> str:
    """The part of a name that Pulumi and the API have in common: no case, no plural."""
    name = name.lower()
    if name.endswith("ies"):
        return name[:-3] + "y"
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def member(name: str, members: Any, names: Names) -> str | None:
    """The API member a Pulumi property stands for, or None."""
    for candidate in (names.get(name, name), name):
        if candidate in members:
            return str(candidate)
        match = next((str(m) for m in members if folded(str(m)) == folded(candidate)), None)
        if match is not None:
            return match
    return None


def encode(shape: Any, value: Any, names: Names, where: str) -> Any:
    """`value` as botocore wants it for `shape`. `where` names the property in errors."""
    match shape.type_name:
        case "structure" if getattr(shape, "is_document_type", False):
            return json.loads(value) if isinstance(value, str) else value
        case "structure":
            return _structure(shape, value, names, where)
        case "list":
            if isinstance(value, dict) and _pair(shape.member) is not None:
                key, val = _pair(shape.member) or ("", "")
                return [{key: k, val: text(v)} for k, v in value.items()]
            items = value if isinstance(value, list) else [value]
            return [encode(shape.member, item, names, f"{where}[{i}]") for i, item in enumerate(items)]
        case "map":
            return {k: encode(shape.value, v, names, f"{where}.{k}") for k, v in value.items()}
        case "boolean":
            return text(value) == "true"
        case "integer" | "long":
            return _as_int(value, where)
        case "float" | "double":
            return float(value)
        case "string":
            return json.dumps(value) if isinstance(value, dict | list) else text(value)
    return value


def encode_inputs(shape: Any, inputs: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """The arguments for `inputs`; an input without an argument raises UnsupportedInputError."""
    encoded: dict[str, Any] = _structure(shape, dict(inputs), names, "")
    return encoded


def reported(actual: Any, like: Any, names: Names) -> Any:
    """What AWS reports (`actual`) in the shape of the property `like`.

    The very property when both mean the same, so an unchanged resource has no difference:
    defaults that AWS adds, another order, "1" for 1 and the layout of JSON documents do not count.
    """
    if isinstance(like, dict) and isinstance(actual, list):
        if actual and not _pairs(actual):
            actual = actual[0]
        elif _pairs(actual) or not actual:
            actual = _dictionary(actual)
            return like if _same(actual, like) else actual
    if isinstance(like, dict) and isinstance(actual, Mapping):
        return _reported_object(actual, like, names)
    if isinstance(like, list):
        return _reported_list(actual if isinstance(actual, list) else [actual], like, names)
    if isinstance(actual, Mapping) and not isinstance(like, dict) and len(actual) >= 1:
        actual = next((v for k, v in actual.items() if folded(k) in ("name", "key")), actual)
    if isinstance(like, str) and _json(like) is not None:
        document = actual if isinstance(actual, Mapping) else _json(actual)
        if _same(_json(like), document):
            return like
        return json.dumps(actual) if isinstance(actual, Mapping) else actual
    if text(actual) == text(like):
        return like
    return _typed(actual, like)


def text(value: Any) -> str:
    """A scalar as AWS writes it: true, 3, 0.5."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _structure(shape: Any, value: Any, names: Names, where: str) -> dict[str, Any]:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and len(shape.required_members) == 1:
        return {shape.required_members[0]: value}
    if not isinstance(value, dict):
        raise UnsupportedInputError(f"{where}: expected an object, got {value!r}")
    sent: dict[str, Any] = {}
    for name, item in value.items():
        path = f"{where}.{name}".lstrip(".")
        target = member(name, shape.members, names)
        if target is None:
            raise UnsupportedInputError(f"{path}: not an argument of {shape.name}")
        sent[target] = encode(shape.members[target], item, names, path)
    return sent


def _as_int(value: Any, where: str) -> int:
    try:
        return int(float(value))
    except (TypeError, ValueError):
        raise UnsupportedInputError(f"{where}: expected a number, got {value!r}") from None


def _pair(shape: Any) -> tuple[str, str] | None:
    """The members of a key/value structure."""
    if shape.type_name != "structure" or len(shape.members) < 2:
        return None
    lower = {m.lower(): m for m in shape.members}
    return next(((lower[k], lower[v]) for k, v in PAIRS if k in lower and v in lower), None)


def _pairs(items: list[Any]) -> bool:
    key_sets = [{k.lower() for k in item} for item in items if isinstance(item, Mapping)]
    return bool(key_sets) and all(any(set(pair) == keys for pair in PAIRS) for keys in key_sets)


def _dictionary(items: list[Any]) -> dict[str, Any]:
    result = {}
    for item in items:
        lower = {k.lower(): v for k, v in item.items()}
        key = next(k for k, _ in PAIRS if k in lower)
        result[str(lower[key])] = lower["tagvalue" if key == "tagkey" else "value"]
    return result


def _reported_object(actual: Mapping[str, Any], like: dict[str, Any], names: Names) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in like.items():
        source = member(name, actual, names)
        if source is not None:
            result[name] = reported(actual[source], value, names)
        elif value in (False, "", [], {}, None):
            result[name] = value
    return like if result == like else result


def _reported_list(actual: list[Any], like: list[Any], names: Names) -> list[Any]:
    """Elements that were declared keep their place; the others take their properties from the declared."""
    remaining, values = list(actual), []
    for declared in like:
        match = next((a for a in remaining if reported(a, declared, names) == declared), None)
        if match is not None:
            remaining.remove(match)
            values.append(declared)
    if not remaining and len(values) == len(like):
        return like
    template = _template(like)
    return [next((w for w in like if reported(a, w, names) == w), None) or reported(a, template, names) for a in actual]


def _template(like: list[Any]) -> Any:
    if like and all(isinstance(item, dict) for item in like):
        return {k: v for item in like for k, v in item.items()}
    return like[0] if like else ""


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, Mapping | list) or isinstance(right, Mapping | list):
        return False
    return text(left) == text(right)


def _json(value: Any) -> Any:
    """The parsed document of a text that holds a JSON object or array, else None."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def _typed(actual: Any, like: Any) -> Any:
    """A scalar in the type the property has."""
    if isinstance(like, bool):
        return text(actual) == "true"
    if isinstance(like, int | float) and isinstance(actual, str):
        try:
            return float(actual) if "." in actual else int(actual)
        except ValueError:
            return actual
    return actual
