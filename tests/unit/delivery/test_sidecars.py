"""Sidecars' images: tags that may move, and images that are gone."""

import json
from typing import Any

import pytest
from delivery_aws import FakeAws

from delivery.review.effects import effect
from delivery.review.preview import UNKNOWN, Action, Change
from delivery.sidecars import moving
from delivery.status import status

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
D1, GONE = "sha256:" + "1" * 64, "sha256:" + "9" * 64
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"


@pytest.mark.parametrize(
    ("image", "moves"),
    [
        (f"{ECR}/dev-web:live", False),
        ("<IMAGE>", False),
        (f"{ECR}/proxy@{D1}", False),
        (f"{ECR}/proxy:stable@{D1}", False),
        (f"{ECR}/proxy:stable", True),
        (f"{ECR}/proxy", True),
        ("public.ecr.aws/nginx/nginx:1.29", True),
    ],
)
def test_which_tags_move(image: str, moves: bool) -> None:
    assert moving([{"name": "proxy", "image": image}]) == ([("proxy", image)] if moves else [])


def definition(action: Action, containers: Any) -> Change:
    new = {"family": "dev-web", "containerDefinitions": containers}
    return Change(f"urn:pulumi:dev::fargate-delivery::{DEFINITION}::web-task", action, "web", {}, new)


def test_a_preview_warns_of_a_moving_tag() -> None:
    containers = [{"name": "web", "image": f"{ECR}/dev-web:live"}, {"name": "proxy", "image": f"{ECR}/proxy:stable"}]
    assert effect("web", [definition("create", json.dumps(containers))], None, asked=True).lines == (
        f"**moving tag**: container proxy runs {ECR}/proxy:stable; a tag may be another image tomorrow, and ECS starts no "
        "task once the image that it has resolved is deleted: write NAME@sha256:…",
    )
    for quiet in (definition("delete", json.dumps(containers)), definition("create", UNKNOWN)):
        assert effect("web", [quiet], None, asked=True).lines == ()


@pytest.mark.parametrize("there", [True, False])
def test_status_names_a_sidecar_s_image_that_is_gone(there: bool) -> None:
    aws = FakeAws()
    aws.image(D1, "live", "release-1")
    aws.pipeline = {"stages": [], "executions": [], "actions": {}}
    if there:
        aws.image(GONE)
    aws.service(aws.revision(1, f"@{D1}"), D1)
    (revision,) = aws.definitions
    aws.definitions[revision]["containerDefinitions"].append({"name": "proxy", "image": f"{ECR}/proxy:stable"})
    aws.tasks[0]["containers"].append({"name": "proxy", "imageDigest": GONE})
    found = status(aws.session(), "dev", "web")
    words = f"proxy runs {ECR}/proxy@{GONE}, which is gone from ECR: no other task starts with it"
    assert found.gone == ([] if there else [words])
    assert ("sidecar", f"{words}; `redeploy` asks for its tag anew") in found.lines() or there
