"""A stack file: its values, on which line a key is, and which values are in plain text.

The engine gives a program values without lines, and says `secret` of a whole top-level key as soon as one value in it
is encrypted (`Value.Secure` in pulumi/sdk/go/common/resource/config/value.go).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pulumi
import yaml
from pulumi.runtime.config import CONFIG, get_config_env

from config.error_messages import NAMESPACE

YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LAST_PART = re.compile(r"(\.[^.\[]*|\[[^\[]*)$")


def read_keys(namespace: str) -> dict[str, Any]:
    """The keys that a stack file has of a namespace, with their values: a text where one is no JSON.

    `pulumi.Config` answers only for keys that one knows.
    """
    config, prefix = pulumi.Config(namespace), f"{namespace}:"
    values: dict[str, Any] = {}
    for key in sorted({**CONFIG.get(), **get_config_env()}):
        if key.startswith(prefix):
            name = key.removeprefix(prefix)
            try:
                values[name] = config.get_object(name)
            except pulumi.ConfigTypeError:
                values[name] = config.get(name)
    return values


@dataclass(frozen=True)
class StackLines:
    """Lines and plain values by key path, such as `services.hello.routes[0].host` or `aws:region`."""

    lines: dict[str, int] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Those of a file; none where it is not there or no YAML, which the engine says better."""
        try:
            document = yaml.compose(file.read_text(encoding="utf-8"), Loader=YAML_LOADER)
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            return cls()
        stack_lines = cls()
        for path, line, node in _walk(document, ""):
            key = path.removeprefix("config.").removeprefix(f"{NAMESPACE}:")
            stack_lines.lines.setdefault(key, line)
            if isinstance(node, yaml.ScalarNode):
                stack_lines.plain.setdefault(key, node.value)
        return stack_lines

    def line(self, path: str) -> int | None:
        """Where a key is, or what it would stand below; None where no part of it is there."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = LAST_PART.sub("", path) if LAST_PART.search(path) else ""
        return None


def _walk(node: Any, path: str) -> Iterator[tuple[str, int, Any]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = f"{path}.{key.value}" if path else str(key.value)
            yield below, key.start_mark.line + 1, value
            yield from _walk(value, below)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            below = f"{path}[{index}]"
            yield below, value.start_mark.line + 1, value
            yield from _walk(value, below)
