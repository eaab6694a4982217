"""Writes the reference of every key of a stack file from its models, by `make docs`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from config.layers import NAMESPACE
from config.settings import SECRET_KEYS
from config.stack_file import StackFile

PAGE = Path(__file__).parent / "reference/stack-file.md"
HEAD = """\
# The keys of a stack file

`make docs` generates this page from the models in `config/` and `components/`.
[Stack files](../how-to/stack-files.md) says how `Pulumi.yaml` and a stack file combine.

The secrets are {secrets}. Set each with `pulumi config set --secret --path`, which encrypts it.
"""
PIECES = {"services": "services.NAME", "parameters": "parameters.NAME", "jobs": "jobs.NAME", "volumes": "volumes.NAME"}
"""A key whose values have names of one's own, and how it is written with one of them."""

REQUIRED: Mapping[str, Sequence[str]] = {"StackFile": ("domain",), "Common": ()}
"""Models of which `Pulumi.yaml` and a stack file each give a part, to what the stack file itself must give."""

Schema = Mapping[str, Any]


def page() -> str:
    """The whole page."""
    schema = StackFile.model_json_schema(by_alias=True)
    secrets = ", ".join(f"`{NAMESPACE}:{key}`" for key in SECRET_KEYS)
    sections = [_section(place, model, schema["$defs"]) for place, model in models(schema)]
    return HEAD.format(secrets=secrets) + "\n" + "\n".join(sections)


def models(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Each model with the place where it is met first, from the top to the inside."""
    met = {"Service"}  # `common` and `defaults` have the keys of a service, which are listed at `services`
    yield "", schema
    for key, value in schema["properties"].items():
        if key == "services":
            met.discard("Service")
        yield from _within(f"{NAMESPACE}:{PIECES.get(key, key)}", value, schema["$defs"], met)


def _within(
    place: str, value: Schema, definitions: Mapping[str, Schema], met: set[str]
) -> Iterator[tuple[str, Schema]]:
    for name in _references(value):
        if name not in met:
            met.add(name)
            model = definitions[name]
            yield place, model
            for key, inner in model["properties"].items():
                yield from _within(f"{place}.{PIECES.get(key, key)}", inner, definitions, met)


def _references(value: Any) -> Iterator[str]:
    """The models that a value may be, in order."""
    if isinstance(value, Mapping):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        for key, inner in value.items():
            if key != "default":
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _section(place: str, model: Schema, definitions: Mapping[str, Schema]) -> str:
    title = f"## `{place}`" if place else f"## `{NAMESPACE}:`…"
    if "strategy" in model["properties"]:
        title += f", {model['properties']['strategy'].get('const', '')}"
    rows = "".join(
        f"| `{key}` | {takes(value)} | {_default(key, value, model)} | {meaning(value, definitions)} |\n"
        for key, value in model["properties"].items()
    )
    about = _line(model.get("description", ""))
    return f"{title}\n\n{about}\n\n| key | value | default | meaning |\n|---|---|---|---|\n{rows}"


def takes(value: Schema) -> str:
    """What may be written, in words."""
    if "$ref" in value:
        return "keys of its own"
    if "anyOf" in value or "oneOf" in value:
        parts = [takes(each) for each in value.get("anyOf", value.get("oneOf", ())) if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(parts))
    if "const" in value:
        return f"`{json.dumps(value['const']).strip(chr(34))}`"
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    if value.get("type") == "array":
        return f"a list of {takes(value.get('items', {}))}"
    if value.get("type") == "object":
        (inner,) = value.get("patternProperties", {"": value.get("additionalProperties", {})}).values()
        return f"name: {takes(inner) if isinstance(inner, Mapping) and inner else 'text'}"
    return _scalar(value)


def _scalar(value: Schema) -> str:
    kinds = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "text"}
    least, most = (value.get(f"{end}imum", value.get(f"exclusive{end.capitalize()}imum")) for end in ("min", "max"))
    if least is None and most is None:
        return kinds.get(str(value.get("type")), "anything")
    above = "above " if "exclusiveMinimum" in value else ""
    if most is None:
        return f"{above}{least}" if above else f"{least} or more"
    return f"{above}{least} to {most}" if least is not None else f"up to {most}"


def _default(key: str, value: Schema, model: Schema) -> str:
    if key in REQUIRED.get(model["title"], model.get("required", ())):
        return "required"
    default = value.get("default")
    if default in (None, [], {}) or isinstance(default, Mapping):
        return "none"
    return f"`{json.dumps(default).strip(chr(34))}`"


def meaning(value: Schema, definitions: Mapping[str, Schema]) -> str:
    """The key's own words; without them its model's."""
    own = value.get("description") or next((definitions[name]["description"] for name in _references(value)), "")
    return _line(own)


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
