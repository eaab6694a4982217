"""The image of another stack: which may be taken over, and from where."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from pipeline_steps_fakes import FakeSession

from pipeline_steps.job import StepError
from pipeline_steps.package.promotion import Promotion, take_over

DIGEST = "sha256:" + "a" * 64
DEV = Promotion("dev", "111122223333", "eu-west-1", "dev-web")


def aws(folder: Path, architecture: str = "arm64", *, gone: bool = False) -> FakeSession:
    (folder / "config.json").write_text(json.dumps({"os": "linux", "architecture": architecture}))
    manifest = json.dumps({"config": {"digest": "sha256:c0f"}})
    return FakeSession({
        "BatchGetImage": lambda _: {"images": [] if gone else [{"imageManifest": manifest}]},
        "GetDownloadUrlForLayer": lambda _: {"downloadUrl": (folder / "config.json").as_uri()},
        "BatchCheckLayerAvailability": lambda given: {"layers": [
            {"layerDigest": each, "layerAvailability": "AVAILABLE"} for each in given["layerDigests"]
        ]},
    })  # fmt: skip


def taken(session: FakeSession, image: str = f"dev@{DIGEST}", allowed: Promotion | None = DEV) -> str:
    return take_over(cast(boto3.Session, session), image, allowed, "prd-web", "linux/arm64", math.inf)


def test_an_image_goes_from_the_other_account_into_the_service_s_own_repository(tmp_path: Path) -> None:
    session = aws(tmp_path)
    assert taken(session) == DIGEST
    assert session.regions == [("ecr", "eu-west-1")]
    read = {(each["registryId"], each["repositoryName"]) for each in session.called("BatchGetImage")}
    assert read == {("111122223333", "dev-web")}
    (put,) = session.called("PutImage")
    assert (put["repositoryName"], put["imageDigest"], put["imageTag"]) == ("prd-web", DIGEST, "content-" + "a" * 40)
    assert "registryId" not in put


NOT_ALLOWED = (
    "The release is to take over an image of stack dev, and the stack file does not say source.promote_from: "
    "{stack: dev} for this service."
)


@pytest.mark.parametrize(
    ("account", "allowed", "words"),
    [
        ({}, None, NOT_ALLOWED),
        ({}, Promotion("staging", "1", "r", "staging-web"), NOT_ALLOWED),
        ({"architecture": "amd64"}, DEV, f"The image {DIGEST} of dev-web is for linux/amd64, and the service's tasks run linux/arm64."),
        ({"gone": True}, DEV, f"dev-web does not have the image {DIGEST} any more."),
    ],
)  # fmt: skip
def test_an_image_that_is_not_taken_over(
    tmp_path: Path, account: dict[str, Any], allowed: Promotion | None, words: str
) -> None:
    session = aws(tmp_path, **account)
    with pytest.raises(StepError) as caught:
        taken(session, allowed=allowed)
    assert (str(caught.value), session.called("PutImage")) == (words, [])


@pytest.mark.parametrize(("value", "promotion"), [("", None), ("dev 111122223333 eu-west-1 dev-web", DEV)])
def test_how_the_program_says_it(value: str, promotion: Promotion | None) -> None:
    assert Promotion.parse(value) == promotion
