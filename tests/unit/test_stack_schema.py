"""The stack files' JSON Schema: up to date, it takes the committed files, and it refuses what the program refuses."""

import json
import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from mocked import ROOT
from test_settings import MISTAKES, changed

from formats import WORDS
from review import NUMBER
from stack_schema import FILE, document

STACKS = sorted(
    file.name for file in ROOT.glob("Pulumi.*.yaml") if not re.fullmatch(r"Pulumi\.pr-\d+\.yaml", file.name)
)
BETWEEN_KEYS = ("secrets.", "slack_webhook", "commit_token")
"""What only the program can know: it is there or not, or has a wrong value, which is encrypted."""


def test_the_committed_schema_is_what_the_models_say() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == document(), "write it anew: make docs"


def test_every_pattern_has_words() -> None:
    patterns = set(re.findall(r'"pattern": "((?:[^"\\\\]|\\\\.)+)"', json.dumps(document())))
    assert {json.loads(f'"{pattern}"') for pattern in patterns} <= WORDS.keys()


@pytest.mark.parametrize("stack", STACKS)
def test_a_committed_stack_file_fits_and_names_it(stack: str) -> None:
    Draft202012Validator.check_schema(document())
    text = (ROOT / stack).read_text()
    assert text.startswith(f"# yaml-language-server: $schema={FILE.name}\n")
    assert list(Draft202012Validator(document()).iter_errors(yaml.safe_load(text))) == []


def test_all_stack_files_are_checked() -> None:
    assert {"Pulumi.dev.yaml", "Pulumi.local.yaml", "Pulumi.pr.yaml", "Pulumi.prd.yaml"} <= set(STACKS)


def test_only_texts_of_services_have_a_number() -> None:
    pr = yaml.safe_load((ROOT / "Pulumi.pr.yaml").read_text())["config"]
    assert not Draft202012Validator(document()).is_valid(
        {"config": {**pr, "fargate-delivery:domain": {"zone": "${number}.example.com"}}}
    )


def fits(config: dict[str, Any]) -> bool:
    plain = {
        key: value
        for key, value in config.items()
        if not key.removeprefix("fargate-delivery:").startswith(BETWEEN_KEYS)
    }
    plain = {key: value for key, value in plain.items() if key != "fargate-delivery:secrets"}
    return bool(Draft202012Validator(document()).is_valid({"config": plain}))


SEEN = [
    (path, value)
    for path, value, words in MISTAKES
    if "is not allowed: input should be" in words or "no such key" in words
]


@pytest.mark.parametrize(("path", "value"), SEEN, ids=[f"{path}={value}" for path, value in SEEN])
def test_what_one_key_alone_gets_wrong_is_seen(path: str, value: Any) -> None:
    assert fits(changed("protect", True))
    assert not fits(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("netwrok", {}),
        ("domain", ...),
        ("services.Chuoi", {"task": {"template": "worker.json", "cpu": 256, "memory": 512}}),
        ("services.chuoi.parameters.A-B", {"value": "x", "for": ["build"]}),
        ("services.chuoi.task.template", ...),
    ],
)
def test_names_and_what_is_missing_are_seen_too(path: str, value: Any) -> None:
    assert not fits(changed(path, value))


@pytest.mark.parametrize(
    ("secrets", "fit"),
    [
        ({"chuoi": {"KEY": {"secure": "v1:a:b"}}}, True),
        ({"chuoi": {"KEY": "in plain text"}}, False),
        ({"chuoi": 1}, False),
    ],
)
def test_secrets_are_encrypted(secrets: dict[str, Any], fit: bool) -> None:
    config = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]
    found = Draft202012Validator(document()).is_valid({"config": {**config, "fargate-delivery:secrets": secrets}})
    assert found is fit
