"""The generated reference is as fresh as what it is written from, and says something of everything."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from mocked import ROOT

from config.stack_file import StackFile
from docs import commands, components, costs, stack_file
from releases import events
from releases.record import UNKNOWN

HAS_NO_WORDS_OF_ITS_OWN = {"strategy"}
"""A strategy's name is the heading, and its words are below it."""


@pytest.mark.parametrize(
    ("written", "page"),
    [(each.PAGE, each.page) for each in (commands, components, costs, stack_file)],
    ids=["commands", "components", "costs", "stack file"],
)
def test_it_is_fresh(written: Path, page: Callable[[], str]) -> None:
    assert written.read_text("utf-8") == page(), "write it anew: make docs"


def test_every_key_of_a_stack_file_says_what_it_is() -> None:
    schema = StackFile.model_json_schema(by_alias=True)
    silent = {
        f"{place}.{key}"
        for place, model in stack_file.models(schema)
        for key, value in model["properties"].items()
        if not stack_file.meaning(value, schema["$defs"]) and key not in HAS_NO_WORDS_OF_ITS_OWN
    }
    assert silent == set()


def test_a_part_of_a_stack_file_is_required_only_where_no_other_file_may_give_it() -> None:
    sections = stack_file.page().split("\n## ")
    required = {
        section.split("\n")[0]: re.findall(r"^\| `(\w+)` \| [^|]* \| required ", section, re.MULTILINE)
        for section in sections
        if section.startswith(("`fargate-delivery:`…", "`fargate-delivery:common`"))
    }
    assert required == {"`fargate-delivery:`…": ["domain"], "`fargate-delivery:common`": []}


def test_every_model_has_a_section() -> None:
    schema = StackFile.model_json_schema(by_alias=True)
    titles = [model["title"] for _, model in stack_file.models(schema)]
    assert sorted(titles) == sorted([*schema["$defs"], schema["title"]])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 9}, "1 to 9"),
        ({"type": "integer", "minimum": 1}, "1 or more"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 100}, "above 0 to 100"),
        ({"type": "number", "maximum": 5}, "up to 5"),
        ({"type": "string"}, "text"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        ({"anyOf": [{"$ref": "#/$defs/A"}, {"const": False}]}, "keys of its own or `false`"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "a list of `a`, `b`"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "name: text"),
        ({"type": "object", "patternProperties": {"^a": {"$ref": "#/$defs/A"}}}, "name: keys of its own"),
    ],
)
def test_what_a_key_takes_is_said_in_words(value: stack_file.Schema, words: str) -> None:
    assert stack_file.takes(value) == words


def test_every_event_of_ours_is_described() -> None:
    """The constants of `releases/events.py`, but for the source."""
    page = (ROOT / "docs/reference/events.md").read_text("utf-8")
    names = {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}
    names -= {UNKNOWN, events.SOURCE}
    assert len(names) > 5
    assert {name for name in names if f"`{name}`" not in page} == set()
    assert f"`source: {events.SOURCE}`" in page
