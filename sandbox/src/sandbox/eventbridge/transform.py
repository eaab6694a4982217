"""EventBridge's input to a target: constant, path or input transformer. Pure.

Source: EventBridge User Guide, "Amazon EventBridge input transformation".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_VARIABLE = re.compile(r"<([A-Za-z0-9_.\-]+)>")
_STEP = re.compile(r"\.([\w\-/]+)|\['([^']+)'\]|\[(\d+|\*)\]")
_MISSING = object()


class TransformError(ValueError):
    """An input that cannot be made: a path or template which EventBridge would not accept."""


def target_input(target: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    """The text that a target receives: the event itself unless the target declares another input."""
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        value = lookup(event, str(target["InputPath"]))
        return json.dumps(None if value is _MISSING else value)
    transformer = target.get("InputTransformer")
    if transformer:
        paths = transformer.get("InputPathsMap") or {}
        return apply_template(str(transformer["InputTemplate"]), paths, event, rule_arn)
    return json.dumps(event)


def apply_template(
    template: str, paths: Mapping[str, str], event: Mapping[str, Any], rule_arn: str, ingested: str = ""
) -> str:
    """Fill ``<variables>``: JSON outside of JSON strings, escaped text inside them.

    A path that the event does not have gives the empty string. Raises ``TransformError`` for a variable that
    nobody defined.
    """
    values = {name: lookup(event, path) for name, path in paths.items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rpartition("/")[2],
        "aws.events.event.ingestion-time": ingested or event.get("time", ""),
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": dict(event),
    }
    parts: list[str] = []
    position, quoted = 0, False
    for match in _VARIABLE.finditer(template):
        literal = template[position : match.start()]
        parts.append(literal)
        quoted = _in_string(literal, quoted)
        position = match.end()
        if match.group(1) not in values:
            raise TransformError(f"the input template uses <{match.group(1)}>, which InputPathsMap lacks")
        parts.append(_render(values[match.group(1)], quoted))
    return "".join([*parts, template[position:]])


def lookup(event: Any, path: str) -> Any:
    """The value at ``$.a.b[0].c``; ``[*]`` collects a list. Raises ``TransformError`` for other syntax."""
    if not path.startswith("$"):
        raise TransformError(f"{path!r} is not a JSON path")
    steps, position = [], 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise TransformError(f"{path!r} is not a JSON path that EventBridge supports")
        steps.append(match.group(1) or match.group(2) or match.group(3))
        position = match.end()
    return _walk(event, steps)


def _walk(node: Any, steps: list[str]) -> Any:
    for index, step in enumerate(steps):
        if step == "*" and isinstance(node, list):
            values = [_walk(item, steps[index + 1 :]) for item in node]
            return [item for item in values if item is not _MISSING]
        if isinstance(node, Mapping) and step in node:
            node = node[step]
        elif isinstance(node, list) and step.isdigit() and int(step) < len(node):
            node = node[int(step)]
        else:
            return _MISSING
    return node


def _in_string(literal: str, quoted: bool) -> bool:
    """Whether a JSON string is open after ``literal``."""
    for character in re.findall(r"\\.|\"", literal, re.DOTALL):
        if character == '"':
            quoted = not quoted
    return quoted


def _render(value: Any, quoted: bool) -> str:
    if value is _MISSING:
        value = ""
    if not quoted:
        return json.dumps(value)
    text = value if isinstance(value, str) else json.dumps(value)
    return json.dumps(text)[1:-1]
