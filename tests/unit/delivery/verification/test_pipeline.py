"""Pipelines, what starts them, and where sources arrive: what is gone."""

from typing import Any

import pytest
from delivery_aws import RefusedError
from verified import Answers, arn, released, subject

from delivery.verification.pipeline import pipeline, sources, triggers

UP = "`delivery up --stack dev` puts it back"
PIPELINE = arn("codepipeline", "dev-web")
ACTIONS = [
    {"name": "Source", "actionTypeId": {"provider": "S3"}, "configuration": {"S3Bucket": "b", "S3ObjectKey": "k"}},
    {"name": "Build", "actionTypeId": {"provider": "CodeBuild"}, "configuration": {"ProjectName": "dev-web-package"}},
    {"name": "Package", "actionTypeId": {"provider": "Lambda"}, "configuration": {"FunctionName": "dev-web-steps"}},
    {"name": "Approve", "actionTypeId": {"provider": "Manual"}},
]
HEALTHY: dict[str, Any] = {
    "GetPipeline": {"pipeline": {"stages": [{"name": "All", "actions": ACTIONS}]}},
    "GetPipelineState": {"stageStates": [{"stageName": "All", "inboundTransitionState": {"enabled": True}}]},
    "BatchGetProjects": {"projects": [{"name": "dev-web-package"}]},
    "GetFunction": {"Configuration": {"FunctionName": "dev-web-steps"}},
    "DescribeRule": {"Name": "dev-web-upload", "State": "ENABLED"},
    "ListTargetsByRule": {"Targets": [{"Id": "1", "Arn": PIPELINE}]},
    "GetBucketVersioning": {"Status": "Enabled"},
    "GetBucketNotificationConfiguration": {"EventBridgeConfiguration": {}},
}


def service(**answers: Any) -> Answers:
    aws = released()
    aws.answers |= {**HEALTHY, **answers}
    return aws


def found(aws: Answers) -> list[tuple[str, str]]:
    one = subject(aws)
    return [*pipeline(one), *triggers(one), *sources([one])]


def test_all_is_well() -> None:
    aws = service()
    assert found(aws) == []
    asked = {operation: given for _, operation, given in aws.calls}
    assert asked["DescribeRule"] == {"Name": "dev-web-upload"}
    assert asked["BatchGetProjects"] == {"names": ["dev-web-package"]}


GONE = RefusedError("ResourceNotFoundException")
CLOSED = {
    "stageName": "Deploy",
    "inboundTransitionState": {"enabled": False, "disabledReason": "a sale", "lastChangedBy": "arn:aws:iam::1:user/me"},
}
WRONG: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "the project is gone": (
        {"BatchGetProjects": {"projects": [], "projectsNotFound": ["dev-web-package"]}},
        ("the CodeBuild project dev-web-package is gone, which the pipeline builds with", UP),
    ),
    "the function is gone": (
        {"GetFunction": GONE},
        ("the function dev-web-steps is gone, which the pipeline calls", UP),
    ),
    "a stage is closed": (
        {"GetPipelineState": {"stageStates": [CLOSED]}},
        (
            "no release enters the stage Deploy of the pipeline, by me: a sale",
            "`delivery unfreeze web --stack dev`",
        ),
    ),
    "another stage is closed": (
        {"GetPipelineState": {"stageStates": [{**CLOSED, "stageName": "Package"}]}},
        (
            "no release enters the stage Package of the pipeline, by me: a sale",
            "`aws codepipeline enable-stage-transition --pipeline-name dev-web --stage-name Package "
            "--transition-type Inbound`",
        ),
    ),
    "the rule is gone": (
        {"DescribeRule": GONE},
        ("the rule dev-web-upload is gone, so nothing starts the pipeline", UP),
    ),
    "the bucket is gone": (
        {"GetBucketVersioning": RefusedError("NoSuchBucket")},
        ("the bucket b is gone, which sources are uploaded to", UP),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong(case: str) -> None:
    answers, problem = WRONG[case]
    assert found(service(**answers)) == [problem]


def test_without_a_pipeline_nothing_else_is_asked() -> None:
    aws = service(GetPipeline=RefusedError("PipelineNotFoundException"))
    assert found(aws) == [("the pipeline dev-web is gone", UP)]
    assert "DescribeRule" not in [operation for _, operation, _ in aws.calls]
