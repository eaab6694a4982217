"""What a stack file and `Pulumi.yaml` say, read without the engine."""

import json
from pathlib import Path
from typing import Any

import yaml

from releases.errors import DeliveryError


def read_config(folder: Path, stack: str) -> dict[str, Any]:
    """The stack file's `config`, and each key that only `Pulumi.yaml`'s has, as Pulumi puts them together.

    Args:
        folder: the program's, with `Pulumi.yaml`.
        stack: the stack.

    Raises:
        DeliveryError: there is no such file, or it is none, or `Pulumi.yaml` is none.
    """
    file = folder / f"Pulumi.{stack}.yaml"
    if not file.is_file():
        there = ", ".join(stacks_in(folder))
        raise DeliveryError(f"there is no {file.name} in {folder}; the stacks are: {there}")
    document, project = _document(file), _document(folder / "Pulumi.yaml")
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise DeliveryError(f"{file.name} has no keys below `config:`; another stack's file shows what it looks like")
    of_all = {key: _of_all(declared) for key, declared in (project.get("config") or {}).items()}
    said = [item for item in of_all.items() if item[1] is not None] + list(config.items())
    # The project's name may be left out before a key.
    return {key if ":" in str(key) else f"{project['name']}:{key}": _read(value) for key, value in said}


def stacks_in(folder: Path) -> list[str]:
    """The stacks that have a stack file in a folder, sorted."""
    return sorted(path.name.split(".")[1] for path in folder.glob("Pulumi.*.yaml"))


class _EachKeyOnce(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML says no types
    """Refuses a key that is there twice, as Pulumi does: of two YAML's own rule takes the last one, without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for key, _ in node.value:
            if key.value in seen:
                mark = key.start_mark
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} is there twice", mark)
            seen.add(key.value)
        return dict(super().construct_mapping(node, deep))


def _document(file: Path) -> Any:
    try:
        return yaml.load(file.read_text(encoding="utf-8"), _EachKeyOnce) or {}  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        raise DeliveryError(f"{file.name} is not YAML: {_where(error)}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DeliveryError(f"{file.name} is not YAML: {' '.join(str(error).split())}") from None


def _of_all(declared: Any) -> Any:
    """The value that `Pulumi.yaml` gives a key; None where it only describes it."""
    return declared.get("value", declared.get("default")) if isinstance(declared, dict) else declared


def _read(value: Any) -> Any:
    """A value as Pulumi has it: `pulumi config set` without `--path` writes lists and keys as JSON in a text."""
    if not isinstance(value, str) or value[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _where(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    hint = "; indent with spaces" if "'\\t'" in str(error.problem) else ""
    return f"{place}{error.problem}{hint}"
