"""The JSON Schemas of the stack files and of `Pulumi.yaml`, for editors: `make docs` writes them anew from
`config/stack_file.py`.

Each of these files names its own in its first line, which editors with the YAML language server read.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config.layers import NAMESPACE
from config.pull_request_stack import PLACEHOLDER
from config.schema_rules import rules
from config.service import Service
from config.settings import SECRET_KEYS
from config.stack_file import StackFile

FILE = Path(__file__).parents[1] / "stack_file.schema.json"
PROJECT_FILE = FILE.with_name("project_file.schema.json")
DIALECT = "https://json-schema.org/draft/2020-12/schema"
NULL: dict[str, Any] = {"type": "null"}
ENCRYPTED: dict[str, Any] = {
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}
"""A value as `pulumi config set --secret` writes it."""
BY_SERVICE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": "object", "additionalProperties": ENCRYPTED},
}


def document() -> dict[str, Any]:
    """The schema of a whole stack file."""
    stack = StackFile.model_json_schema()
    keys = {f"{NAMESPACE}:{key}": schema for key, schema in stack["properties"].items()}
    secrets = {f"{NAMESPACE}:{key}": BY_SERVICE if key == "secrets" else ENCRYPTED for key in SECRET_KEYS}
    config = {
        "type": "object",
        "properties": {**keys, **secrets},
        "patternProperties": {f"^(?!{NAMESPACE}:).*$": {}},
        "additionalProperties": False,
        "required": [f"{NAMESPACE}:domain"],
    }
    return {
        "$schema": DIALECT,
        "title": "A stack file of fargate-delivery",
        "type": "object",
        "properties": {"config": _closed(config)},
        "required": ["config"],
        "$defs": _closed(_with_rules(_in_parts(_with_placeholder(stack["$defs"])))),
    }


def project_document() -> dict[str, Any]:
    """The schema of `Pulumi.yaml`, as far as it says what every stack has."""
    value = {"$ref": f"{FILE.name}#/$defs/Common"}
    common = {
        "type": "object",
        "properties": {"description": {"type": "string"}, "value": value},
        "required": ["value"],
    }
    keys = {f"{NAMESPACE}:common": {**common, "additionalProperties": False}}
    return {
        "$schema": DIALECT,
        "title": "Pulumi.yaml of fargate-delivery",
        "type": "object",
        "properties": {"config": {"type": "object", "properties": keys}},
    }


def _in_parts(definitions: dict[str, Any]) -> dict[str, Any]:
    """A service is said in parts (`config/layers.py`): any key may be in another one, and `null` takes one away.

    What is in a list is whole.
    """
    parts = {"Service", *_reached(definitions, definitions["Service"])}
    common = {key: value for key, value in definitions["Common"].items() if key != "required"}
    in_parts = {name: _part(schema) if name in parts else schema for name, schema in definitions.items()}
    return {**in_parts, "Common": common}


def _reached(definitions: dict[str, Any], schema: Any) -> Iterator[str]:
    """The models of a schema's keys, and of theirs."""
    if isinstance(schema, list):
        for each in schema:
            yield from _reached(definitions, each)
    elif isinstance(schema, dict):
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            yield name
            yield from _reached(definitions, definitions[name])
        for key, below in schema.items():
            if key != "items":
                yield from _reached(definitions, below)


def _part(model: dict[str, Any]) -> dict[str, Any]:
    properties = {key: _or_null(schema) for key, schema in model.get("properties", {}).items()}
    return {**{key: value for key, value in model.items() if key != "required"}, "properties": properties}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A key's schema, which `null` fits too; so do the keys of several strategies where it is not said which."""
    about: dict[str, Any] = {key: schema[key] for key in ("title", "description", "default") if key in schema}
    rest = {key: value for key, value in schema.items() if key not in about}
    if isinstance(below := rest.get("additionalProperties"), dict):
        rest["additionalProperties"] = _or_null(below)
    if "patternProperties" in rest:
        rest["patternProperties"] = {name: _or_null(below) for name, below in rest["patternProperties"].items()}
    choices = next((rest[key] for key in ("anyOf", "oneOf") if rest.keys() == {key}), [rest])
    return {**about, "anyOf": [*choices, *([] if NULL in choices else [NULL])]}


def _with_placeholder(definitions: Any) -> Any:
    """Texts of a service may have a pull request's number in them, and fit when it is put in."""
    of_services = {"Service", *Service.model_json_schema()["$defs"]}

    def walk(schema: Any) -> Any:
        if isinstance(schema, list):
            return [walk(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        schema = {key: value if key == "propertyNames" else walk(value) for key, value in schema.items()}
        if isinstance(pattern := schema.get("pattern"), str):
            del schema["pattern"]
            schema["anyOf"] = [{"pattern": pattern}, {"pattern": re.escape(PLACEHOLDER)}]
        return schema

    return {name: walk(schema) if name in of_services else schema for name, schema in definitions.items()}


def _with_rules(definitions: Any) -> Any:
    """With what holds between the keys of a model."""
    return definitions | {name: {**definitions[name], "allOf": of_it} for name, of_it in rules().items()}


def _closed(schema: Any) -> Any:
    """No names but those that fit: pydantic refuses the others, and JSON Schema would let them pass."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **closed} if "patternProperties" in closed else closed


if __name__ == "__main__":
    for file, schema in ((FILE, document()), (PROJECT_FILE, project_document())):
        file.write_text(json.dumps(schema, indent=1) + "\n", encoding="utf-8")
