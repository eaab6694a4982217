"""Migrate: runs the service's migration with the new image, before anything is deployed, unless the execution leaves it
out.

It runs in a task of its own, of the template that will be deployed, or of what the service runs where the image alone
is deployed, registered under another family because RunTask cannot override an image.

No two migrations of a service run at the same time, and none is started twice:

1. An execution that is retried while its migration runs follows that task.
2. A migration of another execution, or one that is being stopped, has to end first.
3. RunTask's client token is the id of the action's first job, which is the same however often Lambda delivers it.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import boto3

from pipeline_steps import command_run
from pipeline_steps.artifacts import read_file
from pipeline_steps.command_definition import command_definition, essential_sidecars
from pipeline_steps.job import Done, Job, Outcome, StepError, Waiting
from pipeline_steps.settings import Migration, Settings
from releases.command_task import CommandTask
from releases.ecs import definition_fields, describe_revision, describe_service
from releases.executions import MIGRATION, RUN_MIGRATION, SKIP_MIGRATION
from releases.template import TASK_DEFINITION

Json = Mapping[str, Any]
MOST_MISSING = 5
"""ECS may not show a task so often after it has started it (its API is eventually consistent)."""


@dataclass(frozen=True)
class Progress:
    """What the step remembers between its calls.

    Attributes:
        token: RunTask's client token.
        task: the migration's ARN; "" while there is none.
        missing: how often ECS did not show it.
    """

    token: str
    task: str = ""
    missing: int = 0


def run(session: boto3.Session, settings: Settings, job: Job) -> Outcome:
    """Start the migration, wait, or tell how it ended.

    The job's parameters: `digest`, the image; `execution`, the pipeline's; and `migration`, RUN_MIGRATION or
    SKIP_MIGRATION.

    Raises:
        StepError: it was not started, or it failed: the exit code and its cause.
    """
    if (chosen := job.parameters.get(MIGRATION, RUN_MIGRATION)) == SKIP_MIGRATION:
        return Done(f"The migration is left out: the execution was started with {MIGRATION}={SKIP_MIGRATION}")
    if chosen != RUN_MIGRATION:
        raise StepError(f"The variable {MIGRATION} is {chosen}; it may be {RUN_MIGRATION} or {SKIP_MIGRATION}")
    progress = Progress(**{"token": job.id, **job.remembered(Progress)})
    step = _Step(session, settings, job)
    return step.follow(progress) if progress.task else step.begin(progress)


class _Step:
    def __init__(self, session: boto3.Session, settings: Settings, job: Job) -> None:
        if settings.migration is None:
            raise StepError(f"{settings.service} has no migrations")
        self._session, self._settings, self._job = session, settings, job
        self._migration: Migration = settings.migration
        self._ecs, self._cluster = session.client("ecs"), settings.cluster
        self._container = settings.containers[0]

    def begin(self, progress: Progress) -> Waiting:
        execution = self._job.parameters["execution"]
        unfinished = list(self._unfinished())
        for task in unfinished:
            if task.started_by == execution and not task.stopping:
                return _migrating(progress, task.arn)
        for task in unfinished:
            self._stop_if_over(task)
        if unfinished:
            return Waiting(f"An earlier migration is still running: {unfinished[0].arn}", asdict(progress))
        return _migrating(progress, self._start(progress.token))

    def follow(self, progress: Progress) -> Outcome:
        shown = self._ecs.describe_tasks(cluster=self._cluster, tasks=[progress.task])["tasks"]
        if not shown:
            if progress.missing + 1 >= MOST_MISSING:
                raise StepError(f"ECS does not know the migration's task {progress.task}")
            summary = f"ECS does not show the task {progress.task} yet"
            return Waiting(summary, asdict(replace(progress, missing=progress.missing + 1)))
        task = CommandTask.parse(shown[0], self._container)
        if task.over:
            return self._end(task)
        self._stop_if_over(task)
        return Waiting(f"The migration's task is {task.status}: {task.arn}", asdict(progress))

    def _unfinished(self) -> Iterator[CommandTask]:
        """The service's migrations of which something runs."""
        for task in command_run.unfinished(self._ecs, self._cluster, self._migration.family):
            yield CommandTask.parse(task, self._container)

    def _start(self, token: str) -> str:
        """The task's ARN, of this call or of one before with the same token."""
        service = describe_service(self._ecs, self._cluster, self._settings.service)
        registered = self._ecs.register_task_definition(**self._revision(service))["taskDefinition"]
        definition, execution = registered["taskDefinitionArn"], self._job.parameters["execution"]
        try:
            return command_run.start(self._ecs, self._cluster, service, definition, execution, token)
        except StepError as reason:
            raise StepError(f"The migration's task was not started: {reason}") from None

    def _revision(self, service: Json) -> dict[str, Any]:
        settings = self._settings
        return command_definition(
            self._deployed(service),
            family=self._migration.family,
            containers=settings.containers,
            image=f"{settings.repository_uri}@{self._job.parameters['digest']}",
            command=self._migration.command,
            accepted=definition_fields(self._ecs),
        )

    def _deployed(self, service: Json) -> Json:
        """The task definition that the service will have, but for the image."""
        if self._settings.template_folder:
            template: Json = json.loads(read_file(self._session, self._job, TASK_DEFINITION))
            return template
        return describe_revision(self._ecs, service["taskDefinition"])

    def _stop_if_over(self, task: CommandTask) -> None:
        """Stop a migration that takes too long, or that an essential sidecar has left alone."""
        if task.stopping:
            return
        reason = ""
        if time.time() >= task.created + 60 * self._migration.minutes:
            reason = f"The migration did not end in {self._migration.minutes} min"
        elif task.ended_sidecars:
            lost = sorted(task.ended_sidecars & essential_sidecars(describe_revision(self._ecs, task.definition)))
            reason = f"The sidecar {lost[0]} ended before the migration did" if lost else ""
        if reason:
            print(f"Stopping {task.arn}: {reason}")
            self._ecs.stop_task(cluster=self._cluster, task=task.arn, reason=reason)

    def _end(self, task: CommandTask) -> Done:
        if not task.succeeded:
            raise StepError(command_run.failure(self._session, task, self._container, "The migration"))
        log = command_run.log_words(command_run.log_place(self._ecs, task, self._container), self._container)
        return Done(f"Migrated with {self._job.parameters['digest']}. Its log: {log}")


def _migrating(progress: Progress, task: str) -> Waiting:
    return Waiting(f"Migrating in {task}", asdict(replace(progress, task=task)))
