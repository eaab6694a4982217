"""Runs a service's jobs: each run is a task with the released image, which nothing waits for.

The function is called when a job is to run (by its schedule, or by hand), when a run has taken too long, and when the
task of a run has ended.

1. The image is the release record's, by its digest, so no image runs that was not released. All else is that of what
   the service runs (`template_of`), so an edit by `up` counts for the next run.
2. A run has a token, which is RunTask's client token and part of what the task says of its starter: however often an
   event comes, a run is started once.
3. A run is left out while another one of the job goes on.
4. A schedule that is due once stops a run which takes too long: what `at(…)` says is kept by AWS, not here.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import ClientError

from pipeline_steps import command_run
from pipeline_steps.command_definition import command_definition
from pipeline_steps.job import StepError
from pipeline_steps.job_settings import JobSettings
from releases.aws_session import share_clients
from releases.command_task import JOB_LABEL, CommandTask
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Controller
from releases.ecs import definition_fields, describe_revision, describe_service
from releases.events import FAILED_JOBS, JOB_FAILED, JOB_SKIPPED, SKIPPED_JOBS, SOURCE, SUCCEEDED_JOBS, put
from releases.names import job_family
from releases.record import Release

Json = Mapping[str, Any]
COUNTED = {JOB_FAILED: FAILED_JOBS, JOB_SKIPPED: SKIPPED_JOBS}
"""What counts the events that are told."""
SCHEDULED, BY_HAND = "schedule", "hand"
"""Who may start a run."""


class NotRun(Exception):
    """Why a job does not run now, in one line.

    Attributes:
        told: the type of the event by which that is told of a run by schedule; "" where it is not.
        task: the ARN of the task that is in the way, or `none`.
    """

    def __init__(self, reason: str, told: str = "", task: str = "none") -> None:
        super().__init__(reason)
        self.told, self.task = told, task


@dataclass(frozen=True)
class Run:
    """A run of a job, as its task says of its starter.

    Attributes:
        by: SCHEDULED or BY_HAND.
        attempt: 1, or more when it was tried again.
        token: RunTask's client token.
    """

    by: str
    attempt: int
    token: str

    @classmethod
    def parse(cls, started_by: str) -> "Run | None":
        """What `started_by` says; None when it is of something else."""
        match = re.fullmatch(rf"({SCHEDULED}|{BY_HAND})/(\d+)/(\w+)", started_by)
        return cls(match[1], int(match[2]), match[3]) if match else None

    @property
    def started_by(self) -> str:
        """For RunTask, which takes 128 letters, digits, hyphens, slashes and low lines."""
        return f"{self.by}/{self.attempt}/{self.token}"

    def again(self, task: str) -> "Run":
        """The next attempt after the run of a task; the same however often it is asked for."""
        return Run(self.by, self.attempt + 1, token_of(task))


def token_of(text: str) -> str:
    """A client token, of which RunTask takes 64 characters."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def template_of(controller: Controller, service: Json, release: Release) -> str:
    """The revision whose settings a job takes: the ARN of one that is proven.

    While something is deployed that is what ran before it. Where CodeDeploy deploys each edit is recorded, too.

    Args:
        controller: who deploys the service.
        service: as DescribeServices has it.
        release: the last one.
    """
    if controller.deploys_template:
        return release.task_definition
    proven = [each for each in controller.deployments(service) if each.state == "COMPLETED"]
    return proven[-1].task_definition if proven else release.task_definition


