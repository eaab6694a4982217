"""releases/names.py: what things are called in AWS, read back, and spelled nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from releases import names

ROOT = Path(__file__).parents[3]
PROGRAM = ("components", "config", "stack", "releases", "pipeline_steps", "delivery", "bootstrap", "acceptance")
SPELLED_ONCE = ("/ecs/", "/codebuild/", "/aws/lambda/", "-migrate", "/source.zip")
"""What a name begins or ends with."""
STARTS_ONCE = ("/fargate-delivery/", "release-", "content-")
PATH_OF_ROLES = "bootstrap/ci_roles.py"
"""Where `/fargate-delivery/` is the path of IAM roles."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (names.aws_name("prd", "shop"), "prd-shop"),
        (names.aws_name("prd", "n" * 18), f"prd-{'n' * 18}"),
        (names.aws_name("prd", "customer-notifications"), "prd-acqjn-customer"),
        (names.aws_name("prd", "customers-notifications"), "prd-zlfii-customers"),
        (names.aws_name("*", "*"), "*-*"),
        (names.migration_family("prd-shop"), "prd-shop-migrate"),
        (names.starting_rule("prd-*", names.UPLOADED), "prd-*-upload"),
        (names.undelivered("prd-starts"), "prd-starts-undelivered"),
        (names.alarm_name("prd-shop", "server_errors"), "prd-shop-server-errors"),
        (names.log_group("prd-shop"), "/ecs/prd-shop"),
        (names.sessions_log_group("prd"), "/ecs/prd/sessions"),
        (names.build_log_group("prd-shop-package"), "/codebuild/prd-shop-package"),
        (names.function_log_group("prd-shop-steps"), "/aws/lambda/prd-shop-steps"),
        (names.parameter_path("prd"), "/fargate-delivery/prd"),
        (names.record_name("prd", "shop"), "/fargate-delivery/prd/shop/release"),
        (names.build_value_name("prd", "shop", "TOKEN"), "/fargate-delivery/prd/shop/build/TOKEN"),
        (names.runtime_value_name("prd", "shop", "TOKEN"), "/fargate-delivery/prd/shop/runtime/TOKEN"),
        (names.release_tag(3), "release-3"),
        (names.content_tag("0a"), "content-0a"),
        (names.source_key("shop"), "sources/shop/source.zip"),
        (names.template_folder("shop"), "templates/shop"),
        (names.artifact_prefix("production-of-the-shop"), "production-of-the-sh"),
    ],
)
def test_what_things_are_called(name: str, expected: str) -> None:
    assert name == expected


def test_long_names_stay_apart_and_are_short_ever_after() -> None:
    services = [f"customer-notifications-{number}" for number in range(2000)]
    short = {names.short_name(service) for service in services}
    assert len(short) == len(services)
    assert {names.short_name(name) for name in short} == short
    assert all(names.may_be_short(name) for name in short)
    assert {len(name) for name in short} == {14}
    assert not any(map(names.may_be_short, ("hello", "workers-customer", "front-a", "fron1-customer", "customers")))
    for stack in ("prod", "production", "production-eu", "s" * 14):
        first = {names.artifact_prefix(names.aws_name(stack, name)) for name in services}
        assert len(first) == len(services), f"CodePipeline tells them apart in {stack}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("/fargate-delivery/prd/shop/runtime/TOKEN-0a1b2c3", ("shop", "TOKEN")),
        ("/fargate-delivery/prd/shop/runtime/TOKEN", None),
        ("/fargate-delivery/prd/shop/build/TOKEN-0a1b2c3", None),
        ("/fargate-delivery/prd/shop/runtime/OTHER/TOKEN-0a1b2c3", None),
        ("/fargate-delivery/dev/shop/runtime/TOKEN-0a1b2c3", None),
        ("/fargate-delivery/prd/shop/runtime/TÖKEN-0a1b2c3", None),
    ],
)
def test_whose_a_runtime_value_is(name: str, value: tuple[str, str] | None) -> None:
    assert names.runtime_value("prd", name) == value


@pytest.mark.parametrize(
    ("stack", "name", "service"),
    [
        ("prd", "/fargate-delivery/prd/shop/release", "shop"),
        ("prd", "/fargate-delivery/dev/shop/release", None),
        ("p.d", "/fargate-delivery/prd/shop/release", None),
        ("prd", "/fargate-delivery/prd/shop/runtime/release", None),
        ("prd", "/fargate-delivery/prd/shop/release/2", None),
    ],
)
def test_whose_a_release_record_is(stack: str, name: str, service: str | None) -> None:
    assert names.service_of_record(stack, name) == service


def spelled(source: str) -> Iterator[str]:
    """The strings of a source that spell a part of a name; docstrings are none."""
    tree = ast.parse(source)
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            text = node.value
            if text.startswith((*SPELLED_ONCE, *STARTS_ONCE)) or text.endswith((*SPELLED_ONCE, *STARTS_ONCE)):
                yield text


def test_names_are_spelled_in_one_module() -> None:
    files = [file for folder in PROGRAM for file in (ROOT / folder).rglob("*.py")]
    elsewhere = {
        f"{place}: {text}"
        for file in files
        if (place := file.relative_to(ROOT).as_posix()) not in ("releases/names.py", PATH_OF_ROLES)
        for text in spelled(file.read_text(encoding="utf-8"))
    }
    assert elsewhere == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('group = f"/ecs/{name}"', ["/ecs/"]),
        ('family = f"{name}-migrate"', ["-migrate"]),
        ('tag = "release-*"', ["release-*"]),
        ('def f():\n    """release-3 is a tag."""', []),
        ('text = "a release of before"', []),
    ],
)
def test_what_counts_as_spelled(source: str, found: list[str]) -> None:
    assert list(spelled(source)) == found
