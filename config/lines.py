"""A stack file: its values, on which line a key is, and which values are in plain text.

The engine gives a program values without lines, and says `secret` of a whole top-level key as soon as one value in it
is encrypted (`Value.Secure` in pulumi/sdk/go/common/resource/config/value.go).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import pulumi
import yaml
from pulumi.runtime.config import CONFIG, get_config_env

from config.layers import NAMESPACE

YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LAST_PART = re.compile(r"(\.[^.\[]*|\[[^\[]*)$")
OF_ALL_STACKS = re.compile(rf"config\.{NAMESPACE}:(common)(?:\.(?:value|default))?(?=\.|$)")
"""How a path begins in `Pulumi.yaml` of what it says for every stack."""


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


class Line(NamedTuple):
    """A line of a file, whose name is said of another one than the stack file only."""

    file: str
    number: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.number}" if self.file else f"line {self.number}"


@dataclass(frozen=True)
class StackLines:
    """Lines and plain values by key path, such as `services.hello.routes[0].host` or `aws:region`."""

    lines: dict[str, Line] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path, project: Path | None = None) -> Self:
        """Those of a file; none where it is not there or no YAML, which the engine says better.

        Args:
            file: the stack file.
            project: `Pulumi.yaml`, of which a stack has the key `common`, unless its own file has it.
        """
        stack_lines = cls()
        for path, line, node in _walk(_composed(file), ""):
            key = path.removeprefix("config.").removeprefix(f"{NAMESPACE}:")
            stack_lines.lines.setdefault(key, Line("", line))
            if isinstance(node, yaml.ScalarNode):
                stack_lines.plain.setdefault(key, node.value)
        if project is not None and "common" not in stack_lines.lines:
            for path, line, _ in _walk(_composed(project), ""):
                if OF_ALL_STACKS.match(path):
                    stack_lines.lines.setdefault(OF_ALL_STACKS.sub(r"\1", path), Line(project.name, line))
        return stack_lines

    def line(self, path: str) -> Line | None:
        """Where a key is, or what it would stand below; None where no part of it is there."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = LAST_PART.sub("", path) if LAST_PART.search(path) else ""
        return None


def _composed(file: Path) -> Any:
    try:
        return yaml.compose(file.read_text(encoding="utf-8"), Loader=YAML_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
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
