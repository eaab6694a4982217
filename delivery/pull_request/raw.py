"""Every change, property by property, as a diff."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from delivery.pull_request.preview import Change
from releases.failure import shortened

LONGEST_VALUE = 400
"""Characters of one value."""
ORDER = ("replace", "delete", "update", "import", "create")
"""What matters most comes first, because the end may be cut."""
SIGNS = {"replace": "+-", "delete": "-", "update": "~", "import": "=", "create": "+"}
"""Pulumi's own."""


def lines(changes: Sequence[Change]) -> list[str]:
    """The diff of all changes, the weightiest first."""
    ordered = sorted(changes, key=lambda change: ORDER.index(change.action))
    return [line for change in ordered for line in _change(change)]


def _change(change: Change) -> Iterator[str]:
    yield f"{SIGNS[change.action]} {change.type} {change.name}"
    if change.action == "delete":
        return
    old, new = dict(_leaves(change.old)), dict(_leaves(change.new))
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        if path in old:
            yield f"-   {path}: {_shown(old[path])}"
        if path in new:
            yield f"+   {path}: {_shown(new[path])}"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path → value, of what is not a list or an object; JSON in a text is looked into."""
    value = _opened(value)
    if not path and not value:
        return
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def _opened(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return shortened(text.replace("\n", "\\n"), LONGEST_VALUE)
