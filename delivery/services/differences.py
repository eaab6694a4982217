"""What two task definitions differ in besides the service's image, and where each part is written."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from releases.names import parameter_of
from releases.record import EXECUTION_LABEL, FINGERPRINT_LABEL
from releases.service_state import service_containers

METADATA = frozenset(
    {
        "taskDefinitionArn",
        "family",
        "revision",
        "status",
        "registeredAt",
        "registeredBy",
        "deregisteredAt",
        "deleteRequestedAt",
        "requiresAttributes",
        "compatibilities",
    }
)
"""What ECS says of a revision, not what somebody wrote into it (ECS, DescribeTaskDefinition)."""
ABSENT = "-"
CONFIG_KEYS = {
    "cpu": "task.cpu",
    "memory": "task.memory",
    "ephemeralStorage.sizeInGiB": "task.ephemeral_storage",
    "runtimePlatform.cpuArchitecture": "task.architecture",
}
"""Field → key of the service in the stack file."""
OF_THE_PROGRAM = re.compile(r"executionRoleArn|taskRoleArn|.*\.options\.awslogs-(group|region)")


@dataclass(frozen=True)
class Difference:
    """A field that differs.

    Attributes:
        field: its path, such as `memory` or `web.environment.PORT`.
        then: the other revision's value; `-` when it has none.
        now: today's value; `-` when there is none.
    """

    field: str
    then: str
    now: str

    def where(self, stack: str, service: str) -> str:
        """Where to write the old value to bring it back."""
        file, base = f"Pulumi.{stack}.yaml", f"services.{service}"
        if self.field in CONFIG_KEYS:
            return f"{base}.{CONFIG_KEYS[self.field]} in {file}"
        _, _, variable = self.field.partition(".secrets.")
        if variable:
            secret = f"`pulumi config set --secret --path 'fargate-delivery:secrets.{service}.{variable}'`"
            return f"{base}.parameters.{variable} in {file}, or if that is a secret {secret}"
        if OF_THE_PROGRAM.fullmatch(self.field):
            return "components/service/ecs_service.py makes it"
        if self.field.endswith((".portMappings", ".environment.PORT")):
            return f"{base}.task.port in {file}, or the template in task_templates/ that {base}.task.template names"
        return f"the template in task_templates/ that {base}.task.template in {file} names"


def differences(then: dict[str, Any], now: dict[str, Any], repository: str) -> list[Difference]:
    """All fields that differ but the images of the service's own containers and what ECS adds.

    Args:
        then: a task definition as DescribeTaskDefinition gives it.
        now: another.
        repository: the service's own image repository.
    """
    before, after = dict(_fields(then, repository)), dict(_fields(now, repository))
    return [
        Difference(field, before.get(field, ABSENT), after.get(field, ABSENT))
        for field in sorted(before.keys() | after.keys())
        if before.get(field) != after.get(field)
    ]


def _fields(definition: dict[str, Any], repository: str) -> Iterator[tuple[str, str]]:
    of_service = service_containers(definition, repository)
    for key, value in definition.items():
        if key == "containerDefinitions":
            for container in value:
                yield from _container(container, container["name"] in of_service)
        elif key not in METADATA:
            yield from _flat(key, value)


def _container(container: dict[str, Any], of_service: bool) -> Iterator[tuple[str, str]]:
    name = container["name"]
    for key, value in container.items():
        if key == "name" or (key == "image" and of_service):
            continue
        if key == "environment":
            yield from ((f"{name}.environment.{entry['name']}", entry["value"]) for entry in value)
        elif key == "secrets":
            yield from ((f"{name}.secrets.{entry['name']}", parameter_of(entry["valueFrom"])) for entry in value)
        elif key == "dockerLabels":
            labels = {label: text for label, text in value.items() if label not in (FINGERPRINT_LABEL, EXECUTION_LABEL)}
            yield from _flat(f"{name}.dockerLabels", labels)
        else:
            yield from _flat(f"{name}.{key}", value)


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Objects by their fields; a list is one value; what is empty is as good as not there."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{path}.{key}", item)
    elif isinstance(value, list):
        if value:
            yield path, json.dumps(value, sort_keys=True)
    else:
        yield path, str(value)
