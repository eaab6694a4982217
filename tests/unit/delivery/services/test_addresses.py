"""Where services answer, by the rules of the listeners."""

from typing import Any

import pytest
from delivery_aws import FakeAws, RefusedError

from delivery.command_line import at_aws
from delivery.services.addresses import addresses


def rule(
    priority: int | str, hosts: list[str], *groups: str, paths: list[str] | None = None, old_form: bool = False
) -> dict[str, Any]:
    """A rule that forwards to groups; in the form that has `Values` and one target group only, if that is wanted."""
    fields = [("host-header", "HostHeaderConfig", hosts), ("path-pattern", "PathPatternConfig", paths)]
    conditions = [
        {"Field": field, **({"Values": values} if old_form else {config: {"Values": values}})}
        for field, config, values in fields
        if values
    ]
    forward = [{"TargetGroupArn": group, "Weight": 1} for group in groups]
    action = {
        "Type": "forward",
        **({"TargetGroupArn": groups[0]} if old_form else {"ForwardConfig": {"TargetGroups": forward}}),
    }
    return {"Priority": str(priority), "Conditions": conditions, "Actions": [action]}


REDIRECT = {
    "Priority": "default",
    "Conditions": [],
    "Actions": [{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"}}],
}


@pytest.mark.parametrize(
    ("listeners", "groups", "urls"),
    [
        ({}, ["one"], []),
        ({80: [REDIRECT], 443: [REDIRECT]}, ["one"], []),
        ({443: [rule(1, ["web.example.com"], "one")]}, ["one"], ["https://web.example.com/"]),
        ({443: [rule(1, ["web.example.com"], "one", old_form=True)]}, ["one"], ["https://web.example.com/"]),
        ({80: [rule(1, ["web.example.com"], "one")]}, ["one"], ["http://web.example.com/"]),
        ({9000: [rule(1, ["web.example.com"], "one")]}, ["one"], ["https://web.example.com:9000/"]),
        ({443: [rule(1, ["web.example.com"], "one", "two")]}, ["two"], ["https://web.example.com/"]),
        ({443: [rule(1, ["web.example.com"], "other")]}, ["one"], []),
        ({443: [rule(1, ["web.example.com"], "one")]}, [], []),
        (
            {9000: [rule(1, ["web.example.com"], "one")], 443: [rule(1, ["web.example.com"], "one")], 80: [REDIRECT]},
            ["one"],
            ["https://web.example.com/"],
        ),
        (
            {443: [rule(20, ["b.example.com"], "one"), rule(3, ["a.example.com", "c.example.com"], "one"), REDIRECT]},
            ["one"],
            ["https://a.example.com/", "https://c.example.com/", "https://b.example.com/"],
        ),
        (
            {443: [rule(1, ["web.example.com"], "one", paths=["/api/*", "/v?", "/api/*"])]},
            ["one"],
            ["https://web.example.com/api/", "https://web.example.com/v"],
        ),
    ],
)  # fmt: skip
def test_where_a_service_answers(listeners: dict[int, Any], groups: list[str], urls: list[str]) -> None:
    aws = FakeAws(listeners=listeners)
    assert addresses(aws.session().client("elbv2"), {"web": groups}, at_aws) == {"web": urls}


def test_all_services_are_found_by_the_calls_of_one() -> None:
    aws = FakeAws(listeners={443: [rule(1, ["a.example.com"], "one"), rule(2, ["b.example.com"], "two")]})
    found = addresses(aws.session().client("elbv2"), {"a": ["one"], "b": ["two"], "c": []}, at_aws)
    assert found == {"a": ["https://a.example.com/"], "b": ["https://b.example.com/"], "c": []}
    assert [operation for _, operation, _ in aws.calls] == [
        "DescribeTargetGroups",
        "DescribeListeners",
        "DescribeRules",
    ]


def test_who_may_not_see_the_rules_is_told_nothing_of_them() -> None:
    aws = FakeAws(listeners={443: []})
    aws.refuse["DescribeRules"] = RefusedError("AccessDenied")
    assert addresses(aws.session().client("elbv2"), {"web": ["one"]}, at_aws) == {}
