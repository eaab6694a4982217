"""How Package is told of the assets of earlier releases, and what it may do for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, Recorder, of_stack, stack_config

PROJECT, FUNCTION = "aws:codebuild/project:Project", "aws:lambda/function:Function"
POLICY = "aws:iam/rolePolicy:RolePolicy"
PATH = "/app/public/assets"


def services(source: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack_config("dev")["fargate-delivery:services"])
    if source:
        read = {name: {**each, "for": ["runtime"]} for name, each in found["chuoi"]["parameters"].items()}
        found["chuoi"] |= {"source": source, "parameters": read}
    found["chuoi"] |= more
    return found


def settings(recorder: Recorder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(recorder.inputs(FUNCTION, "chuoi-steps")["environment"]["variables"]["SERVICE"])
    return found


def granted(recorder: Recorder, name: str) -> dict[str, list[str]]:
    statements = json.loads(recorder.inputs(POLICY, name)["policy"])["Statement"]
    return {each["Sid"]: each["Resource"] for each in statements}


@pytest.mark.parametrize(
    ("given", "value"), [({"path": PATH}, f"3 {PATH}"), ({"path": PATH, "releases": 10}, f"10 {PATH}")]
)
def test_package_is_told(dev: Recorder, given: dict[str, Any], value: str) -> None:
    assert settings(of_stack("dev", services=services(assets=given))) == {**settings(dev), "assets": value}


@pytest.mark.parametrize("source", [{"type": "ecr"}, {"type": "promote", "promote_from": {"stack": "staging"}}])
def test_whatever_the_source(source: dict[str, Any]) -> None:
    assert settings(of_stack("dev", services=services(source, assets={"path": PATH})))["assets"] == f"3 {PATH}"
    assert "assets" not in settings(of_stack("dev", services=services(source)))


def test_the_steps_may_write_an_image_where_a_build_has_made_it(dev: Recorder) -> None:
    kept = of_stack("dev", services=services(assets={"path": PATH}))
    repository = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/dev-chuoi"
    before, after = (granted(recorder, "chuoi-steps-policy") for recorder in (dev, kept))
    assert after == {**before, "CopyImage": [repository]}
    assert "CopyImage" not in before
    for name in set(dev.named(POLICY)) - {"chuoi-steps-policy"}:
        assert kept.inputs(POLICY, name) == dev.inputs(POLICY, name)
    assert kept.inputs(PROJECT, "chuoi-package") == dev.inputs(PROJECT, "chuoi-package")
