"""A service whose sources are uploaded, and images of uploads to come beside them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, Recorder, of_stack, stack_config

REPOSITORY, PROJECT = "aws:ecr/repository:Repository", "aws:codebuild/project:Project"
ROLE, ROLE_POLICY, USER_POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy", "aws:iam/userPolicy:UserPolicy"
INBOX = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/dev-chuoi/inbox"
SOURCE = "arn:aws:s3:::delivery-store-bucket-0a1b2c3/sources/chuoi/source.zip"
GITHUB = {"repository": "acme/chuoi", "owner_id": 1, "repository_id": 3}
GITLAB = {"url": "https://gitlab.example.com", "project": "acme/chuoi"}


def with_source(**source: Any) -> Recorder:
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["source"] = source
    return of_stack("dev", services=services)


@pytest.fixture(scope="module")
def images() -> Recorder:
    """Stack dev, where the CI of a service's pull requests builds images."""
    return with_source(images=True, github=GITHUB, gitlab=GITLAB)


def granted(recorder: Recorder, typ: str, name: str) -> dict[str, list[str]]:
    """Statement → its resources."""
    statements = json.loads(recorder.inputs(typ, name)["policy"])["Statement"]
    return {each["Sid"]: each["Resource"] for each in statements}


def variables(recorder: Recorder, service: str) -> dict[str, str]:
    environment = recorder.inputs(PROJECT, f"{service}-package")["environment"]["environmentVariables"]
    return {each["name"]: each["value"] for each in environment}


def test_the_build_knows_the_inbox_and_may_read_it(images: Recorder) -> None:
    assert (variables(images, "chuoi")["INBOX"], variables(images, "mailer")["INBOX"]) == ("dev-chuoi/inbox", "")
    assert granted(images, ROLE_POLICY, "chuoi-package-policy")["FetchPushedImage"] == [INBOX]
    assert "FetchPushedImage" not in granted(images, ROLE_POLICY, "mailer-package-policy")
    assert "mailer-inbox" not in images.named(REPOSITORY)


@pytest.mark.parametrize(
    ("typ", "name"), [(USER_POLICY, "chuoi-uploader-policy"), (ROLE_POLICY, "chuoi-upload-policy")]
)
def test_who_uploads_may_push_too(images: Recorder, typ: str, name: str) -> None:
    assert granted(images, typ, name) == {"UploadSource": [SOURCE], "LogInToRegistry": ["*"], "PushImage": [INBOX]}


def test_the_jobs_of_pull_requests_push_images_and_upload_nothing(images: Recorder) -> None:
    assert granted(images, ROLE_POLICY, "chuoi-push-policy") == {"LogInToRegistry": ["*"], "PushImage": [INBOX]}
    github, gitlab = json.loads(images.inputs(ROLE, "chuoi-push-role")["assumeRolePolicy"])["Statement"]
    assert github["Condition"] == {"StringEquals": {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": ["repo:acme/chuoi:pull_request", "repo:acme@1/chuoi@3:pull_request"],
        "token.actions.githubusercontent.com:repository_id": "3",
    }}  # fmt: skip
    assert gitlab["Condition"]["StringLike"] == {
        "gitlab.example.com:sub": "project_path:acme/chuoi:ref_type:branch:ref:*"
    }
    assert images.inputs(ROLE, "chuoi-push-role")["name"] == "dev-chuoi-push"


def test_a_push_to_the_inbox_starts_nothing(images: Recorder) -> None:
    rule = json.loads(images.inputs("aws:cloudwatch/eventRule:EventRule", "chuoi-upload")["eventPattern"])
    assert rule["source"] == ["aws.s3"]


@pytest.mark.parametrize("source", [{"github": GITHUB}, {"images": True}])
def test_nobody_pushes_by_a_role_who_is_not_named(source: dict[str, Any]) -> None:
    recorder = with_source(**source)
    assert "chuoi-push-role" not in recorder.named(ROLE)
    assert ("chuoi-inbox" in recorder.named(REPOSITORY)) is ("images" in source)


@pytest.fixture(scope="module")
def shared() -> Recorder:
    """Stack dev, where the mailer is built of chuoi's uploads."""
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["mailer"]["source"] = {"upload_of": "chuoi"}
    return of_stack("dev", services=services)


def test_one_upload_starts_both_services(shared: Recorder, dev: Recorder) -> None:
    rules = [shared.inputs("aws:cloudwatch/eventRule:EventRule", f"{name}-upload") for name in ("chuoi", "mailer")]
    assert rules[0]["eventPattern"] == rules[1]["eventPattern"]
    pipeline = shared.inputs("aws:codepipeline/pipeline:Pipeline", "mailer-pipeline")
    assert pipeline["stages"][0]["actions"][0]["configuration"]["S3ObjectKey"] == "sources/chuoi/source.zip"
    assert granted(shared, ROLE_POLICY, "mailer-pipeline-policy")["FetchSource"] == [SOURCE]
    assert granted(shared, ROLE_POLICY, "mailer-package-policy")["ReadUpload"] == [SOURCE]
    for name in ("chuoi", "mailer"):
        assert variables(shared, name)["SHARED"] == "yes"
        function = shared.inputs("aws:lambda/function:Function", f"{name}-steps")
        assert json.loads(function["environment"]["variables"]["SERVICE"])["is_shared"]
        assert variables(shared, name)["SOURCE_KEY"] == "sources/chuoi/source.zip"
    assert {name for name in dev.named(PROJECT) if "SHARED" in variables(dev, name.removesuffix("-package"))} == set()


def test_who_uploads_is_the_other_service_s(shared: Recorder) -> None:
    assert set(shared.named(USER_POLICY)) == {"chuoi-uploader-policy"}
    assert granted(shared, USER_POLICY, "chuoi-uploader-policy") == {"UploadSource": [SOURCE]}
    assert [name for name in shared.named(ROLE) if "mailer-upload" in name] == []


def test_a_build_cache_is_a_repository_that_package_alone_reads_and_writes(dev: Recorder) -> None:
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["build"] = {"cache": True}
    cached = of_stack("dev", services=services)
    assert cached.inputs(REPOSITORY, "chuoi-cache")["name"] == "dev-chuoi/cache"
    (rule,) = json.loads(cached.inputs("aws:ecr/lifecyclePolicy:LifecyclePolicy", "chuoi-cache-lifecycle")["policy"])[
        "rules"
    ]
    assert rule["selection"] == {
        "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1,
    }  # fmt: skip
    assert variables(cached, "chuoi")["CACHE"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/dev-chuoi/cache:cache"
    arn = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/dev-chuoi/cache"
    who = [
        name
        for typ in (ROLE_POLICY, USER_POLICY)
        for name in cached.named(typ)
        if any(arn in each for each in granted(cached, typ, name).values())
    ]
    assert who == ["chuoi-package-policy"]
    assert granted(cached, ROLE_POLICY, "chuoi-package-policy")["KeepBuildCache"] == [arn]
    assert "chuoi-cache" not in dev.named(REPOSITORY)
    assert "CACHE" not in variables(dev, "chuoi")
