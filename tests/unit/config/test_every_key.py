"""Stack files that use every key there is: they fit the schema, and the program takes them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from mocked import ROOT, SECRET_KEYS, Recorder, file_config, program

from config.schema import document
from tests.support.example import EXAMPLE

STACKS = ROOT / "tests" / "stacks"
FILES = [*sorted(STACKS.glob("Pulumi.*.yaml")), EXAMPLE / "Pulumi.pr.yaml"]
SECRETS = {"config.fargate-delivery:secrets", "config.fargate-delivery:slack_webhook"}
SECRETS |= {"config.fargate-delivery:commit_token"}
"""Encrypted by whoever sets them up; the tests and the sandbox make up values."""


def keys(schema: dict[str, Any], value: Any, where: str, definitions: dict[str, Any]) -> Iterator[str]:
    """The keys of a value, each with the model that it is one of."""
    if "$ref" in schema:
        where = schema["$ref"].rsplit("/", 1)[1]
        schema = definitions[where]
    for choice in schema.get("anyOf", []):
        yield from keys(choice, value, where, definitions)
    for choice in schema.get("oneOf", []):
        strategy = definitions[choice["$ref"].rsplit("/", 1)[1]]["properties"]["strategy"]["const"]
        if isinstance(value, dict) and value.get("strategy", "rolling") == strategy:
            yield from keys(choice, value, where, definitions)
    if isinstance(value, list):
        for item in value:
            yield from keys(schema.get("items", {}), item, where, definitions)
    if not isinstance(value, dict):
        return
    below = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    others = next((each for each in below if isinstance(each, dict) and each), {})
    for key, item in value.items():
        if key in schema.get("properties", {}):
            yield f"{where}.{key}"
            yield from keys(schema["properties"][key], item, key, definitions)
        else:
            yield from keys(others, item, where, definitions)


def test_together_they_name_every_key() -> None:
    schema = document()
    definitions = schema["$defs"]
    named = {
        key
        for file in FILES
        for key in keys(schema, yaml.safe_load(file.read_text(encoding="utf-8")), "file", definitions)
    }
    known = {f"{model}.{key}" for model, each in definitions.items() for key in each.get("properties", {})}
    known |= {f"config.{key}" for key in schema["properties"]["config"]["properties"]}
    assert known - named == SECRETS, "name the new keys in tests/stacks/Pulumi.everything.yaml"


@pytest.mark.parametrize("file", FILES[:-1], ids=lambda file: file.name)
def test_each_fits_the_schema(file: Path) -> None:
    assert list(Draft202012Validator(document()).iter_errors(yaml.safe_load(file.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("stack", [file.name.split(".")[1] for file in STACKS.glob("*.yaml")])
def test_the_program_takes_them(deploy: Callable[..., Recorder], stack: str) -> None:
    config = file_config(STACKS / f"Pulumi.{stack}.yaml", {})
    recorder = deploy(program, stack=stack, config=config, secret_keys=SECRET_KEYS)
    services = json.loads(config["fargate-delivery:services"])
    assert recorder.types()["aws:ecs/service:Service"] == len(services)