def _may_pass(error: ClientError) -> bool:
    """Whether AWS may answer otherwise in a minute."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return "Throttl" in error.response["Error"]["Code"] or status >= 500


def handle(event: Json, context: object) -> dict[str, str] | None:
    """Run a job (`{"job": NAME, "token": TEXT, "by": …}`), stop a run (`{"stop": TASK, "minutes": NUMBER}`), or look
    how one has ended (an event of ECS's).

    Returns:
        Of a run that was asked for, `task`, its ARN, or `reason`, why there is none; else nothing.
    """
    jobs = Jobs(share_clients(boto3.Session()), JobSettings.from_environment())
    if "detail" in event:
        jobs.look(event["detail"])
    elif "stop" in event:
        jobs.stop(event["stop"], event.get("minutes"))
    else:
        run = Run(event.get("by", SCHEDULED), 1, token_of(f"{event['job']} {event['token']}"))
        return jobs.run(event["job"], run)
    return None


class Jobs:
    """The jobs of a service.

    Args:
        session: AWS.
        settings: what is known of the service and its jobs.
    """

    def __init__(self, session: boto3.Session, settings: JobSettings) -> None:
        self._session, self._settings = session, settings
        self._ecs, self._cluster = session.client("ecs"), settings.cluster

    def run(self, job: str, run: Run) -> dict[str, str]:
        """Start a run, unless it is started already, or another one goes on."""
        try:
            return {"task": self._run(job, run)}
        except NotRun as reason:
            print(reason)
            if reason.told and run.by == SCHEDULED:
                self._tell(reason.told, job, str(reason), reason.task)
            return {"reason": str(reason)}

    def stop(self, task: str, minutes: int | None) -> None:
        """Stop a run that has taken too long, whatever has become of its job; one that is over stays as it is.

        Args:
            task: its ARN.
            minutes: how long it might take; None where its schedule does not say.
        """
        reason = f"The job did not end in {minutes} min" if minutes else "The job did not end in time"
        print(f"Stopping {task} unless it has ended: {reason}")
        try:
            self._ecs.stop_task(cluster=self._cluster, task=task, reason=reason)
        except self._ecs.exceptions.InvalidParameterException as error:  # ECS forgets a task that has ended
            print(error)

    def look(self, detail: Json) -> None:
        """See how a run has ended, by an event's detail, and try it again, or tell of it."""
        job = self._job_of(detail["group"])
        run = Run.parse(detail.get("startedBy", ""))
        if detail["lastStatus"] != "STOPPED" or job is None or run is None:
            return
        task = CommandTask.parse({**detail, "createdAt": datetime.now(UTC)}, self._settings.containers[0])
        if task.succeeded:
            print(f"{job} has succeeded in {task.arn}")
            self._count(SUCCEEDED_JOBS)
            return
        reason = command_run.failure(self._session, task, self._settings.containers[0], "It")
        print(f"{job}, attempt {run.attempt} by {run.by}: {reason}")
        if run.by == SCHEDULED and run.attempt <= self._settings.jobs[job].retries:
            self._try_again(job, run, task.arn, reason)
        else:
            self._tell(JOB_FAILED, job, reason, task.arn)

    def _run(self, job: str, run: Run) -> str:
        if job not in self._settings.jobs:
            raise NotRun(f"There is no job {job}; there is {', '.join(sorted(self._settings.jobs)) or 'none'}")
        try:
            task = self._task(job, run)
        except (StepError, ClientError) as error:
            if isinstance(error, ClientError) and _may_pass(error):
                raise  # Lambda tries it twice again
            raise NotRun(f"It was not started: {error}", JOB_FAILED) from error
        try:
            return self._limit(job, task)
        except ClientError as error:
            self._ecs.stop_task(cluster=self._cluster, task=task, reason="It would have had no time limit")
            raise NotRun(f"It is being stopped, because it would have had no time limit: {error}", task=task) from error

    def _task(self, job: str, run: Run) -> str:
        """The task of a run, started unless it is already."""
        if earlier := self._under_way(job):
            if earlier["startedBy"] == run.started_by:
                return str(earlier["taskArn"])
            raise NotRun(f"The previous run goes on in {earlier['taskArn']}", JOB_SKIPPED, earlier["taskArn"])
        record = self._session.client("ssm").get_parameter(Name=self._settings.record)["Parameter"]
        if (release := Release.parse(record["Value"])) is None:
            raise NotRun("Nothing was released yet")
        return self._start(job, run, release)

    def _try_again(self, job: str, run: Run, task: str, reason: str) -> None:
        try:
            print(f"Tried again in {self._run(job, run.again(task))}")
        except NotRun as error:
            self._tell(JOB_FAILED, job, f"{reason}. It was not tried again: {error}", task)

    def _under_way(self, job: str) -> Json | None:
        """The task of a run that goes on, or None."""
        return next(command_run.unfinished(self._ecs, self._cluster, job_family(self._settings.name, job)), None)

    def _start(self, job: str, run: Run, release: Release) -> str:
        service = describe_service(self._ecs, self._cluster, self._settings.service)
        definition = self._definition(job, service, release)
        return command_run.start(self._ecs, self._cluster, service, definition, run.started_by, run.token)

    def _definition(self, job: str, service: Json, release: Release) -> str:
        """The job's task definition: its newest one, or a new one where that is made of something else."""
        settings, family = self._settings, job_family(self._settings.name, job)
        revision = template_of(CONTROLLERS[settings.controller], service, release)
        definition = command_definition(
            describe_revision(self._ecs, revision),
            family=family,
            containers=settings.containers,
            image=f"{settings.repository_uri}@{release.image_digest}",
            command=settings.jobs[job].command,
            accepted=definition_fields(self._ecs),
        )
        made_of = token_of(json.dumps(definition, sort_keys=True, default=str))
        newest = self._newest(family)
        if newest is not None and _label(newest["containerDefinitions"]) == made_of:
            return str(newest["taskDefinitionArn"])
        container = next(e for e in definition["containerDefinitions"] if e["name"] == settings.containers[0])
        container["dockerLabels"] = {**container.get("dockerLabels", {}), JOB_LABEL: made_of}
        return str(self._ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"])

    def _newest(self, family: str) -> Json | None:
        try:
            return describe_revision(self._ecs, family)
        except self._ecs.exceptions.ClientException:  # there is none yet
            return None

    def _limit(self, job: str, task: str) -> str:
        """Have a run stopped when it has taken too long; its task."""
        settings = self._settings
        minutes = settings.jobs[job].minutes
        due = datetime.now(UTC) + timedelta(minutes=minutes)
        scheduler = self._session.client("scheduler")
        try:
            scheduler.create_schedule(
                GroupName=settings.schedule_group,
                Name=f"stop-{task.rpartition('/')[2]}",
                ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={
                    "Arn": settings.function,
                    "RoleArn": settings.schedule_role,
                    "Input": json.dumps({"stop": task, "minutes": minutes}),
                },
            )
        except scheduler.exceptions.ConflictException:
            print(f"{task} has its limit already")
        return task

    def _job_of(self, group: str) -> str | None:
        """The job whose run a task group is of: `family:…`, as ECS calls it where RunTask is given none."""
        prefix = f"family:{job_family(self._settings.name, '')}"
        job = group.removeprefix(prefix)
        return job if group.startswith(prefix) and job in self._settings.jobs else None

    def _tell(self, detail_type: str, job: str, reason: str, task: str) -> None:
        put(self._session, detail_type, {"pipeline": self._settings.name, "job": job, "reason": reason, "task": task})
        self._count(COUNTED[detail_type])

    def _count(self, metric: str) -> None:
        dimensions = [{"Name": "PipelineName", "Value": self._settings.name}]
        data = [{"MetricName": metric, "Unit": "Count", "Value": 1.0, "Dimensions": dimensions}]
        try:
            self._session.client("cloudwatch").put_metric_data(Namespace=SOURCE, MetricData=data)
        except ClientError as error:
            print(f"The run was not counted: {error}")


def _label(containers: Sequence[Json]) -> str | None:
    labels = (each.get("dockerLabels", {}) for each in containers)
    return next((label[JOB_LABEL] for label in labels if JOB_LABEL in label), None)
