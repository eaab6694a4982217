"""The stack files' JSON Schema: up to date, it takes the example's files, and it refuses what the program refuses."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from components.types import PATTERN_MESSAGES
from config.pull_request_stack import PLACEHOLDER
from config.schema import FILE, PROJECT_FILE, document, project_document
from config.schema_rules import AWS_OWN, ECR, NESTED, WILDCARDS
from tests.support.example import EXAMPLE
from tests.unit.config.test_settings import MISTAKES, changed

STACKS = sorted(file.name for file in EXAMPLE.glob("Pulumi.*.yaml"))
VALIDATOR = Draft202012Validator(document())
UNNAMED = {re.escape(PLACEHOLDER), WILDCARDS, ECR, NESTED, AWS_OWN}
BETWEEN_KEYS = ("secrets.", "slack_webhook", "commit_token")
"""What only the program can know: it is there or not, or has a wrong value, which is encrypted."""


@pytest.mark.parametrize(("file", "schema"), [(FILE, document()), (PROJECT_FILE, project_document())])
def test_the_committed_schema_is_what_the_models_say(file: Path, schema: dict[str, Any]) -> None:
    assert json.loads(file.read_text(encoding="utf-8")) == schema, "write it anew: make docs"


def test_every_pattern_has_words() -> None:
    patterns = set(re.findall(r'"pattern": "((?:[^"\\\\]|\\\\.)+)"', json.dumps(document())))
    assert {json.loads(f'"{pattern}"') for pattern in patterns} - UNNAMED <= PATTERN_MESSAGES.keys()


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_file_of_the_example_fits_and_names_it(stack: str) -> None:
    Draft202012Validator.check_schema(document())
    text = (EXAMPLE / stack).read_text()
    assert text.startswith(f"# yaml-language-server: $schema={FILE.name}\n")
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) == []


OF_ALL = Draft202012Validator(
    project_document(), registry=Registry().with_resource(FILE.name, Resource.from_contents(document()))
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("common.value", ...),
        ("common.values", {}),
        ("common.value.secrets", {}),
        ("common.value.defaults", None),
        ("common.value.defaults.exec", "yes"),
        ("common.value.services.chuoi", False),
        ("common.value.services.chuoi.task.cpu", 300),
        ("common.value.services.Chuoi", {}),
    ],
)
def test_pulumi_yaml_fits_its_schema_and_names_it(path: str, value: Any) -> None:
    text = (EXAMPLE / "Pulumi.yaml").read_text()
    assert text.startswith(f"# yaml-language-server: $schema={PROJECT_FILE.name}\n")
    document = yaml.safe_load(text)
    assert list(OF_ALL.iter_errors(document)) == []
    *above, last = path.split(".")
    at = document["config"]
    for key in (f"fargate-delivery:{above[0]}", *above[1:]):
        at = at[key]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    assert not OF_ALL.is_valid(document)


@pytest.mark.parametrize(
    ("service", "fit"),
    [
        (False, True),
        (True, False),
        (None, False),
        ({}, True),
        ({"migrate": None, "tasks": {"max": None}, "parameters": {"A": None, "B": {"secret": True}}}, True),
        ({"deploy": {"percent": 10}}, True),
        ({"deploy": {"strategy": "rolling", "percent": 10}}, False),
        ({"health_check": {"path": None}}, True),
        ({"routes": [{"host": "www.example.com"}]}, False),
        ({"routes": [{"host": None, "priority": 1}]}, False),
    ],
)
def test_a_service_is_said_in_parts_but_lists_are_whole(service: Any, fit: bool) -> None:
    config = yaml.safe_load((EXAMPLE / "Pulumi.dev.yaml").read_text())["config"]
    assert VALIDATOR.is_valid({"config": {**config, "fargate-delivery:services": {"chuoi": service}}}) is fit
    if isinstance(service, dict):
        assert VALIDATOR.is_valid({"config": {**config, "fargate-delivery:defaults": service}}) is fit


def test_all_stack_files_are_checked() -> None:
    assert {"Pulumi.dev.yaml", "Pulumi.local.yaml", "Pulumi.pr.yaml", "Pulumi.prd.yaml"} <= set(STACKS)


def test_only_texts_of_services_have_a_number() -> None:
    pr = yaml.safe_load((EXAMPLE / "Pulumi.pr.yaml").read_text())["config"]
    assert not VALIDATOR.is_valid({"config": {**pr, "fargate-delivery:domain": {"zone": "${number}.example.com"}}})


def fits(config: dict[str, Any]) -> bool:
    plain = {
        key: value
        for key, value in config.items()
        if not key.removeprefix("fargate-delivery:").startswith(BETWEEN_KEYS)
    }
    plain = {key: value for key, value in plain.items() if key != "fargate-delivery:secrets"}
    return bool(VALIDATOR.is_valid({"config": plain}))


OF_NUMBERS = (
    "is less than min",
    "has no effect unless max",
    "must be less than interval",
    "is the path of two",
    "minutes take",
    "deploy.timeout",
)
OF_THE_WHOLE = (
    "is taken by another route", "another route has", "or one label", "as another alarm is", "must not end in -codedeploy",
    "their AWS names cannot begin", "must not begin with sg-", "0db8::/32' twice", "is empty, so an up deletes", "is true, but there are services", "has 4097 bytes",
    "there is no such template", "is not used", "uses ${port}", "task_templates/", "10.0.5.7",
    "redirects to itself", "is taken by another route or redirect", "is in another redirect", "is redirected itself",
    "is not another service of this stack", "appears twice", "does not contain ",
    "is not set; set it with", "is not used, because", "paths have", "ACM creates certificates for 64 at most", "needs cluster.insights",
    "differ only in case", "times; keep one", "there is no service", "is the service itself", "so nothing can connect to it",
    "has two different roles", "two or more public_subnet_ids for the load balancer", "exists already, so name its VPC",
)  # fmt: skip
"""What JSON Schema has no words for: numbers that are compared, and services and keys that are."""
OF_ANOTHER_FILE = (
    "services.chuoi.task.cpu: is missing", ".for: is missing", "task.template: is missing", "command: is missing",
    "services.chuoi.task: is empty", "latency: is empty", "routes need task.port", "only with routes",
    "there are 0", "needs percent and interval", "only with strategy ", "only with type ecr",
    "or AWS may set it", "must be a method with protocol", "has codes of",
    "exactly one of value, secret: true, external and secrets_manager", "needs exactly one target group",
)  # fmt: skip
"""What another part of the service may say, in this file or in `Pulumi.yaml`."""
SEEN = [
    (path, value)
    for path, value, words in MISTAKES
    if not path.startswith(BETWEEN_KEYS)
    and not any(each in words for each in (*OF_NUMBERS, *OF_THE_WHOLE, *OF_ANOTHER_FILE))
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
    config = yaml.safe_load((EXAMPLE / "Pulumi.dev.yaml").read_text())["config"]
    found = VALIDATOR.is_valid({"config": {**config, "fargate-delivery:secrets": secrets}})
    assert found is fit
