"""The ECS service of a step, under whichever controller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3

from pipeline_steps.settings import Settings
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Deployment

MOST_TASKS = 100
"""How many tasks DescribeTasks takes."""


@dataclass(frozen=True)
class ServiceNow:
    """A service at one moment.

    Attributes:
        deployment: what it deploys last: the primary one.
        desired: how many tasks it wants.
        event: its newest event; "" before the first one.
    """

    deployment: Deployment
    desired: int
    event: str


class Service:
    """The ECS service."""

    def __init__(self, session: boto3.Session, settings: Settings) -> None:
        self._ecs, self._cluster, self._name = session.client("ecs"), settings.cluster, settings.service
        self.controller = CONTROLLERS[settings.controller]

    def read(self) -> ServiceNow:
        """Ask ECS."""
        service = self._ecs.describe_services(cluster=self._cluster, services=[self._name])["services"][0]
        events = service.get("events") or [{"message": ""}]
        return ServiceNow(
            deployment=self.controller.deployments(service)[0],
            desired=service["desiredCount"],
            event=events[0]["message"],
        )

    def start(self, tasks: int) -> str | None:
        """Set how many tasks the service wants.

        Returns:
            The id of the deployment that this begins; None when it begins none.
        """
        return self.controller.set_tasks(self._ecs, self._cluster, self._name, tasks)

    def containers(self, task_definition: str) -> Sequence[Mapping[str, Any]]:
        """A task definition's containers."""
        found = self._ecs.describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
        containers: Sequence[Mapping[str, Any]] = found["containerDefinitions"]
        return containers

    def tasks(self, status: str) -> Iterator[Mapping[str, Any]]:
        """Its tasks whose desired status this is: `RUNNING` or `STOPPED`.

        ListTasks takes `startedBy` as its only filter, and lists running tasks then.
        """
        pages = self._ecs.get_paginator("list_tasks").paginate(
            cluster=self._cluster,
            serviceName=self._name,
            desiredStatus=status,
            PaginationConfig={"PageSize": MOST_TASKS},
        )
        for page in pages:
            if arns := page["taskArns"]:
                yield from self._ecs.describe_tasks(cluster=self._cluster, tasks=arns)["tasks"]
