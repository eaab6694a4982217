"""The ECS service of a step, under whichever controller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3

from pipeline_steps.settings import Settings

MOST_TASKS = 100
"""How many tasks DescribeTasks takes."""


@dataclass(frozen=True)
class Deployment:
    """What a service deploys last, at one moment.

    Attributes:
        id: of the deployment; with CodeDeploy, of the task set.
        task_definition: its ARN.
        state: its `rolloutState`; of a task set, its `stabilityStatus`. None where ECS gives none.
        reason: why, where ECS gives one.
        running: how many of its tasks run.
        desired: how many tasks the service wants.
        event: the service's newest event.
        created: when, in seconds since 1970.
    """

    id: str
    task_definition: str
    state: str | None
    reason: str
    running: int
    desired: int
    event: str
    created: float


class Service:
    """The ECS service."""

    def __init__(self, session: boto3.Session, settings: Settings) -> None:
        self._ecs, self._cluster, self._name = session.client("ecs"), settings.cluster, settings.service
        self._by_ecs = settings.controller == "ECS"

    def deployment(self) -> Deployment:
        """The primary deployment or task set."""
        service = self._ecs.describe_services(cluster=self._cluster, services=[self._name])["services"][0]
        kind, state = ("deployments", "rolloutState") if self._by_ecs else ("taskSets", "stabilityStatus")
        primary = next(each for each in service[kind] if each["status"] == "PRIMARY")
        events = service.get("events") or [{"message": ""}]
        return Deployment(
            id=primary["id"],
            task_definition=primary["taskDefinition"],
            state=primary.get(state),
            reason=primary.get("rolloutStateReason", ""),
            running=primary["runningCount"],
            desired=service["desiredCount"],
            event=events[0]["message"],
            created=primary["createdAt"].timestamp(),
        )

    def start(self, tasks: int) -> str | None:
        """Set how many tasks the service wants.

        Returns:
            The id of the deployment that ECS begins for that; None with CodeDeploy's controller, which refuses one.
        """
        new_deployment = {"forceNewDeployment": True} if self._by_ecs and tasks else {}
        answer = self._ecs.update_service(
            cluster=self._cluster, service=self._name, desiredCount=tasks, **new_deployment
        )
        deployments = answer["service"]["deployments"] if self._by_ecs else []
        return next((str(each["id"]) for each in deployments if each["status"] == "PRIMARY"), None)

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
