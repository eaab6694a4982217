"""Every change, property by property, as a diff."""

import difflib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from delivery.pull_request.preview import Change
from releases.failure import shortened

LONGEST_VALUE = 400
"""Characters of one value."""
ORDER = ("replace", "delete", "update", "import", "create")
"""What matters most comes first, because the end may be cut."""
SIGNS = {"replace": "+-", "delete": "-", "update": "~", "import": "=", "create": "+"}
"""Pulumi's own."""
NAMES = ("Sid", "name", "key")
"""Fields that tell the items of a list apart."""


def lines(changes: Sequence[Change]) -> list[str]:
    """The diff of all changes, the weightiest first."""
    ordered = sorted(changes, key=lambda change: ORDER.index(change.action))
    return [line for change in ordered for line in _change(change)]


def _change(change: Change) -> Iterator[str]:
    yield f"{SIGNS[change.action]} {change.type} {change.name}"
    if change.action != "delete":
        yield from _differences("", change.old, change.new)


def _differences(path: str, old: Any, new: Any) -> Iterator[str]:
    """What differs, by paths; JSON in a text is looked into. None is nothing there."""
    old, new = _opened(old), _opened(new)
    there = [side for side in (old, new) if side is not None]
    if old == new:
        return
    if all(isinstance(side, dict) for side in there) and any(there):
        yield from _of_fields(path, old or {}, new or {})
    elif all(isinstance(side, list) for side in there) and any(there):
        yield from _of_items(path, old or [], new or [])
    elif len(there) > 1:
        yield from _differences(path, old, None)
        yield from _differences(path, None, new)
    else:
        yield f"{'-' if new is None else '+'}   {path}: {_shown(there[0])}"


def _of_fields(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(old.keys() | new.keys()):
        yield from _differences(f"{path}.{key}" if path else key, old.get(key), new.get(key))


def _of_items(path: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    """Items that have names are told by them, and what comes and goes of a list of texts by itself: an item more is not
    a change of all that are behind it."""
    if not any(isinstance(_opened(item), dict | list) for item in (*old, *new)):
        before, after = ([_shown(item) for item in items] for items in (old, new))
        told = itertools.islice(difflib.unified_diff(before, after, n=0, lineterm=""), 2, None)  # below its head
        yield from (f"{line[0]}   {path}[]: {line[1:]}" for line in told if line[0] in "+-")
    elif (were := _named(old)) is not None and (are := _named(new)) is not None:
        if were == are:
            yield f"~   {path}: in another order"
        for name in sorted(were.keys() | are.keys()):
            yield from _differences(f"{path}[{name}]", were.get(name), are.get(name))
    else:
        for index, (one, other) in enumerate(itertools.zip_longest(old, new)):
            yield from _differences(f"{path}[{index}]", one, other)


def _named(items: Sequence[Any]) -> dict[str, Any] | None:
    """The items by their names; None where not all have one of their own."""
    for key in NAMES:
        if all(isinstance(item, dict) and isinstance(item.get(key), str) for item in items):
            named = {item[key]: item for item in items}
            return named if len(named) == len(items) else None
    return None


def _opened(value: Any) -> Any:
    """A value, or what a text holds that is JSON, maybe below a comment of YAML's."""
    if not isinstance(value, str):
        return value
    comment, text = ("", value) if value[:1] != "#" else value.partition("\n")[::2]
    if text[:1] not in ("{", "["):
        return value
    try:
        parsed = json.loads(text)
    except ValueError:
        return value
    return {"#": comment.lstrip("# "), **parsed} if comment and isinstance(parsed, dict) else parsed


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return shortened(text.replace("\n", "\\n"), LONGEST_VALUE)
