"""The deploy pipeline's stages and actions, as CodePipeline takes them: functions without resources."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict, cast

import pulumi
import pulumi_aws as aws

from pipeline_steps.package.built import BUILD
from releases.executions import IMAGE, MIGRATION, NO_IMAGE, REBUILD

Stage: TypeAlias = "aws.codepipeline.PipelineStageArgsDict"
Action: TypeAlias = "aws.codepipeline.PipelineStageActionArgsDict"
Condition: TypeAlias = "aws.codepipeline.PipelineStageBeforeEntryConditionArgsDict"

IMAGE_DEFINITIONS = "imagedefinitions.json"
PACKAGE, DEPLOYMENT = "package", "deployment"
"""The artifacts: of Package, and of Template, which is what CodeDeploy deploys."""
CHOSEN_IMAGE = f"#{{variables.{IMAGE}}}"
"""What an execution's variable says of the image, in an action's configuration."""
CHOSEN_MIGRATION = f"#{{variables.{MIGRATION}}}"
"""What it says of the image's migration, where the service has one."""
SOURCE_VERSION = "#{Source.VersionId}"
"""The version of the object that Source has fetched."""
EXECUTION = "#{codepipeline.PipelineExecutionId}"


class Flow(TypedDict, total=False):
    """What goes in and out of an action."""

    namespace: str
    """What its variables are referred to by."""
    input_artifacts: list[str]
    output_artifacts: list[str]


def source(bucket: pulumi.Input[str], key: pulumi.Input[str]) -> Stage:
    """Source: an object of a bucket, such as the uploaded zip, in the version that the execution was started with."""
    configuration = {"S3Bucket": bucket, "S3ObjectKey": key, "PollForSourceChanges": "false"}
    action = aws_action(
        "Source", "Source", "S3", configuration, {"namespace": "Source", "output_artifacts": ["source"]}
    )
    return {"name": "Source", "actions": [action]}


def build(project: pulumi.Input[str]) -> Stage:
    """Build: an image of the source. An execution that was given an image waits for no build machine."""
    variables = {"IMAGE": CHOSEN_IMAGE, "SOURCE_VERSION": SOURCE_VERSION, "EXECUTION": EXECUTION}
    environment = [{"name": key, "value": value, "type": "PLAINTEXT"} for key, value in variables.items()]
    configuration = {"ProjectName": project, "EnvironmentVariables": json.dumps(environment)}
    flow: Flow = {"namespace": BUILD, "input_artifacts": ["source"]}
    return {
        "name": BUILD,
        "before_entry": {"condition": _only_if(CHOSEN_IMAGE, "MATCHES", f"^({NO_IMAGE}|{REBUILD})$")},
        "actions": [aws_action(BUILD, "Build", "CodeBuild", configuration, flow)],
    }


def package(steps: pulumi.Input[str], start: Mapping[str, str]) -> Stage:
    """Package: an image digest, whether it is to be deployed, and what the later stages say and need of it.

    Args:
        steps: the Lambda function of the pipeline's own steps.
        start: `source`, the version of the upload, or the digest of what was pushed; `pushed`, when; and `tag`, where
            images are pushed under one.
    """
    parameters = {"image": CHOSEN_IMAGE, **start, "execution": EXECUTION}
    flow: Flow = {"namespace": "Package", "output_artifacts": [PACKAGE]}
    return {"name": "Package", "actions": [step_action("Package", steps, parameters, flow)]}


def object_created(bucket: pulumi.Input[str], key: str) -> dict[str, Any]:
    """The pattern of S3's events when an object is written."""
    return {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket]}, "object": {"key": [key]}},
    }


def approve(*, migrates: bool) -> Stage:
    """Approve: somebody reads what would be deployed, and says yes or no within CodePipeline's 7 days.

    CodePipeline shows CustomData to whoever approves; a configuration value has at most 1000 characters.

    Args:
        migrates: whether the service has migrations.
    """
    question = "#{Package.SUMMARY}" + (f"; migration: {CHOSEN_MIGRATION}" if migrates else "")
    action = aws_action("Approve", "Approval", "Manual", {"CustomData": question}, {})
    return {"name": "Approve", "before_entry": {"condition": _something_to_deploy()}, "actions": [action]}


def deploy(*, actions: Sequence[Action], migrates: bool, sleeps: bool, steps: pulumi.Input[str]) -> Stage:
    """Deploy: one stage, so that no second release slips in between its actions.

    Args:
        actions: those of the strategy; the last one deploys.
        migrates: whether the service has migrations.
        sleeps: whether it may have no tasks, by its schedule.
        steps: the Lambda function that migrates, and makes the deployed image the released one.
    """
    *before, last = actions
    chosen = "Template" if before else "Package"
    image = {"digest": f"#{{{chosen}.IMAGE_DIGEST}}", "execution": EXECUTION}
    deployed_image = {
        **image,
        "source": f"#{{{chosen}.SOURCE}}",
        "commit": f"#{{{chosen}.COMMIT}}",
        "repository": f"#{{{chosen}.COMMIT_REPOSITORY}}",
        "uploaded": "#{Package.UPLOADED}",
    }
    if sleeps:
        deployed_image["woken"] = "#{Wake.WOKEN}"
    migration = {"migration": CHOSEN_MIGRATION} if migrates else {}
    template: Flow = {"input_artifacts": [DEPLOYMENT]} if before else {}
    in_order = [
        *before,
        *([step_action("Migrate", steps, {**image, **migration}, template)] if migrates else []),
        *([step_action("Wake", steps, {}, {"namespace": "Wake"})] if sleeps else []),
        last,
        step_action("Release", steps, {**deployed_image, **migration}, {}),
    ]
    return {
        "name": "Deploy",
        "before_entry": {"condition": _something_to_deploy()},
        "actions": [{**action, "run_order": order} for order, action in enumerate(in_order, start=1)],
    }


def step_action(name: str, function: pulumi.Input[str], parameters: Mapping[str, str], flow: Flow) -> Action:
    """A Lambda action that runs one of the pipeline's own steps; its parameters have at most 1000 characters."""
    user_parameters = json.dumps({"step": name.lower(), **parameters}, separators=(",", ":"))
    return aws_action(name, "Invoke", "Lambda", {"FunctionName": function, "UserParameters": user_parameters}, flow)


def aws_action(
    name: str,
    category: Literal["Source", "Build", "Approval", "Deploy", "Invoke"],
    provider: str,
    configuration: Mapping[str, pulumi.Input[str]],
    flow: Flow,
) -> Action:
    """An action of AWS's own."""
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return cast(Action, {"name": name, **kind, "configuration": configuration, **flow})


def _something_to_deploy() -> Condition:
    """Package says that there is something to deploy."""
    return _only_if("#{Package.DEPLOY}", "EQ", "yes")


def _only_if(variable: str, operator: Literal["EQ", "MATCHES"], value: str) -> Condition:
    """Without it the stage is skipped, and the execution goes on."""
    return {
        "result": "SKIP",
        "rules": [
            {
                "name": "OnlyIf",
                "rule_type_id": {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"},
                "configuration": {"Variable": variable, "Value": value, "Operator": operator},
            }
        ],
    }
