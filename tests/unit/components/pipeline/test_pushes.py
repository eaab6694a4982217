"""A service whose images are pushed: its inbox, who pushes there, what starts its pipeline, and what is not there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, Recorder, of_stack, stack_config

from components.platform import steps_code
from pipeline_steps.settings import Settings

REPOSITORY, LIFECYCLE = "aws:ecr/repository:Repository", "aws:ecr/lifecyclePolicy:LifecyclePolicy"
PROJECT, PIPELINE = "aws:codebuild/project:Project", "aws:codepipeline/pipeline:Pipeline"
RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
ROLE_POLICY, USER_POLICY = "aws:iam/rolePolicy:RolePolicy", "aws:iam/userPolicy:UserPolicy"
FUNCTION = "aws:lambda/function:Function"
INBOX = "dev-mailer/inbox"
STORE = "delivery-store-bucket-0a1b2c3"
GITHUB = {"repository": "acme/mailer", "owner_id": 1, "repository_id": 3}


def with_source(**source: Any) -> Recorder:
    """Stack dev, where the mailer's images are pushed."""
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["mailer"]["source"] = {"type": "ecr", **source}
    return of_stack("dev", services=services)


@pytest.fixture(scope="module")
def pushed() -> Recorder:
    return with_source(tag="production", github=GITHUB)


def policy(recorder: Recorder, typ: str, name: str) -> dict[str, tuple[str, Any]]:
    """Statement → its actions and resources."""
    statements = json.loads(recorder.inputs(typ, name)["policy"])["Statement"]
    return {each["Sid"]: (" ".join(each["Action"]), each["Resource"]) for each in statements}


def arn(repository: str) -> str:
    return f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{repository}"


def test_the_inbox_is_a_repository_of_its_own(pushed: Recorder) -> None:
    assert set(pushed.named(REPOSITORY)) == {"chuoi-images", "mailer-images", "mailer-inbox"}
    assert pushed.inputs(REPOSITORY, "mailer-inbox")["name"] == INBOX
    rules = json.loads(pushed.inputs(LIFECYCLE, "mailer-inbox-lifecycle")["policy"])["rules"]
    untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}
    built = {
        "tagStatus": "tagged",
        "tagPatternList": ["content-*"],
        "countType": "imageCountMoreThan",
        "countNumber": 100,
    }
    assert [rule["selection"] for rule in rules] == [untagged, built]
    (parent,) = {
        pushed.named(typ)[name].parent
        for typ, name in ((REPOSITORY, "mailer-inbox"), (LIFECYCLE, "mailer-inbox-lifecycle"))
    }
    assert parent.endswith("fargate-delivery:index:DeployPipeline::mailer")


def test_nothing_is_built(pushed: Recorder) -> None:
    assert set(pushed.named(PROJECT)) == {"chuoi-package"}
    names = [request.name for request in pushed.requests()]
    assert [name for name in names if name.startswith("mailer-package")] == []
    assert "RunBuilds" not in policy(pushed, ROLE_POLICY, "mailer-pipeline-policy")


@pytest.mark.parametrize(
    ("typ", "name"), [(USER_POLICY, "mailer-uploader-policy"), (ROLE_POLICY, "mailer-upload-policy")]
)
def test_the_uploader_may_push_to_the_inbox_and_pull_nothing(pushed: Recorder, typ: str, name: str) -> None:
    push = (
        "ecr:BatchCheckLayerAvailability ecr:InitiateLayerUpload ecr:UploadLayerPart ecr:CompleteLayerUpload "
        "ecr:BatchGetImage ecr:PutImage ecr:DescribeImages"
    )
    assert policy(pushed, typ, name) == {
        "LogInToRegistry": ("ecr:GetAuthorizationToken", ["*"]),
        "PushImage": (push, [arn(INBOX)]),
    }


