"""Writes what commands print with `--json`, from the dataclasses themselves: `make docs`, docs/reference/json.md."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from delivery import commands
from delivery.command_line import JSON_OPTION

PAGE = Path(__file__).parent / "reference/json.md"

HEAD = """\
# What `--json` prints

`make docs` generates this page from the code. Each command prints one document: an object, or a list of objects.
New versions may add fields. Only a major version removes or renames fields. A field that may be null is always present.
"""
ENTRY = re.compile(r"^    (\w+): ", re.MULTILINE)


def page() -> str:
    """The whole page."""
    lines, told = [HEAD], set[type]()
    for verb, document in documents().items():
        lines.append(f"- `delivery {verb}`: {_type(document)}")
        told.update(part for kind in _parts(document) for part in _with_parts(kind))
    for kind in sorted(told, key=lambda each: each.__name__):
        lines.append(f"\n## {kind.__name__}\n\n{_summary(kind)}\n\n| field | type | |\n|---|---|---|")
        meanings, hints = _meanings(kind), typing.get_type_hints(kind)
        for field in dataclasses.fields(kind):
            if field.name not in meanings:
                raise LookupError(f"the docstring of {kind.__qualname__} does not say what {field.name} is")
            lines.append(f"| `{field.name}` | {_type(hints[field.name])} | {meanings[field.name]} |")
    return "\n".join(lines) + "\n"


def documents() -> dict[str, Any]:
    """Verb → what it prints, of each that has `--json`.

    Raises:
        LookupError: a command's module does not say it.
    """
    found = {}
    for module in pkgutil.iter_modules(commands.__path__):
        loaded = importlib.import_module(f"{commands.__name__}.{module.name}")
        name = loaded.command.name
        parts = loaded.command.commands if isinstance(loaded.command, click.Group) else {"": loaded.command}
        told = getattr(loaded, "DOCUMENTS", {"": getattr(loaded, "DOCUMENT", None)})
        for part, command in parts.items():
            if any(JSON_OPTION in parameter.opts for parameter in command.params):
                if told.get(part) is None:
                    raise LookupError(f"{loaded.__name__} has --json and no DOCUMENT that says what it prints")
                found[f"{name} {part}".strip()] = told[part]
    return found


def _meanings(kind: type) -> Mapping[str, str]:
    """Field → its meaning, of a class and of those that it is made of."""
    return {name: text for each in reversed(kind.__mro__) for name, text in fields_in(each.__doc__ or "").items()}


def fields_in(docstring: str) -> Mapping[str, str]:
    """Field → its meaning, of the `Attributes:` in a class's docstring."""
    attributes = inspect.cleandoc(docstring).partition("Attributes:\n")[2].partition("\n\n")[0]
    names, texts = ENTRY.findall(attributes), ENTRY.split(attributes)[2::2]
    return {name: re.sub(r"\bNone\b", "null", " ".join(text.split())) for name, text in zip(names, texts, strict=True)}


def _with_parts(kind: Any) -> Iterator[type]:
    """A dataclass and those that its fields are made of; nothing of another type."""
    if dataclasses.is_dataclass(kind):
        yield typing.cast(type, kind)
        for hint in typing.get_type_hints(kind).values():
            for part in _parts(hint):
                yield from _with_parts(part)


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for argument in typing.get_args(hint):
        yield from _parts(argument)


def _summary(kind: type) -> str:
    return (inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")


def _link(kind: Any) -> str:
    return f"[{kind.__name__}](#{kind.__name__.lower()})"


def _type(hint: Any) -> str:
    """A type in JSON's words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type(each) for each in arguments)
    if origin in (list, tuple):
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"object, name → {_type(arguments[1])}"
    if dataclasses.is_dataclass(hint):
        return _link(hint)
    return {str: "text", int: "number", float: "number", bool: "true or false", type(None): "null"}[hint]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
