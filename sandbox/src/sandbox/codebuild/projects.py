"""CodeBuild projects: what moto refuses or drops (source type CODEPIPELINE, updates, most settings).

The projects are kept as moto's, so that listing, reading and deleting them stays moto's.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from moto.codebuild.models import CodeBuild, codebuild_backends

from sandbox.account.errors import AwsError
from sandbox.machines import refused_image

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

SOURCE_TYPES = {"BITBUCKET", "CODECOMMIT", "CODEPIPELINE", "GITHUB", "GITHUB_ENTERPRISE", "GITLAB"}
SOURCE_TYPES |= {"GITLAB_SELF_MANAGED", "NO_SOURCE", "S3"}
ARTIFACT_TYPES = {"CODEPIPELINE", "NO_ARTIFACTS", "S3"}
VARIABLE_TYPES = {"PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER"}
SETTINGS = {
    *("name", "description", "source", "secondarySources", "sourceVersion", "secondarySourceVersions"),
    *("artifacts", "secondaryArtifacts", "cache", "environment", "serviceRole", "timeoutInMinutes"),
    *("queuedTimeoutInMinutes", "encryptionKey", "tags", "vpcConfig", "badgeEnabled", "logsConfig"),
    *("fileSystemLocations", "buildBatchConfig", "concurrentBuildLimit", "autoRetryLimit"),
}


def find(account: Account, name: str) -> dict[str, Any]:
    """A project by name or ARN; raises ResourceNotFoundException."""
    arn = name if name.startswith("arn:") else _arn(account, name)
    project = codebuild_backends[account.id][account.region].codebuild_projects.get(arn.rsplit("/", 1)[-1])
    if project is None:
        raise AwsError("ResourceNotFoundException", f"Project cannot be found: {arn}")
    settings: dict[str, Any] = project.project_metadata
    return settings


def create_project(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    name = params["name"]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9\-_]{1,254}", name):
        raise _invalid("Only alphanumeric characters, dash, and underscore are supported")
    backend = codebuild_backends[account.id][account.region]
    if name in backend.codebuild_projects:
        raise AwsError("ResourceAlreadyExistsException", f"Project already exists: {_arn(account, name)}")
    _validate(account, params)
    project = CodeBuild(
        account.id,
        account.region,
        name,
        params.get("description"),
        params["source"],
        params["artifacts"],
        params["environment"],
        params["serviceRole"],
        params.get("tags"),
    )
    project.project_metadata.update(timeoutInMinutes=60, queuedTimeoutInMinutes=480, tags=[])
    project.project_metadata.update(_settings(params))
    backend.codebuild_projects[name] = project
    backend.build_history.setdefault(name, [])
    return {"project": project.project_metadata}


def update_project(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """Replace the given settings as wholes and keep the others."""
    project = find(account, params["name"])
    _validate(account, {**project, **params})
    project.update(_settings(params), lastModifiedDate=time.time())
    return {"project": project}


def batch_get_projects(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    projects, missing = [], []
    for name in params["names"]:
        try:
            projects.append(find(account, name))
        except AwsError:
            missing.append(name)
    return {"projects": projects, "projectsNotFound": missing}


def _settings(params: dict[str, Any]) -> dict[str, Any]:
    unknown = set(params) - SETTINGS
    if unknown:
        raise _invalid(f"not simulated: {', '.join(sorted(unknown))}")
    settings = {key: value for key, value in params.items() if key != "badgeEnabled"}
    if "environment" in settings:
        defaults = {"environmentVariables": [], "privilegedMode": False, "imagePullCredentialsType": "CODEBUILD"}
        settings["environment"] = {**defaults, **settings["environment"]}
    if "badgeEnabled" in params:
        settings["badge"] = {"badgeEnabled": params["badgeEnabled"]}
    return settings


def _validate(account: Account, project: dict[str, Any]) -> None:
    source, artifacts, environment = project["source"], project["artifacts"], project["environment"]
    if source["type"] not in SOURCE_TYPES:
        raise _invalid("Invalid type provided: Project source type")
    if source["type"] not in ("CODEPIPELINE", "NO_SOURCE") and not source.get("location"):
        raise _invalid("Project source location is required")
    if source["type"] == "NO_SOURCE" and not source.get("buildspec"):
        raise _invalid("buildspec is required when source type is NO_SOURCE")
    if artifacts["type"] not in ARTIFACT_TYPES:
        raise _invalid("Invalid type provided: Artifact type")
    if (source["type"] == "CODEPIPELINE") != (artifacts["type"] == "CODEPIPELINE"):
        raise _invalid("Invalid project source: source and artifacts type must both be CODEPIPELINE or neither")
    if artifacts["type"] == "S3" and not artifacts.get("location"):
        raise _invalid("Project artifacts location is required")
    for key in ("type", "image", "computeType"):
        if not environment.get(key):
            raise _invalid(f"Project environment {key} is required")
    if reason := refused_image(environment):
        raise _invalid(reason)
    names = set()
    for variable in environment.get("environmentVariables") or []:
        if variable.get("type", "PLAINTEXT") not in VARIABLE_TYPES:
            raise _invalid(f"Invalid type provided: environment variable {variable['name']}")
        if variable["name"] in names:
            raise _invalid(f"Duplicate environment variable: {variable['name']}")
        names.add(variable["name"])
    _validate_role(account, project.get("serviceRole") or "")


def _validate_role(account: Account, role: str) -> None:
    if not role.startswith(f"arn:aws:iam::{account.id}:role/"):
        raise _invalid("Invalid service role: Service role account ID does not match caller's account")
    try:
        account.validate_role(role, "codebuild.amazonaws.com")
    except AwsError:
        raise _invalid(f"CodeBuild is not authorized to perform: sts:AssumeRole on {role}") from None


def _arn(account: Account, name: str) -> str:
    return f"arn:aws:codebuild:{account.region}:{account.id}:project/{name}"


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidInputException", message)
