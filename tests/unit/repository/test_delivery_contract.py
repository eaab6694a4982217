"""The delivery contract's page and the code name the same rules and files."""

import re

from mocked import ROOT

PAGE = (ROOT / "docs/explanation/delivery-contract.md").read_text(encoding="utf-8")
FOLDERS = ("components", "config", "delivery", "pipeline_steps", "releases", "stack")
RULE = re.compile(r"rule `([^`]+)`")


def named() -> dict[str, set[str]]:
    """Rule → the files that name it."""
    rules: dict[str, set[str]] = {}
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        for rule in RULE.findall(path.read_text(encoding="utf-8")):
            rules.setdefault(rule, set()).add(path.relative_to(ROOT).as_posix())
    return rules


def test_a_rule_that_the_code_names_has_a_heading() -> None:
    headings = {line.removeprefix("## ").lower() for line in PAGE.splitlines() if line.startswith("## ")}
    rules = named()
    assert len(rules) >= 5
    assert {rule: files for rule, files in rules.items() if rule not in headings} == {}


def test_a_file_that_the_page_names_is_there() -> None:
    files = re.findall(r"`([a-z_]+/[a-z_/.]*)`", PAGE)
    assert len(files) > 15
    assert [file for file in files if not (ROOT / file).exists()] == []
