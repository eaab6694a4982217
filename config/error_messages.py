"""What is wrong with a pydantic value, in words: `key.path: the problem`, never with a secret's value."""

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from components.suggestions import description, keys_of, path_in_file, suggestion
from components.types import PATTERN_MESSAGES

MAX_VALUE_LENGTH = 60
"""Characters of a wrong value."""
EXPECTED_TYPES = {
    "dict_type": "must be keys, each with its value",
    "model_type": "must be keys, each with its value",
    "list_type": "must be a list",
}
"""pydantic's kinds of errors, in other words than its own."""
NUMBER_TEXT = re.compile(r"\d+(\.\d+)?")


def format_error(error: Any, model: type[BaseModel]) -> str:
    """One pydantic error as `key.path: what is wrong`."""
    place = path_in_file(model, error["loc"])
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    path = path.removesuffix(".[key]")
    value, kind = error["input"], error["type"]
    if kind == "union_tag_invalid":
        kinds = error["ctx"]["expected_tags"].replace(", ", " or ")
        return f"{path}.strategy: {value['strategy']!r} is not allowed: input should be {kinds}"
    if kind == "missing":
        return f"{path}: is missing{description(model, error['loc'])}"
    if kind == "extra_forbidden":
        *place, key = error["loc"]
        return f"{path}: there is no such key{suggestion(str(key), keys_of(model, place))}"
    message = PATTERN_MESSAGES[error["ctx"]["pattern"]] if kind == "string_pattern_mismatch" else error["msg"]
    message = EXPECTED_TYPES.get(kind, message.removeprefix("Value error, "))
    message = message[:1].lower() + message[1:] + _hint(kind, value, keys_of(model, error["loc"]))
    if value is None or (value == "" and kind in EXPECTED_TYPES):
        return f"{path}: is empty: {message}"
    if isinstance(value, (str, int, float)):
        shown = repr(value) if isinstance(value, str) else json.dumps(value)
        shown = shown if len(shown) <= MAX_VALUE_LENGTH else f"{shown[:MAX_VALUE_LENGTH]}…"
        return f"{path}: {shown} is not allowed: {message}"
    return f"{path}: {message}"


def _hint(kind: str, value: Any, keys: Sequence[str]) -> str:
    """What to write where a value's type is wrong, as far as it shows in what was written."""
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "; put what stands there into quotes"
    if kind in ("int_type", "float_type", "literal_error") and isinstance(value, str) and NUMBER_TEXT.fullmatch(value):
        return f"; write it without quotes, {value}"
    if kind == "bool_type":
        return ", true or false"
    if kind == "list_type" and isinstance(value, str) and value:
        return f", as in [{', '.join(value.split())}]"
    return f"; they are {', '.join(keys)}" if kind == "model_type" and keys else ""
