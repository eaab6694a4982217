"""Where old and new inputs differ, as the provider compares them."""

import json
import re
from collections.abc import Iterator
from typing import Any

from sandbox.providers.values import is_unknown

NOTHING: tuple[Any, ...] = (None, [], {})
PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def same(old: Any, new: Any) -> bool:
    """Equality as the provider has it: `"1"` is 1, an empty list or map is none, a JSON document is what it says."""
    return next(differences(old, new), None) is None


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, bool, bool]]:
    """Property path, whether it was there, whether it will be; the deepest paths that tell of the difference."""
    if old in NOTHING and new in NOTHING:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from differences(old.get(key), new.get(key), _member(path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from differences(_item(old, index), _item(new, index), f"{path}[{index}]")
    elif is_unknown(new) or not _same_scalar(old, new):
        yield path, old not in NOTHING, new not in NOTHING


def _member(path: str, key: str) -> str:
    if not PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key)}]"
    return f"{path}.{key}" if path else key


def _item(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else None


def _same_scalar(old: Any, new: Any) -> bool:
    if isinstance(old, list | dict) or isinstance(new, list | dict) or old is None or new is None:
        return False
    if old == new or _text(old) == _text(new):
        return True
    document = _document(old)
    return document is not None and document == _document(new)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _document(value: Any) -> Any:
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None
