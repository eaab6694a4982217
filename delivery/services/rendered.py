"""A service's task definition as `up` would register it, from this checkout: without the engine and its state.

What only a resource knows, its roles and the names of its own values, is taken from what runs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

from delivery.stack_files.check import check_file
from releases.ecs import describe_revision
from releases.errors import DeliveryError
from releases.names import LIVE, aws_name, environment_file_key, log_group, runtime_value_name
from releases.repository import Repository
from releases.service_state import ServiceState

NEW = "-NEW"
"""How the name ends of a value that is declared and that nothing reads yet; Pulumi adds other letters."""


def rendered(session: boto3.Session, folder: Path, stack: str, state: ServiceState) -> dict[str, Any]:
    """The task definition, as RegisterTaskDefinition takes it, with the image that is live.

    Args:
        session: AWS.
        folder: the program's, with the stack files.
        stack: the stack.
        state: the service.

    Raises:
        DeliveryError: the stack file has a mistake, or no such service.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    checked = check_file(folder, stack, unset=True)
    from components.scope import Scope  # which load the SDKs of Pulumi
    from components.service.connections import names_of
    from components.service.rendered_template import known_values

    name, config = aws_name(stack, state.service), checked.config.services.get(state.service)
    if config is None:
        declared = ", ".join(sorted(checked.config.services)) or "none"
        raise DeliveryError(f"Pulumi.{stack}.yaml has no service {state.service}; there are: {declared}")
    running = describe_revision(session.client("ecs"), state.task_definition)
    _, partition, _, region, account, _ = state.task_definition.split(":", 5)
    scope = Scope(stack, partition, region, account)
    repository = f"{account}.dkr.ecr.{region}.{scope.dns_suffix}/{name}"
    live = Repository(session, name).digest(LIVE)
    files = checked.environment_files[state.service]
    template = checked.templates[state.service].with_storage(config.task.ephemeral_storage)
    template = template.with_volumes(config.task.volumes)
    template = template.with_environment_files() if files else template
    if any(state.service in names_of(other.connects_to) for other in checked.config.services.values()):
        template = template.with_port_name()
    store = _store(session, name) if files else ""
    values = {
        **known_values(scope, state.service, config.task),
        "image": f"{repository}@{live}" if live else f"{repository}:{LIVE}",
        "log_group": log_group(name),
        "execution_role_arn": running.get("executionRoleArn"),
        "task_role_arn": running.get("taskRoleArn"),
        "secrets": _secrets(scope, state.service, config.parameters, running),
        "environment_files": [
            {"type": "s3", "value": file if isinstance(file, str) else _object(scope, store, state.service, file)}
            for file in files
        ],
    }
    document: dict[str, Any] = template.render(values)
    return document


def as_written(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A task definition of ECS's without the values that ECS has added: a container's `cpu` of 0, and a `hostPort` that
    is the container's, which awsvpc asks for (ECS API, ContainerDefinition: cpu; PortMapping: hostPort).
    """
    containers = []
    for container in definition["containerDefinitions"]:
        ports = [
            {key: value for key, value in mapping.items() if key != "hostPort" or value != mapping.get("containerPort")}
            for mapping in container.get("portMappings", [])
        ]
        kept = {key: value for key, value in container.items() if (key, value) != ("cpu", 0)}
        containers.append({**kept, **({"portMappings": ports} if ports else {})})
    return {**definition, "containerDefinitions": containers}


def _secrets(
    scope: Any, service: str, parameters: Mapping[str, Any], running: Mapping[str, Any]
) -> list[dict[str, str]]:
    """What the task reads; a value of the service's own is the one that runs."""
    runs = {
        secret["name"]: secret["valueFrom"]
        for container in running["containerDefinitions"]
        for secret in container.get("secrets", [])
    }
    found = {}
    for variable, parameter in parameters.items():
        if "runtime" not in parameter.readers:
            continue
        own = runtime_value_name(scope.stack, service, variable)
        if parameter.secrets_manager is not None:
            found[variable] = parameter.secrets_manager.reference
        elif parameter.external is not None:
            found[variable] = scope.arn("ssm", f"parameter{parameter.external.name}")
        elif f":parameter{own}-" in runs.get(variable, ""):
            found[variable] = runs[variable]
        else:
            found[variable] = scope.arn("ssm", f"parameter{own}{NEW}")
    return [{"name": variable, "valueFrom": found[variable]} for variable in sorted(found)]


def _object(scope: Any, store: str, service: str, file: Any) -> str:
    """The object of an environment file of this checkout."""
    return f"arn:{scope.partition}:s3:::{store}/{environment_file_key(service, file.digest, file.name)}"


def _store(session: boto3.Session, name: str) -> str:
    """The delivery store's bucket, which is where the pipeline's artifacts are."""
    return str(session.client("codepipeline").get_pipeline(name=name)["pipeline"]["artifactStore"]["location"])
