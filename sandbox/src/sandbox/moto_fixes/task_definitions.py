"""A family's name means its newest ACTIVE revision: moto takes the newest one, though it was deregistered.

ECS API reference, DescribeTaskDefinition: `taskDefinition`.
"""

from __future__ import annotations

from moto.ecs.exceptions import TaskDefinitionNotFoundException
from moto.ecs.models import EC2ContainerServiceBackend, TaskDefinition

_describe_task_definition = EC2ContainerServiceBackend.describe_task_definition


def apply() -> None:
    """Have moto's ECS look at the status."""
    EC2ContainerServiceBackend.describe_task_definition = _describe  # type: ignore[method-assign]


def _describe(self: EC2ContainerServiceBackend, task_definition_str: str) -> TaskDefinition:
    family = task_definition_str.rpartition("/")[2]
    if ":" in family:
        return _describe_task_definition(self, task_definition_str)
    revisions = self.task_definitions.get(family, {})
    active = [number for number, revision in revisions.items() if revision.status == "ACTIVE"]
    if not active:
        raise TaskDefinitionNotFoundException()
    return revisions[max(active)]
