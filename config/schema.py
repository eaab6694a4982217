"""The JSON Schema of the stack files, for editors: `make docs` writes it anew from `config/stack_file.py`.

Every `Pulumi.<stack>.yaml` names it in its first line, which editors with the YAML language server read.
"""

import json
import re
from pathlib import Path
from typing import Any

from config.error_messages import NAMESPACE
from config.pull_request_stack import PLACEHOLDER
from config.schema_rules import rules
from config.service import Service
from config.settings import SECRET_KEYS
from config.stack_file import Stack

FILE = Path(__file__).parents[1] / "stack_file.schema.json"
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
    stack = Stack.model_json_schema()
    keys = {f"{NAMESPACE}:{key}": schema for key, schema in stack["properties"].items()}
    secrets = {f"{NAMESPACE}:{key}": BY_SERVICE if key == "secrets" else ENCRYPTED for key in SECRET_KEYS}
    config = {
        "type": "object",
        "properties": {**keys, **secrets},
        "patternProperties": {f"^(?!{NAMESPACE}:).*$": {}},
        "additionalProperties": False,
        "required": [f"{NAMESPACE}:{key}" for key in stack["required"]],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stack file of fargate-delivery",
        "type": "object",
        "properties": {"config": _closed(config)},
        "required": ["config"],
        "$defs": _closed(_with_rules(_with_placeholder(stack["$defs"]))),
    }


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
    FILE.write_text(json.dumps(document(), indent=1) + "\n", encoding="utf-8")
