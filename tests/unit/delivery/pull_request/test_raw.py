"""The diff of all properties, which a preview's comment has folded away."""

from delivery.pull_request.preview import Change
from delivery.pull_request.raw import lines

URN = "urn:pulumi:dev::p::aws:sqs/queue:Queue::jobs"


def test_a_list_an_object_and_json_in_a_text_are_told_by_their_leaves() -> None:
    old = {
        "tags": {"a": "1", "b": "2"},
        "rules": [{"id": "x", "days": 1}, "y"],
        "policy": '{"Action": ["get"]}',
        "gone": True,
    }
    new = {"tags": {"a": "1", "b": "3"}, "rules": [{"id": "x", "days": 2}, "y", "z"], "policy": '{"Action": ["put"]}'}
    assert lines([Change(URN, "update", None, old, new)]) == [
        "~ aws:sqs/queue:Queue jobs",
        "-   gone: true",
        "-   policy.Action[0]: get",
        "+   policy.Action[0]: put",
        "-   rules[0].days: 1",
        "+   rules[0].days: 2",
        "+   rules[2]: z",
        "-   tags.b: 2",
        "+   tags.b: 3",
    ]


def test_what_weighs_most_comes_first_and_what_goes_has_no_properties() -> None:
    changes = [Change(URN, "create", None, {}, {"name": "n"}), Change(URN, "delete", None, {"name": "n"}, {})]
    assert lines(changes) == ["- aws:sqs/queue:Queue jobs", "+ aws:sqs/queue:Queue jobs", "+   name: n"]
