"""Tasks that have failed: why they stopped, and the end of what they logged."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import boto3

from releases.ecs import describe_revision, describe_tasks, log_stream
from releases.failure import last_messages

Task = dict[str, Any]
"""A task as DescribeTasks has it."""
LOG_LINES = 10
"""How many lines of each container are read."""
SCALED = "Scaling activity"
"""How ECS's reason begins for a task that it has stopped because fewer are wanted, or others."""


def failed(ecs: Any, cluster: str, service: str) -> list[dict[str, Any]]:
    """The tasks of a service that have stopped, and not because others were to run; the last one at the end.

    ECS forgets a task about an hour after it has stopped.

    Args:
        ecs: ECS's client.
        cluster: the ECS cluster's name.
        service: the ECS service's name.
    """
    stopped = describe_tasks(ecs, cluster, serviceName=service, desiredStatus="STOPPED")
    found = [task for task in stopped if not task.get("stoppedReason", "").startswith(SCALED)]
    return sorted(found, key=lambda task: str(task.get("stoppedAt", "")))


def last_failed(ecs: Any, cluster: str, service: str, migration: str, since: datetime | None = None) -> Task | None:
    """The last task that has failed, of a service or of its migration; None where ECS knows none.

    Args:
        ecs: ECS's client.
        cluster: the ECS cluster's name.
        service: the ECS service's name.
        migration: the family of its migrations.
        since: only one that has stopped since then; None: as long as ECS knows it.
    """
    migrations = describe_tasks(ecs, cluster, family=migration, desiredStatus="STOPPED")
    ended_badly = [task for task in migrations if any(each.get("exitCode") for each in task["containers"])]
    tasks = [task for task in [*failed(ecs, cluster, service), *ended_badly] if task.get("stoppedAt")]
    found = [task for task in tasks if since is None or task["stoppedAt"] >= since]
    return max(found, key=lambda task: task["stoppedAt"], default=None)


def why(task: Mapping[str, Any]) -> str:
    """Why a task has stopped, with the exit codes of its containers; ECS may have no reason (API, Task)."""
    codes = [f"{c['name']} exit code {c['exitCode']}" for c in task["containers"] if c.get("exitCode") is not None]
    reason = str(task.get("stoppedReason") or "ECS says no reason")
    return f"{reason} ({', '.join(codes)})" if codes else reason


def log_end(session: boto3.Session, task: Mapping[str, Any]) -> list[str]:
    """The last lines that a task's containers wrote, where they write to CloudWatch Logs.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    ecs, logs, lines = session.client("ecs"), session.client("logs"), list[str]()
    for container in describe_revision(ecs, task["taskDefinitionArn"])["containerDefinitions"]:
        if place := log_stream(container, task["taskArn"]):
            with suppress(logs.exceptions.ResourceNotFoundException):  # it stopped before it wrote anything
                messages = last_messages(logs, *place, LOG_LINES)
                lines += [f"{container['name']}: {message.rstrip()}" for message in messages]
    return lines
