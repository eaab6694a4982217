"""Images that go from one stack to another: what is read, by whom, and what the repository allows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, Recorder, of_stack, stack_config

FUNCTION = "aws:lambda/function:Function"
PIPELINE = "aws:codepipeline/pipeline:Pipeline"
ROLE_POLICY, REPOSITORY_POLICY = "aws:iam/rolePolicy:RolePolicy", "aws:ecr/repositoryPolicy:RepositoryPolicy"
OTHER = "111122223333"


@pytest.fixture(scope="module")
def promoting() -> Recorder:
    """Stack dev, which takes over images of staging, and of another account's for the mailer; prd takes over chuoi's."""
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    readers = [{"stack": "prd", "account": OTHER}, {"stack": "eu", "account": OTHER}]
    services["chuoi"]["source"] = {"promote_from": {"stack": "staging"}, "promote_to": readers}
    other = {"stack": "staging", "account": OTHER, "region": "eu-west-1"}
    services["mailer"]["source"] = {"type": "ecr", "promote_from": other}
    return of_stack("dev", services=services)


def granted(recorder: Recorder, name: str) -> dict[str, Any]:
    statements = json.loads(recorder.inputs(ROLE_POLICY, name)["policy"])["Statement"]
    return {each["Sid"]: (each["Action"], each["Resource"]) for each in statements}


PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


@pytest.mark.parametrize(("service", "account", "region"), [("chuoi", ACCOUNT, REGION), ("mailer", OTHER, "eu-west-1")])
def test_the_steps_take_over_the_images_of_a_stack(
    promoting: Recorder, service: str, account: str, region: str
) -> None:
    settings = json.loads(promoting.inputs(FUNCTION, f"{service}-steps")["environment"]["variables"]["SERVICE"])
    assert settings["promotion"] == f"staging {account} {region} staging-{service}"
    arn = f"arn:aws:ecr:{region}:{account}:repository/staging-{service}"
    steps = granted(promoting, f"{service}-steps-policy")
    assert steps["FetchPromotedImage"] == (PULL, [arn])
    assert steps["CopyImage"][1] == [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/dev-{service}"]


def test_other_accounts_read_only_where_they_are_named(promoting: Recorder) -> None:
    assert set(promoting.named(REPOSITORY_POLICY)) == {"chuoi-images-policy"}
    policy = json.loads(promoting.inputs(REPOSITORY_POLICY, "chuoi-images-policy")["policy"])
    roles = [f"arn:aws:iam::{OTHER}:role/{stack}-chuoi-steps" for stack in ("eu", "prd")]
    assert policy["Statement"] == [{
        "Sid": "Promote",
        "Effect": "Allow",
        "Action": PULL,
        "Condition": {"ArnEquals": {"aws:PrincipalArn": roles}},
        "Principal": {"AWS": [f"arn:aws:iam::{OTHER}:root"]},
    }]  # fmt: skip


def test_without_a_word_nothing_is_taken_over(dev: Recorder) -> None:
    settings = json.loads(dev.inputs(FUNCTION, "chuoi-steps")["environment"]["variables"]["SERVICE"])
    assert settings["promotion"] == ""
    assert not {"FetchPromotedImage", "CopyImage"} & granted(dev, "chuoi-steps-policy").keys()
    assert dev.named(REPOSITORY_POLICY) == {}


def test_a_service_that_takes_promoted_images_only_has_no_uploader_and_no_rule() -> None:
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["mailer"]["source"] = {"type": "promote", "promote_from": {"stack": "staging"}}
    recorder = of_stack("dev", services=services)
    names = {request.name for request in recorder.requests()}
    assert not {"mailer-uploader", "mailer-package", "mailer-inbox", "mailer-upload"} & names
    source, package = (stage["actions"][0] for stage in recorder.inputs(PIPELINE, "mailer-pipeline")["stages"][:2])
    assert source["provider"] == "S3"
    assert source["configuration"]["S3ObjectKey"].startswith("steps/")
    given = json.loads(package["configuration"]["UserParameters"])
    assert (package["provider"], given["source"], given["pushed"]) == ("Lambda", "none", "none")
    steps = granted(recorder, "mailer-steps-policy")
    assert steps["FetchPromotedImage"][1] == [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/staging-mailer"]
    assert "FetchPushedImage" not in steps
