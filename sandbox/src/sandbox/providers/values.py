"""Property values between the engine and Python."""

from pathlib import Path
from typing import Any

from google.protobuf import json_format, struct_pb2

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands for a value that is known after the update only (pulumi sdk/go/common/resource/plugin/rpc.go)."""

UNKNOWNS = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of a secret, not one
ASSET = "c44067f5952c0a294b673a41bacd8c17"
DEFAULTS = "__defaults"
"""Which inputs the real provider filled in itself."""


def is_unknown(value: object) -> bool:
    """Whether a value is not known yet."""
    return isinstance(value, str) and value in UNKNOWNS


def decode(properties: struct_pb2.Struct) -> dict[str, Any]:
    """The engine's properties as Python values: whole numbers as int, secrets unwrapped, no nulls."""
    return {key: _plain(value) for key, value in json_format.MessageToDict(properties).items() if value is not None}


def encode(properties: dict[str, Any]) -> struct_pb2.Struct:
    """Python values as the engine takes them."""
    struct = struct_pb2.Struct()
    struct.update(_serializable(properties))
    return struct


def is_asset(value: object) -> bool:
    """Whether a value is a file, or a text that stands for one."""
    return isinstance(value, dict) and value.get(SIGNATURE) == ASSET


def for_handler(value: Any) -> Any:
    """The value as a handler sees it: nothing unknown, an asset as its text or its file's path.

    Raises:
        FileNotFoundError: an asset's file is not there; a relative path begins where the server was started.
    """
    if is_asset(value):
        return str(Path(value["path"]).resolve(strict=True)) if value.get("path") else value.get("text", "")
    if isinstance(value, dict):
        return {key: for_handler(item) for key, item in value.items() if not is_unknown(item)}
    if isinstance(value, list):
        return [for_handler(item) for item in value if not is_unknown(item)]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return _plain(value.get("value"))
        return {key: _plain(item) for key, item in value.items() if item is not None and key != DEFAULTS}
    return value


def _serializable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _serializable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_serializable(item) for item in value]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
