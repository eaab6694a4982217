"""The diff of all properties, which a preview's comment has folded away."""

import json
from typing import Any

import pytest

from delivery.pull_request.preview import Change
from delivery.pull_request.raw import lines

URN = "urn:pulumi:dev::p::aws:sqs/queue:Queue::jobs"


SENT = {"Sid": "Send", "Effect": "Allow", "Action": ["sqs:SendMessage"]}
READ = {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject"]}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            {"tags": {"a": "1", "b": "2"}, "gone": True},
            {"tags": {"a": "1", "b": "3"}},
            ["-   gone: true", "-   tags.b: 2", "+   tags.b: 3"],
        ),
        (
            {"rules": [{"days": 1}, "y"]},
            {"rules": [{"days": 2}, "y", "z"]},
            ["-   rules[0].days: 1", "+   rules[0].days: 2", "+   rules[2]: z"],
        ),
        (
            {"policy": json.dumps({"Statement": [SENT]})},
            {"policy": json.dumps({"Statement": [READ, {**SENT, "Action": ["sqs:SendMessage", "sqs:GetQueueUrl"]}]})},
            [
                "+   policy.Statement[Read].Action[]: s3:GetObject",
                "+   policy.Statement[Read].Effect: Allow",
                "+   policy.Statement[Read].Sid: Read",
                "+   policy.Statement[Send].Action[]: sqs:GetQueueUrl",
            ],
        ),
        ({"names": ["a", "c"]}, {"names": ["a", "b", "c"]}, ["+   names[]: b"]),
        ({"names": ["a", "b"]}, {"names": ["b", "c"]}, ["-   names[]: a", "+   names[]: c"]),
        ({"names": ["a"]}, {"names": "(known after up)"}, ["-   names[]: a", "+   names: (known after up)"]),
        (
            {"environment": [{"name": "A", "value": "1"}, {"name": "C", "value": "3"}]},
            {"environment": [{"name": "B", "value": "2"}, {"name": "C", "value": "3"}]},
            [
                "-   environment[A].name: A",
                "-   environment[A].value: 1",
                "+   environment[B].name: B",
                "+   environment[B].value: 2",
            ],
        ),
        ({"statements": [READ, SENT]}, {"statements": [SENT, READ]}, ["~   statements: in another order"]),
        ({"twins": [READ, READ]}, {"twins": [READ]}, ["-   twins[1].Action[]: s3:GetObject", "-   twins[1].Effect: Allow", "-   twins[1].Sid: Read"]),
        ({}, {"tags": {}, "names": []}, ["+   names: []", "+   tags: {}"]),
        (
            {"content": '# template 1\n{"a": {"b": 1, "c": 2}}\n'},
            {"content": '# template 2\n{"a": {"b": 1, "c": 3}}\n'},
            ["-   content.#: template 1", "+   content.#: template 2", "-   content.a.c: 2", "+   content.a.c: 3"],
        ),
        ({"content": "{not json"}, {"content": "# nor\nthis"}, ["-   content: {not json", "+   content: # nor\\nthis"]),
    ],
)  # fmt: skip
def test_what_differs_is_told_by_its_fields(old: dict[str, Any], new: dict[str, Any], told: list[str]) -> None:
    assert lines([Change(URN, "update", None, old, new)]) == ["~ aws:sqs/queue:Queue jobs", *told]


def test_what_weighs_most_comes_first_and_what_goes_has_no_properties() -> None:
    changes = [Change(URN, "create", None, {}, {"name": "n"}), Change(URN, "delete", None, {"name": "n"}, {})]
    assert lines(changes) == ["- aws:sqs/queue:Queue jobs", "+ aws:sqs/queue:Queue jobs", "+   name: n"]
