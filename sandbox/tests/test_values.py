"""Values between the engine and Python, their differences, and names."""

import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import struct_pb2

from sandbox.providers.differences import differences, same
from sandbox.providers.names import with_name
from sandbox.providers.schema import schema_of
from sandbox.providers.values import ASSET, SECRET, SIGNATURE, UNKNOWN, decode, encode, for_handler


def test_values_survive_the_way_to_the_engine_and_back() -> None:
    values = {"text": "1", "whole": 3, "part": 0.5, "yes": True, "list": [1, {"a": "b"}], "__own": "x"}
    assert decode(encode(values)) == values


def test_what_the_engine_adds_is_taken_off() -> None:
    secret = {SIGNATURE: SECRET, "value": {"inner": 1.0}}
    assert decode(encode({"a": secret, "b": None, "c": {"__defaults": [], "d": None}})) == {"a": {"inner": 1}, "c": {}}
    assert decode(struct_pb2.Struct()) == {}


def test_a_handler_sees_nothing_unknown_and_files_as_text(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    text = {SIGNATURE: ASSET, "hash": "x", "text": "content"}
    file = {SIGNATURE: ASSET, "hash": "x", "path": str(tmp_path / "file")}
    seen = for_handler({"a": UNKNOWN, "b": [UNKNOWN, 1], "c": text, "d": file})
    assert seen == {"b": [1], "c": "content", "d": str(tmp_path / "file")}
    with pytest.raises(FileNotFoundError):
        for_handler({SIGNATURE: ASSET, "path": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (1, "1"),
        (True, "true"),
        ([], None),
        ({"a": []}, {}),
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}'),
        ({"tags": {"a": "b"}}, {"tags": {"a": "b"}, "name": None}),
    ],
)
def test_the_same(old: Any, new: Any) -> None:
    assert same(old, new)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1}, {"a": 2}, [("a", True, True)]),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, [("a.b[1]", True, True)]),
        ({"a": [1]}, {"a": [1, 2]}, [("a[1]", False, True)]),
        ({"tags": {"x.y": "1"}}, {}, [("tags", True, False)]),
        ({"tags": {"x.y": "1", "z": "1"}}, {"tags": {"z": "1"}}, [('tags["x.y"]', True, False)]),
        ({"a": "x"}, {"a": UNKNOWN}, [("a", True, True)]),
        ({"a": '{"b": 1}'}, {"a": '{"b": 2}'}, [("a", True, True)]),
        ({"a": "text"}, {"a": ["text"]}, [("a", True, True)]),
    ],
)
def test_differences(old: Any, new: Any, found: list[tuple[str, bool, bool]]) -> None:
    assert list(differences(old, new)) == found


@pytest.mark.parametrize(
    ("token", "property", "pattern"),
    [
        ("aws:s3/bucket:Bucket", "bucket", r"store-[0-9a-f]{7}"),
        ("aws:kms/alias:Alias", "name", r"alias/Store-[0-9a-f]{7}"),
        ("aws:ssm/parameter:Parameter", "name", r"Store-[0-9a-f]{7}"),
    ],
)
def test_a_name_is_the_logical_one_with_random_digits(token: str, property: str, pattern: str) -> None:
    first = with_name(schema_of(token), "Store", b"seed", {}, {})[property]
    assert re.fullmatch(pattern, first)
    assert with_name(schema_of(token), "Store", b"other", {}, {})[property] != first
    assert with_name(schema_of(token), "Store", b"other", {property: first}, {})[property] == first
    assert with_name(schema_of(token), "Store", b"seed", {}, {property: "mine"}) == {property: "mine"}
    assert with_name(schema_of(token), "Store", b"seed", {}, {f"{property}Prefix": "m"}) == {f"{property}Prefix": "m"}


def test_what_has_no_name_gets_none() -> None:
    assert with_name(schema_of("aws:ec2/subnet:Subnet"), "x", b"s", {}, {}) == {}
    assert with_name(schema_of("aws:route53/record:Record"), "x", b"s", {}, {}) == {}


def test_a_name_too_long_for_aws_is_an_error() -> None:
    with pytest.raises(ValueError, match="longer than maximum length 32"):
        with_name(schema_of("aws:lb/targetGroup:TargetGroup"), "x" * 30, b"s", {}, {})
