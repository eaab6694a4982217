"""The ECS standard deployment action.

It makes its own revision of the task definition that the service uses, with other images, deploys it and
waits. Calls and permissions: https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECS.html
"""

from __future__ import annotations

import json
import time
import zipfile
from typing import Any

from botocore.exceptions import ClientError

from sandbox.codepipeline.actions.context import ActionContext, ActionFailure, ActionResult, permission_or
from sandbox.codepipeline.artifacts import get, read_file
from sandbox.codepipeline.model import Json
from sandbox.readings import Readings

DEFAULT_FILE = "imagedefinitions.json"
DEFAULT_MINUTES = 60
NOT_REGISTERED = (
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
)


def run(context: ActionContext) -> ActionResult:
    cluster, name = context.configuration["ClusterName"], context.configuration["ServiceName"]
    images = _images(context)
    ecs = context.client("ecs")
    try:
        service = describe(ecs, cluster, name)
        answer = ecs.describe_task_definition(taskDefinition=service["taskDefinition"], include=["TAGS"])
        clone = revised(answer["taskDefinition"], answer.get("tags", []), images)
        revision = ecs.register_task_definition(**clone)["taskDefinition"]["taskDefinitionArn"]
        updated = ecs.update_service(cluster=cluster, service=name, taskDefinition=revision)["service"]
        deployment = next((d for d in updated.get("deployments", []) if d["status"] == "PRIMARY"), None)
        if deployment is None:
            raise ActionFailure("ConfigurationError", f"The service {name} is not deployed by ECS itself.")
        context.action.external_id = deployment["id"]
        context.action.external_url = context.console("ecs", f"clusters/{cluster}/services/{name}/events")
        return _wait(context, ecs, cluster, name, deployment["id"], revision)
    except ClientError as error:
        raise permission_or(error, "ConfigurationError", f"to deploy the Amazon ECS service {name}") from error


def describe(ecs: Any, cluster: str, name: str) -> Json:
    """The service; ActionFailure when it does not exist or is not active."""
    services = ecs.describe_services(cluster=cluster, services=[name])["services"]
    if not services or services[0]["status"] != "ACTIVE":
        raise ActionFailure("ConfigurationError", f"The Amazon ECS service {name} in cluster {cluster} does not exist.")
    return dict(services[0])


def revised(definition: Json, tags: list[Json], images: dict[str, str]) -> Json:
    """RegisterTaskDefinition's parameters: everything as it was, but the images of the named containers."""
    containers = definition["containerDefinitions"]
    unknown = sorted(set(images) - {container["name"] for container in containers})
    if unknown:
        raise ActionFailure(
            "ConfigurationError",
            f"The image definitions file names containers that the task definition {definition['family']} does not"
            f" have: {', '.join(unknown)}",
        )
    clone = {key: value for key, value in definition.items() if key not in NOT_REGISTERED}
    clone["containerDefinitions"] = [{**c, "image": images.get(c["name"], c["image"])} for c in containers]
    return {**clone, "tags": tags} if tags else clone


def parse_images(content: bytes, file: str) -> dict[str, str]:
    """`[{"name": container, "imageUri": image}, …]`; ActionFailure when it is anything else."""
    try:
        return {str(entry["name"]): str(entry["imageUri"]) for entry in json.loads(content)}
    except (ValueError, TypeError, KeyError) as error:
        raise ActionFailure(
            "ConfigurationError",
            f"Exception while trying to read the image artifact file: {file}. Invalid image definitions: {error!r}",
        ) from error


def _images(context: ActionContext) -> dict[str, str]:
    file = context.configuration.get("FileName", DEFAULT_FILE)
    artifact = context.inputs[0]
    try:
        content = read_file(get(context.client("s3"), artifact), file)
    except ClientError as error:
        doing = f"to access the artifact {artifact.name} in the Amazon S3 bucket named {artifact.bucket}"
        raise permission_or(error, "ConfigurationError", doing) from error
    except zipfile.BadZipFile as error:
        raise ActionFailure("ConfigurationError", f"The input artifact {artifact.name} is not a ZIP file.") from error
    if content is None:
        raise ActionFailure(
            "ConfigurationError",
            f"Did not find the image definition file {file} in the input artifacts ZIP file. Verify the file is stored"
            f" in your pipeline's Amazon S3 artifact bucket: {artifact.bucket} key: {artifact.key}",
        )
    return parse_images(content, file)


def _wait(context: ActionContext, ecs: Any, cluster: str, name: str, deployment_id: str, revision: str) -> ActionResult:
    minutes = float(context.configuration.get("DeploymentTimeout") or DEFAULT_MINUTES)
    deadline, readings = context.scaled_deadline(minutes), context.account.readings
    listed = False  # an answer may be older than the deployment
    while time.monotonic() < deadline:
        service = describe(ecs, cluster, name)
        deployment = next((d for d in service["deployments"] if d["id"] == deployment_id), None)
        listed = listed or deployment is not None
        problem = deployment_problem(service, deployment_id) if listed else None
        if problem and not readings.hanging_action:
            raise ActionFailure("JobFailed", problem + _last_stopped(context, cluster, name, deployment_id))
        if deployment and not problem and (_completed(service, deployment) or _ends_early(readings, deployment)):
            return ActionResult(f"Deployment {deployment_id} of {revision} completed.")
        context.pause(5)
    raise ActionFailure(
        "TimeoutError",
        f"The Amazon ECS service {name} did not become stable within {minutes:g} minutes."
        + _last_stopped(context, cluster, name, deployment_id),
    )


def _completed(service: Json, deployment: Json) -> bool:
    """Where no state is given, it is completed when its tasks are all that there are."""
    alone = len(service["deployments"]) == 1 and deployment.get("runningCount") == deployment.get("desiredCount")
    return bool(deployment["rolloutState"] == "COMPLETED" if "rolloutState" in deployment else alone)


def _ends_early(readings: Readings, deployment: Json) -> bool:
    return readings.early_action and 0 < deployment["desiredCount"] <= deployment["runningCount"]


def deployment_problem(service: Json, deployment_id: str) -> str | None:
    """Why the deployment will not complete: it failed, or another one took its place."""
    deployments = {deployment["id"]: deployment for deployment in service["deployments"]}
    current = deployments.get(deployment_id)
    if current and current.get("rolloutState") == "FAILED":
        return f"The deployment {deployment_id} failed: {current['rolloutStateReason']}"
    if current is None or current["status"] != "PRIMARY":
        primary = next(d for d in service["deployments"] if d["status"] == "PRIMARY")
        reason = primary.get("rolloutStateReason", "no reason given")
        return f"The deployment {deployment_id} was superseded by {primary['id']} ({reason})"
    return None


def _last_stopped(context: ActionContext, cluster: str, service: str, deployment: str) -> str:
    """The reason of the last task that stopped by itself: help for the reader, read as the account root."""
    ecs = context.account.client("ecs")
    arns = ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus="STOPPED")["taskArns"]
    stopped = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    tasks = [task for task in stopped if task.get("startedBy") == deployment]
    reasons = [
        f"{task['stoppedReason']}{_exit_codes(task)}"
        for task in tasks
        if task.get("stoppedReason") and not task["stoppedReason"].startswith("Scaling activity")
    ]
    return f" Last stopped task: {reasons[-1]}" if reasons else ""


def _exit_codes(task: Json) -> str:
    codes = [f"{c['name']} exit code {c['exitCode']}" for c in task["containers"] if c.get("exitCode")]
    return f" ({', '.join(codes)})" if codes else ""
