"""The action that deploys an ECS service by CodeDeploy: blue/green.

It registers the task definition of an artifact with the images of others, and hands its revision to CodeDeploy in an
AppSpec. https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECSbluegreen.html
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from sandbox.codepipeline.actions.context import ActionContext, ActionFailure, ActionResult, permission_or
from sandbox.codepipeline.artifacts import get, read_file
from sandbox.codepipeline.model import Json

DEFAULT_TASK_DEFINITION, DEFAULT_APPSPEC = "taskdef.json", "appspec.yaml"
IMAGE_DETAIL, REVISION = "imageDetail.json", "<TASK_DEFINITION>"
MOST_IMAGES = 4
MOST_BYTES = 3 * 1024 * 1024
FINISHED = {"Succeeded", "Failed", "Stopped"}


def run(context: ActionContext) -> ActionResult:
    """Deploy, and wait for CodeDeploy's end of it, which includes the wait before the old tasks go."""
    configuration = context.configuration
    application, group = configuration["ApplicationName"], configuration["DeploymentGroupName"]
    definition = _definition(context)
    appspec = _text(context, "AppSpecTemplate", DEFAULT_APPSPEC)
    if REVISION not in appspec:
        raise ActionFailure("ConfigurationError", f"The AppSpec has no placeholder {REVISION}.")
    codedeploy, ecs = context.client("codedeploy"), context.client("ecs")
    try:
        revision = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
        content = appspec.replace(REVISION, revision)
        location = {
            "revisionType": "AppSpecContent",
            "appSpecContent": {"content": content, "sha256": hashlib.sha256(content.encode()).hexdigest()},
        }
        codedeploy.get_application(applicationName=application)
        codedeploy.register_application_revision(applicationName=application, revision=location)
        codedeploy.get_application_revision(applicationName=application, revision=location)
        deployment = codedeploy.create_deployment(
            applicationName=application, deploymentGroupName=group, revision=location
        )["deploymentId"]
        context.action.external_id = deployment
        context.action.external_url = context.console("codedeploy", f"deployments/{deployment}")
        info = codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]
        codedeploy.get_deployment_config(deploymentConfigName=info["deploymentConfigName"])
        return _wait(context, codedeploy, deployment)
    except ParamValidationError as error:
        raise ActionFailure("ConfigurationError", f"The task definition is not valid: {error}") from error
    except ClientError as error:
        raise permission_or(error, "ConfigurationError", f"to deploy by the deployment group {group}") from error


def _wait(context: ActionContext, codedeploy: Any, deployment: str) -> ActionResult:
    while True:
        info = codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]
        if info["status"] in FINISHED:
            break
        context.pause(5)
    if info["status"] != "Succeeded":
        error = info.get("errorInformation", {})
        raise ActionFailure(
            "JobFailed",
            f"Deployment {deployment} {info['status'].lower()}: {error.get('code', '')}: {error.get('message', '')}",
        )
    return ActionResult(f"Deployment {deployment} succeeded")


def _definition(context: ActionContext) -> Json:
    """RegisterTaskDefinition's parameters, with every placeholder of an image replaced."""
    text = _text(context, "TaskDefinitionTemplate", DEFAULT_TASK_DEFINITION)
    for number in range(1, MOST_IMAGES + 1):
        name = context.configuration.get(f"Image{number}ContainerName")
        artifact = context.configuration.get(f"Image{number}ArtifactName")
        if not name or not artifact:
            continue
        placeholder = f"<{name}>"
        if placeholder not in text:
            raise ActionFailure("ConfigurationError", f"The task definition has no placeholder {placeholder}.")
        text = text.replace(placeholder, _image(context, artifact))
    try:
        definition = json.loads(text)
    except ValueError as error:
        raise ActionFailure("ConfigurationError", f"The task definition is not valid JSON: {error}") from error
    return dict(definition)


def _image(context: ActionContext, artifact: str) -> str:
    content = _file(context, artifact, IMAGE_DETAIL)
    try:
        return str(json.loads(content)["ImageURI"])
    except (ValueError, KeyError, TypeError) as error:
        raise ActionFailure(
            "ConfigurationError", f"{IMAGE_DETAIL} of the artifact {artifact} has no ImageURI: {error!r}"
        ) from error


def _text(context: ActionContext, kind: str, default: str) -> str:
    configuration = context.configuration
    path = configuration.get(f"{kind}Path", default)
    try:
        return _file(context, configuration[f"{kind}Artifact"], path).decode()
    except UnicodeDecodeError as error:
        raise ActionFailure("ConfigurationError", f"{path} is not UTF-8: {error}") from error


def _file(context: ActionContext, name: str, path: str) -> bytes:
    artifact = next((each for each in context.inputs if each.name == name), None)
    if artifact is None:
        raise ActionFailure("ConfigurationError", f"The artifact {name} is none of the action's inputs.")
    try:
        content = get(context.client("s3"), artifact)
        file = read_file(content, path) if len(content) <= MOST_BYTES else None
    except ClientError as error:
        doing = f"to access the artifact {name} in the Amazon S3 bucket named {artifact.bucket}"
        raise permission_or(error, "ConfigurationError", doing) from error
    except zipfile.BadZipFile as error:
        raise ActionFailure("ConfigurationError", f"The artifact {name} is not a zip file.") from error
    if len(content) > MOST_BYTES:
        raise ActionFailure("ConfigurationError", f"The artifact {name} has more than 3 MB.")
    if file is None:
        raise ActionFailure("ConfigurationError", f"The artifact {name} has no file {path}.")
    return file
