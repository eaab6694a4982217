"""Stack files as YAML: read as Pulumi reads it; an error names the line."""

from pathlib import Path
from typing import Any

import yaml


class NotYamlError(Exception):
    """Why a file cannot be read; the message goes on after the file's name."""


class Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """YAML as Pulumi reads it: a key that is there twice is an error, not the last one's."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                raise yaml.YAMLError(
                    f'line {line}: mapping key "{key.value}" already defined at line {lines[key.value]}'
                )
            if isinstance(key.value, str):
                lines[key.value] = line
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def read(file: Path) -> dict[str, Any]:
    """A file's keys and values.

    Raises:
        NotYamlError: it is not YAML, or not an object.
    """
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), Loader) or {}  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        raise NotYamlError(f"is not valid YAML: {_explained(error)}") from None
    except UnicodeDecodeError as error:
        raise NotYamlError(f"is not text in UTF-8: {error}") from None
    if not isinstance(document, dict):
        raise NotYamlError("must be an object")
    return document


def _explained(error: yaml.YAMLError) -> str:
    """What is wrong, on which line, and the line itself with a caret below the place."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    line = mark.buffer.rstrip("\0").splitlines()[mark.line] if mark.buffer else ""
    problem = str(error.problem)
    if "\t" in line[: mark.column + 1]:
        problem = "there is a tab; YAML is indented with spaces"
    elif problem.startswith("expected <block end>"):
        problem = "this is not indented as what it goes on with, or is no item of the list before it"
    before = "".join("\t" if character == "\t" else " " for character in line[: mark.column])
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}\n  {line}\n  {before}^"