def test_the_pipeline_takes_the_image_and_its_own_function_packages_it(pushed: Recorder) -> None:
    pipeline = pushed.inputs(PIPELINE, "mailer-pipeline")
    source, package = (stage["actions"][0] for stage in pipeline["stages"][:2])
    of_steps = {"S3Bucket": STORE, "S3ObjectKey": steps_code.key(), "PollForSourceChanges": "false"}
    assert (source["provider"], source["configuration"]) == ("S3", of_steps)
    assert (package["name"], package["provider"], package["namespace"]) == ("Package", "Lambda", "Package")
    assert "inputArtifacts" not in package
    assert package["outputArtifacts"] == ["package"]
    assert json.loads(package["configuration"]["UserParameters"]) == {
        "step": "package", "image": "#{variables.image}", "source": "#{variables.digest}",
        "pushed": "#{variables.pushed}", "tag": "production", "execution": "#{codepipeline.PipelineExecutionId}",
    }  # fmt: skip
    assert {each["name"]: each["defaultValue"] for each in pipeline["variables"]} == dict.fromkeys(
        ("image", "digest", "pushed"), "none"
    )
    granted = policy(pushed, ROLE_POLICY, "mailer-pipeline-policy")
    assert granted["FetchSource"][1] == [f"arn:aws:s3:::{STORE}/{steps_code.key()}"]
    assert [actions for actions, _ in granted.values() if "ecr:" in actions] == []


def test_an_upload_s_pipeline_has_no_variable_of_a_push(pushed: Recorder) -> None:
    assert [each["name"] for each in pushed.inputs(PIPELINE, "chuoi-pipeline")["variables"]] == ["image", "migration"]


def test_a_push_of_the_tag_starts_it_with_that_image(pushed: Recorder) -> None:
    assert json.loads(pushed.inputs(RULE, "mailer-upload")["eventPattern"]) == {
        "source": ["aws.ecr"],
        "detail-type": ["ECR Image Action"],
        "detail": {
            "action-type": ["PUSH"], "result": ["SUCCESS"], "repository-name": [INBOX], "image-tag": ["production"],
        },
    }  # fmt: skip
    transformer = pushed.inputs(TARGET, "mailer-upload-target")["inputTransformer"]
    assert transformer["inputPaths"] == {"digest": "$.detail.image-digest", "pushed": "$.time"}
    assert json.loads(transformer["inputTemplate"]) == {
        "variables": [{"name": "digest", "value": "<digest>"}, {"name": "pushed", "value": "<pushed>"}],
    }


def test_the_function_knows_the_inbox_and_may_copy_from_it(pushed: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    function = pushed.inputs(FUNCTION, "mailer-steps")
    assert function["timeout"] == 900
    monkeypatch.setenv("SERVICE", function["environment"]["variables"]["SERVICE"])
    settings = Settings.from_environment()
    assert (settings.inbox, settings.platform) == (INBOX, "linux/arm64")
    granted = policy(pushed, ROLE_POLICY, "mailer-steps-policy")
    copy = "ecr:BatchCheckLayerAvailability ecr:InitiateLayerUpload ecr:UploadLayerPart ecr:CompleteLayerUpload ecr:PutImage"
    fetch = "ecr:BatchGetImage ecr:GetDownloadUrlForLayer ecr:DescribeImages"
    assert granted["FetchPushedImage"] == (fetch, [arn(INBOX)])
    assert granted["CopyImage"] == (copy, [arn("dev-mailer")])
    assert granted["ReadLabels"] == ("ecr:GetDownloadUrlForLayer", [arn("dev-mailer")])
    assert granted["FindExecutions"][1] == [f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:dev-mailer"]
    assert granted["ReadReleases"][0] == "ssm:GetParameterHistory"
    (announce,) = [
        each["Condition"]["StringEquals"]["events:detail-type"]
        for each in json.loads(pushed.inputs(ROLE_POLICY, "mailer-steps-policy")["policy"])["Statement"]
        if each["Sid"] == "Announce"
    ]
    assert announce == ["Release Started", "Release Packaged", "Service Released"]


def test_the_function_of_an_upload_s_pipeline_may_none_of_it(pushed: Recorder) -> None:
    granted = policy(pushed, ROLE_POLICY, "chuoi-steps-policy")
    assert not {"FetchPushedImage", "CopyImage"} & granted.keys()
    assert "ReadActions" not in policy(pushed, ROLE_POLICY, "mailer-steps-policy")


def test_the_tag_is_latest_where_nothing_is_said() -> None:
    recorder = with_source()
    package = recorder.inputs(PIPELINE, "mailer-pipeline")["stages"][1]["actions"][0]
    assert json.loads(package["configuration"]["UserParameters"])["tag"] == "latest"
    assert json.loads(recorder.inputs(RULE, "mailer-upload")["eventPattern"])["detail"]["image-tag"] == ["latest"]
