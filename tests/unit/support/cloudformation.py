"""What a stack declares as a CloudFormation template, for AWS's linter.

Types and properties are found by name in the schemas that cfn-lint brings; `cloudformation_names` has the exceptions.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from cfnlint.api import ManualArgs, lint
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from cloudformation_names import (
    ABSENT,
    MODULES,
    NAMED_BY_THE_PROVIDER,
    PARTS,
    PROPERTIES,
    REQUIRED_ELSEWHERE,
    TYPES,
    As,
    Left,
)

REGION = "ap-northeast-1"
IGNORED = ("W", "I")
"""Warnings and information: they are about templates, such as an ARN in place of a reference."""

Json = dict[str, Any]
Schema = Mapping[str, Any]
Declared = tuple[str, str, Mapping[str, Any]]
"""Type token, name and inputs of a resource."""


class NotMapped(Exception):
    """A type or property that CloudFormation does not have under its name: `cloudformation_names` needs a row."""


def template(resources: Iterable[Declared]) -> Json:
    """A template with every resource that CloudFormation has. Raises ``NotMapped``."""
    made: dict[str, Json] = {}
    for token, name, inputs in resources:
        if token in ABSENT:
            continue
        logical = re.sub("[^A-Za-z0-9]", "", f"{token.rpartition(':')[2]}{name}")
        assert logical not in made, logical
        made[logical] = resource(token, inputs)
        if made[logical]["Properties"].get("PolicyName") == NAMED_BY_THE_PROVIDER:
            made[logical]["Properties"]["PolicyName"] = logical  # the provider's names differ as well
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": made}


def resource(token: str, inputs: Mapping[str, Any]) -> Json:
    """One resource of a template. Raises ``NotMapped``."""
    if token in PARTS:
        typ, part = PARTS[token]
        root = _schema(typ)
        schema = _resolved(root, root["properties"][part])
        is_list = schema.get("type") == "array"
        made = {
            **REQUIRED_ELSEWHERE.get(token, {}),
            **_object(typ, root, _resolved(root, schema["items"]) if is_list else schema, inputs, part),
        }
        properties: Json = {part: [made] if is_list else made}
    else:
        typ = type_of(token)
        root = _schema(typ)
        properties = _object(typ, root, root, inputs, "")
    return {"Type": typ, "Properties": {**REQUIRED_ELSEWHERE.get(typ, {}), **properties}}


def mistakes(resources: Iterable[Declared]) -> list[str]:
    """What cfn-lint finds: rule, path and words."""
    found = lint(
        json.dumps(template(resources), ensure_ascii=False),
        config=ManualArgs(regions=[REGION], ignore_checks=list(IGNORED), format="quiet"),
    )
    return sorted(
        f"{match.rule.id} {'/'.join(map(str, getattr(match, 'path', [])))}: {match.message}" for match in found
    )


def type_of(token: str) -> str:
    """The CloudFormation type of a provider's type. Raises ``NotMapped``."""
    if token in TYPES:
        return TYPES[token]
    module, _, name = token.removeprefix("aws:").partition("/")
    services = [service.lower() for service in MODULES.get(module, (module,))]
    wanted = name.rpartition(":")[2].lower()
    for typ in PROVIDER_SCHEMA_MANAGER.get_resource_types(REGION):
        vendor, service, kind = typ.split("::", 2) if typ.count("::") == 2 else ("", "", "")
        if vendor == "AWS" and service.lower() in services and kind.lower() == wanted:
            return str(typ)
    raise NotMapped(f"CloudFormation has no type like {token}")


def _schema(typ: str) -> Schema:
    schema: Schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, typ).schema
    return schema


def _resolved(root: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _object(typ: str, root: Schema, schema: Schema, inputs: Mapping[str, Any], path: str) -> Json:
    made: Json = {}
    for key, value in inputs.items():
        if value is None or key.startswith("__") or key in ("tagsAll", "region"):
            continue
        here = f"{path}.{key}" if path else key
        to = PROPERTIES.get((typ, here)) or As(_property(typ, schema, key, here))
        if isinstance(to, Left):
            continue
        value = to.convert(value)
        if not to.path:
            made |= _object(typ, root, schema, value, here)
            continue
        _put(made, to.path.split("."), _value(typ, root, _at(root, schema, to.path), value, here))
    return made


def _property(typ: str, schema: Schema, key: str, path: str) -> str:
    """The property with the name of an input, or with its type's before it (``AlarmName``) or in another number."""
    computed = schema.get("readOnlyProperties", ())
    names = [str(name) for name in schema.get("properties", {}) if f"/properties/{name}" not in computed]
    known = {name.lower(): name for name in names}
    lower, kind = key.lower(), typ.rpartition("::")[2]
    singular = f"{lower[:-3]}y" if lower.endswith("ies") else lower.removesuffix("s")
    candidates = [lower, f"{lower}s", singular, f"{singular}list", f"{lower}list", f"{lower}map", f"{lower}document"]
    if lower == "name":
        candidates += [f"{part.lower()}name" for part in (kind, re.findall("[A-Z][a-z]*", kind)[-1])]
    elif lower in ("user", "role"):
        candidates.append(f"{lower}name")
    found = next((known[name] for name in candidates if name in known), None)
    if found is None:
        raise NotMapped(f"{typ} has no property like {path}: {', '.join(sorted(known.values()))}")
    return found


def _at(root: Schema, schema: Schema, path: str) -> Schema:
    for part in path.split("."):
        schema = _resolved(root, schema)["properties"].get(part, {})
    return _resolved(root, schema)


def _put(made: Json, path: list[str], value: Any) -> None:
    for part in path[:-1]:
        made = made.setdefault(part, {})
    known = made.get(path[-1])
    if isinstance(known, list) and isinstance(value, list):
        known.extend(value)
    elif isinstance(known, dict) and isinstance(value, dict):
        known.update(value)
    else:
        made[path[-1]] = value


def _value(typ: str, root: Schema, schema: Schema, value: Any, path: str) -> Any:
    kinds = schema.get("type", ())
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if (isinstance(value, str) and kinds & {"object", "array"} and "string" not in kinds | {""}) or (
        isinstance(value, str) and kinds == {"object", "string"}
    ):
        value = _parsed(value)
    if "array" in kinds:
        return _list(typ, root, _resolved(root, schema.get("items", {})), value, path)
    if "object" in kinds and isinstance(value, list) and len(value) == 1:
        value = value[0]
    if "object" in kinds and isinstance(value, Mapping):
        free = not schema.get("properties")
        return dict(value) if free else _object(typ, root, schema, value, path)
    return _scalar(kinds, value)


def _list(typ: str, root: Schema, item: Schema, value: Any, path: str) -> list[Any]:
    names = set(item.get("properties", {}))
    if isinstance(value, Mapping) and {"Value"} < names <= {"Key", "Name", "Value"}:
        (key,) = names - {"Value"}
        return [{key: name, "Value": given} for name, given in value.items()]
    items = value if isinstance(value, list) else [value]
    alone = next(iter(item.get("required", names)), None) if names else None
    return [
        {alone: given} if alone and not isinstance(given, Mapping) else _value(typ, root, item, given, path)
        for given in items
    ]


def _scalar(kinds: set[str], value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (Mapping, list)):
        return value
    if kinds == {"string"} and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kinds <= {"integer", "number"} and kinds and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return value


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
