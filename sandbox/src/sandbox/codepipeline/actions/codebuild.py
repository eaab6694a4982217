"""CodeBuild actions.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html
"""

from __future__ import annotations

import json
import time
from typing import Any

from botocore.exceptions import ClientError

from sandbox.codepipeline.actions.context import ActionContext, ActionFailure, ActionResult, permission_or
from sandbox.codepipeline.model import Artifact, Json

LONGEST_BUILD_MINUTES = 8 * 60


def run(context: ActionContext) -> ActionResult:
    """Start the build, wait for its end, take over its exported variables and artifacts."""
    outputs = [context.store.place(name) for name in context.output_names]
    request = start_request(context, outputs)
    client = context.client("codebuild")
    try:
        build = client.start_build(**request)["build"]
        context.action.external_id = build["id"]
        context.action.external_url = context.console("codebuild", f"builds/{build['id']}/view/new")
        build = _wait(context, client, build)
    except ClientError as error:
        doing = f"to run the AWS CodeBuild project named {request['projectName']}"
        raise permission_or(error, "ConfigurationError", doing) from error
    if build["buildStatus"] != "SUCCEEDED":
        raise ActionFailure("JobFailed", failure_message(build))
    exported = {v["name"]: v.get("value", "") for v in build.get("exportedEnvironmentVariables", [])}
    revision = _primary(context).revision
    produced = [Artifact(a.name, a.bucket, a.key, revision) for a in outputs]
    return ActionResult("Build terminated with state: SUCCEEDED", exported, produced)


def start_request(context: ActionContext, outputs: list[Artifact]) -> Json:
    """StartBuild's parameters: several outputs are all secondary artifacts, named by the artifact."""
    configuration = context.configuration
    primary = _primary(context)
    variables = environment(configuration.get("EnvironmentVariables", "[]"))
    initiator = {"name": "CODEBUILD_INITIATOR", "value": f"codepipeline/{context.execution.pipeline}"}
    request: Json = {
        "projectName": configuration["ProjectName"],
        "sourceLocationOverride": f"{primary.bucket}/{primary.key}",
        "environmentVariablesOverride": [*variables, {**initiator, "type": "PLAINTEXT"}],
        "artifactsOverride": {"type": "NO_ARTIFACTS"},
    }
    if primary.revision:
        request["sourceVersion"] = primary.revision
    if context.store.encryption_key:
        request["encryptionKeyOverride"] = context.store.encryption_key
    secondary = [artifact for artifact in context.inputs if artifact.name != primary.name]
    if secondary:
        request["secondarySourcesOverride"] = [
            {"type": "S3", "location": f"{a.bucket}/{a.key}", "sourceIdentifier": a.name} for a in secondary
        ]
    if len(outputs) == 1:
        request["artifactsOverride"] = _destination(outputs[0])
    elif outputs:
        request["secondaryArtifactsOverride"] = [_destination(artifact) for artifact in outputs]
    return request


def environment(text: str) -> list[dict[str, str]]:
    """The action's EnvironmentVariables, a JSON list of {name, value, type?}."""
    try:
        declared = json.loads(text)
        return [{"type": "PLAINTEXT", **{k: str(v) for k, v in entry.items()}} for entry in declared]
    except (ValueError, AttributeError) as error:
        raise ActionFailure(
            "ConfigurationError", f"EnvironmentVariables is not a JSON list of name, value and type: {error}"
        ) from error


def failure_message(build: Json) -> str:
    """How the build ended, with the failing phase's own message."""
    message = f"Build terminated with state: {build['buildStatus']}"
    for phase in build.get("phases", []):
        if phase.get("phaseStatus", "SUCCEEDED") == "SUCCEEDED":
            continue
        contexts = "; ".join(f"{c.get('statusCode', '')}: {c.get('message', '')}" for c in phase.get("contexts", []))
        return f"{message}. Phase: {phase['phaseType']}, {contexts or phase['phaseStatus']}"
    return message


def _primary(context: ActionContext) -> Artifact:
    name = context.configuration.get("PrimarySource")
    return next((a for a in context.inputs if a.name == name), context.inputs[0])


def _destination(artifact: Artifact) -> Json:
    path, _, name = artifact.key.rpartition("/")
    return {
        "type": "S3",
        "location": artifact.bucket,
        "path": path,
        "name": name,
        "packaging": "ZIP",
        "artifactIdentifier": artifact.name,
    }


def _wait(context: ActionContext, client: Any, build: Json) -> Json:
    deadline = context.deadline(LONGEST_BUILD_MINUTES)
    while True:
        logs = build.get("logs") or {}
        context.action.log_stream_arn = logs.get("cloudWatchLogsArn") or context.action.log_stream_arn
        if build["buildStatus"] != "IN_PROGRESS":
            return build
        if time.monotonic() > deadline:
            raise ActionFailure("TimeoutError", f"The build {build['id']} did not end in time.")
        context.pause(5)
        builds = client.batch_get_builds(ids=[build["id"]])["builds"]
        if not builds:
            raise ActionFailure("JobFailed", f"The build {build['id']} does not exist any more.")
        build = builds[0]
