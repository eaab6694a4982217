"""The environment variables of a build, and the services that their values come from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from sandbox.codebuild.buildspec import Buildspec


class VariableError(Exception):
    """A variable's value cannot be had, in CodeBuild's words."""


@dataclass
class Variables:
    """Values by name, and which of them are secret."""

    values: dict[str, str] = field(default_factory=dict)
    secret: set[str] = field(default_factory=set)


def resolve(
    spec: Buildspec, project: list[dict[str, str]], overrides: list[dict[str, str]], ssm: Any, secrets: Any
) -> Variables:
    """All variables by precedence: the build's, then the project's, then the buildspec's.

    `ssm` and `secrets` are clients with the build's role. Raises VariableError.
    """
    declared: dict[str, tuple[str, str]] = {
        **{name: ("PLAINTEXT", value) for name, value in spec.variables.items()},
        **{name: ("PARAMETER_STORE", value) for name, value in spec.parameter_store.items()},
        **{name: ("SECRETS_MANAGER", value) for name, value in spec.secrets_manager.items()},
        **{entry["name"]: (entry.get("type", "PLAINTEXT"), entry["value"]) for entry in [*project, *overrides]},
    }
    result = Variables()
    parameters = {name: value for name, (kind, value) in declared.items() if kind == "PARAMETER_STORE"}
    stored = _parameters(ssm, sorted(set(parameters.values()))) if parameters else {}
    for name, (kind, value) in declared.items():
        if kind == "PLAINTEXT":
            result.values[name] = value
            continue
        result.secret.add(name)
        result.values[name] = stored[value] if kind == "PARAMETER_STORE" else _secret(secrets, value)
    return result


def _parameters(ssm: Any, names: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for start in range(0, len(names), 10):
        batch = names[start : start + 10]
        try:
            answer = ssm.get_parameters(Names=batch, WithDecryption=True)
        except ClientError as error:
            raise VariableError(_message(error)) from error
        if answer["InvalidParameters"]:
            raise VariableError(f"parameter does not exist: {', '.join(answer['InvalidParameters'])}")
        for parameter in answer["Parameters"]:
            values[parameter["Name"]] = parameter["Value"]
            values[parameter["ARN"]] = parameter["Value"]
            values[parameter["Name"] + parameter.get("Selector", "")] = parameter["Value"]
    return values


def _secret(client: Any, reference: str) -> str:
    """A value `secret-id:json-key:version-stage:version-id`."""
    head, rest = reference, ""
    if reference.startswith("arn:"):
        parts = reference.split(":")
        head, rest = ":".join(parts[:7]), ":".join(parts[7:])
    else:
        head, _, rest = reference.partition(":")
    key, stage, version = (*rest.split(":"), "", "", "")[:3]
    extra = {"VersionStage": stage} if stage else {}
    try:
        text: str = client.get_secret_value(SecretId=head, **extra, **({"VersionId": version} if version else {}))[
            "SecretString"
        ]
    except ClientError as error:
        raise VariableError(_message(error)) from error
    if not key:
        return text
    try:
        return str(json.loads(text)[key])
    except (ValueError, KeyError, TypeError):
        raise VariableError(f"the secret {head} has no key {key}") from None


def _message(error: ClientError) -> str:
    detail = error.response["Error"]
    return f"{detail['Code']}: {detail['Message']}"
