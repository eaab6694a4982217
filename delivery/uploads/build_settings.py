"""What a service's build knows of it, read from its CodeBuild project, so that the same image is built here."""

import json
from pathlib import Path
from typing import Any

import boto3

from pipeline_steps.build.settings import Settings
from releases.errors import DeliveryError
from releases.names import build_project

OF_0_1_0 = {"CONTEXT": ".", "DOCKERFILE": "Dockerfile", "REGISTRY_LOGINS": ""}
"""What the builds of version 0.1.0 did, whose projects have no such variables until the first `up` of a later one."""
OF_AN_EXECUTION = ("IMAGE", "SOURCE_VERSION", "EXECUTION", "CODEBUILD_INITIATOR")
"""What only an execution has the build told."""


def plain_variables(session: boto3.Session, name: str) -> dict[str, str]:
    """The build's variables, of those that are kept elsewhere their names there.

    Args:
        session: AWS.
        name: the service's name in AWS.

    Raises:
        DeliveryError: there is no such build.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    return OF_0_1_0 | {each["name"]: each["value"] for each in _variables(session, name)}


def build_settings(session: boto3.Session, name: str, source: Path) -> tuple[Settings, dict[str, str]]:
    """A build's settings and environment, for a source that is here.

    Args:
        session: AWS, which may read what the build may.
        name: the service's name in AWS.
        source: the top of the source.

    Raises:
        DeliveryError: there is no such build, it is of an older version, or a secret has no such key.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    values = {each["name"]: _value(session, each) for each in _variables(session, name)}
    try:
        return Settings.parse({**dict.fromkeys(OF_AN_EXECUTION, ""), **values}, source), values
    except KeyError as error:
        raise DeliveryError(
            f"the CodeBuild project {build_project(name)} was created by an older version of this program, and has no "
            f"variable {error.args[0]}; `up` adds it"
        ) from None


def _variables(session: boto3.Session, name: str) -> list[dict[str, Any]]:
    project = build_project(name)
    projects = session.client("codebuild").batch_get_projects(names=[project])["projects"]
    if not projects:
        raise DeliveryError(f"there is no CodeBuild project {project}; `up` creates it for a service that is built")
    variables: list[dict[str, Any]] = projects[0]["environment"]["environmentVariables"]
    return variables


def _value(session: boto3.Session, variable: dict[str, Any]) -> str:
    """What a build sees of a variable of its project's (CodeBuild, EnvironmentVariable: value; of a secret
    `arn:key:stage:version`, Build specification reference: secrets-manager).
    """
    value, kind = str(variable["value"]), variable.get("type")
    if kind == "PARAMETER_STORE":
        return str(session.client("ssm").get_parameter(Name=value, WithDecryption=True)["Parameter"]["Value"])
    if kind == "SECRETS_MANAGER":
        parts = [*value.split(":"), "", "", ""]
        key, stage, version = parts[7:10]
        asked = {"VersionStage": stage} if stage else {"VersionId": version} if version else {}
        secret = session.client("secretsmanager").get_secret_value(SecretId=":".join(parts[:7]), **asked)
        try:
            return str(json.loads(secret["SecretString"])[key] if key else secret["SecretString"])
        except (ValueError, KeyError, TypeError):
            what = f"key {key}" if key else "text"
            raise DeliveryError(f"the build's secret {variable['name']} has no {what}") from None
    return value
