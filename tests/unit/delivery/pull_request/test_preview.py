"""What is read of the document that `pulumi preview --json` prints."""

import json
from typing import Any

import pytest

from delivery.pull_request.preview import Change, parse

SERVICE = "urn:pulumi:dev::p::fargate-delivery:index:EcsService::web"
URN = "urn:pulumi:dev::p::fargate-delivery:index:EcsService$aws:ecs/service:Service::web-service"


def step(op: str, **fields: Any) -> dict[str, Any]:
    return {"op": op, "urn": URN, **fields}


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (
            step(
                "replace",
                oldState={"parent": SERVICE, "inputs": {"name": "a", "__defaults": []}, "retainOnDelete": True},
                newState={"parent": SERVICE, "inputs": {"name": "b"}},
                detailedDiff={"tags.b": {}, "name": {}},
                diffReasons=["tags", "name"],
                replaceReasons=["name", "cluster"],
            ),
            Change(URN, "replace", "web", {"name": "a"}, {"name": "b"}, ("name", "tags.b"), ("cluster", "name"), retained=True),
        ),
        (
            step("update", newState={"inputs": {"name": "b"}}, detailedDiff=None, diffReasons=["name", "cluster"]),
            Change(URN, "update", new={"name": "b"}, fields=("cluster", "name")),
        ),
        (step("delete", oldState={"parent": SERVICE}, newState=None), Change(URN, "delete", "web")),
        (step("create", newState={"parent": SERVICE}), Change(URN, "create", "web")),
    ],
    ids=["a replacement", "an update that has no details", "an end", "a new one"],
)  # fmt: skip
def test_a_step_is_a_change(read: dict[str, Any], expected: Change) -> None:
    assert parse(json.dumps({"steps": [read]})).changes == (expected,)


def test_a_replacement_is_one_change_in_however_many_steps_it_is_told() -> None:
    new = {"inputs": {"name": "b"}}
    steps = [step("create-replacement", newState=new), step("replace", newState=new), step("delete-replaced")]
    assert [each.new for each in parse(json.dumps({"steps": steps})).changes] == [{"name": "b"}]


def test_what_an_earlier_run_has_replaced_and_could_not_delete_is_no_change_of_what_is_there() -> None:
    assert parse(json.dumps({"steps": [step("delete-replaced", oldState={"inputs": {"name": "a"}})]})).changes == ()
