"""The pack as a whole."""

import re
from pathlib import Path

import pytest
from pulumi_policy import Policy

from cases import violations
from rule import in_production
from rules import RULES


def test_every_rule_is_in_the_documentation_and_nothing_else() -> None:
    text = (Path(__file__).parents[2] / "docs/reference/policy.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE) == [policy.name for policy in RULES]


@pytest.mark.parametrize("policy", RULES, ids=lambda policy: policy.name)
def test_no_rule_lowers_the_pack_s_level(policy: Policy) -> None:
    assert policy.enforcement_level is None


@pytest.mark.parametrize(
    ("stack", "production"),
    [("prd", True), ("prd-tokyo", True), ("dev", False), ("local", False), ("prda", False), ("not-prd", False)],
)
def test_which_stacks_are_production(stack: str, production: bool) -> None:
    assert in_production(f"urn:pulumi:{stack}::fargate-delivery::aws:s3/bucket:Bucket::store") is production


def test_a_resource_of_another_type_is_not_judged() -> None:
    assert violations("listeners-use-tls", "aws:sqs/queue:Queue", {"protocol": "HTTP"}) == []
