"""Release: makes a deployed image the released one.

Waits until ECS has completed the deployment, checks that the service runs what was asked, then tags the image
`release-<n>`, moves `live`, and writes the release record, in that order. Each part can be run again.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

from pipeline_steps import wake
from pipeline_steps.announcement import announce, measure
from pipeline_steps.job import Done, Job, Outcome, StepError, Waiting
from pipeline_steps.settings import Settings
from releases import scaling, sidecars
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Deployment
from releases.ecs import describe_revision, describe_service, describe_tasks, fingerprint_of, newest_event
from releases.executions import MIGRATION, SKIP_MIGRATION
from releases.names import LIVE, release_tag
from releases.pipeline import Pipeline
from releases.record import Release
from releases.repository import Repository

STALE_ANSWERS = 5
"""ECS may answer so often with what was before a change (its API is eventually consistent)."""


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


@dataclass(frozen=True)
class Progress:
    """What the step remembers between its calls.

    Attributes:
        deployment: the id of what it waits for; None in the first call.
        since: when it began to wait, in seconds since 1970.
        others: how often ECS has answered with another deployment.
    """

    deployment: str | None = None
    since: float = 0.0
    others: int = 0


def run(session: boto3.Session, settings: Settings, job: Job) -> Outcome:
    """Wait, or release.

    The job's parameters: `execution`, the pipeline's; `digest`, the image that it has deployed; `source`, the version
    of the source; `commit` and `repository`, the source's commit and where it is, or `unknown`; `uploaded`, when, in
    seconds since 1970, or 0 without an upload; `woken`, whether Wake has started the one task that runs; `migration`,
    SKIP_MIGRATION where the image's was left out; `by`, who has started it, where no pipeline knows that.

    Raises:
        StepError: the service does not run what was deployed, or the deployment has failed.
    """
    record = session.client("ssm").get_parameter(Name=settings.record)["Parameter"]
    step = _Step(session, settings, job.parameters, Release.parse(record["Value"]))
    progress = Progress(**job.remembered(Progress))
    return step.released_already() or step.go_on(progress, int(record["Version"]))


class _Step:
    def __init__(
        self, session: boto3.Session, settings: Settings, parameters: Mapping[str, str], last: Release | None
    ) -> None:
        self._session, self._settings, self._last = session, settings, last
        self._ecs, self._controller = session.client("ecs"), CONTROLLERS[settings.controller]
        self._parameters, self._digest = parameters, parameters["digest"]
        self._uploaded, self._now = int(parameters["uploaded"]), time.time()

    def released_already(self) -> Done | None:
        """How this execution has ended, if it was cut off after it had released."""
        last = self._last
        if last is None or last.execution != self._parameters["execution"]:
            return None
        return self._end(last, f"Released by this execution already, as {release_tag(last.release)}")

    def _by_another(self, deployment: Deployment) -> Done | None:
        """How this execution ends where another has released the same deployment, as one without the pipeline may."""
        last = self._last
        if last is None or (last.image_digest, last.task_definition) != (self._digest, deployment.task_definition):
            return None
        given, revision, tag = self._parameters, last.task_definition, release_tag(last.release)
        own = replace(last, execution=given["execution"], commit=given["commit"], repository=given["repository"])
        return self._end(own, f"Execution {last.execution} has released {revision} already, as {tag}")

    def _end(self, released: Release, summary: str) -> Done:
        """Tell a release that is recorded."""
        announce(self._session, self._settings.pipeline, released, self._uploaded, changed=[])
        return Done(" ".join([summary, *self._sleep()]))

    def _sleep(self) -> list[str]:
        """What comes of a service that Wake has woken, in words."""
        woken = self._parameters.get("woken") == "yes"
        return [wake.sleep(self._session, self._settings)] if woken else []

    def go_on(self, progress: Progress, version: int) -> Outcome:
        now = self._service_now()
        if progress.deployment is None:
            progress = Progress(self._begin(now), self._now)
            if now.deployment.id == progress.deployment:
                self._check_images(now)
        if summary := self._pending(now, progress):
            if reason := self._failure(now, progress):
                self._give_up(now, reason.rstrip("."))
            others = progress.others + (now.deployment.id != progress.deployment)
            return Waiting(summary, asdict(replace(progress, others=others)))
        self._check_images(now)
        return self._by_another(now.deployment) or self._release(now.deployment, version)

    def _service_now(self) -> ServiceNow:
        service = describe_service(self._ecs, self._settings.cluster, self._settings.service)
        return ServiceNow(self._controller.deployments(service)[0], service["desiredCount"], newest_event(service))

    def _set_tasks(self, tasks: int) -> str | None:
        return self._controller.set_tasks(self._ecs, self._settings.cluster, self._settings.service, tasks)

    def _tasks(self, status: str) -> Iterator[Mapping[str, Any]]:
        """The service's tasks whose desired status this is: `RUNNING` or `STOPPED`.

        ListTasks takes `startedBy` as its only filter, and lists running tasks then.
        """
        settings = self._settings
        return describe_tasks(self._ecs, settings.cluster, serviceName=settings.service, desiredStatus=status)

    def _begin(self, now: ServiceNow) -> str:
        """What is to be waited for. A service that was never released starts its tasks now."""
        if self._last is not None or now.desired:
            return now.deployment.id
        print(f"First release: starting {self._settings.minimum_tasks} task(s).")
        return self._set_tasks(self._settings.minimum_tasks) or now.deployment.id

    def _pending(self, now: ServiceNow, progress: Progress) -> str | None:
        """What is still waited for; None when there is nothing."""
        if self._last is not None and not self._controller.judges_each_release:
            return None
        if now.deployment.id != progress.deployment:
            return f"ECS still answers with {now.deployment.id}"
        return self._controller.pending(now.deployment, desired=now.desired, minimum=self._settings.minimum_tasks)

    def _failure(self, now: ServiceNow, progress: Progress) -> str | None:
        """Why what is waited for does not come; None while it may."""
        settings, deployment = self._settings, now.deployment
        late = self._now >= progress.since + 60 * settings.deploy_minutes
        if deployment.id != progress.deployment:
            lost = late or progress.others + 1 >= STALE_ANSWERS
            return f"something else is deployed instead, {deployment.id}: {deployment.reason}" if lost else None
        return self._controller.failure(
            deployment,
            late=late,
            minutes=settings.deploy_minutes,
            minimum=settings.minimum_tasks,
            stopped=lambda: self._tasks("STOPPED"),
        )

    def _give_up(self, now: ServiceNow, reason: str) -> None:
        if self._last is not None:
            failed = now.deployment.task_definition
            raise StepError(f"The deployment of {failed} has failed: {reason}. {now.event}")
        self._set_tasks(0)
        raise StepError(f"The first release failed and the service is back at 0 tasks: {reason}. {now.event}")

    def _check_images(self, now: ServiceNow) -> None:
        """ECS may have gone back, or somebody else may have deployed."""
        containers = describe_revision(self._ecs, now.deployment.task_definition)["containerDefinitions"]
        images = {each["name"]: each["image"] for each in containers}
        for name in self._settings.containers:
            if not images.get(name, "").endswith(f"@{self._digest}"):
                raise StepError(
                    f"The service runs {images.get(name)} in {name}, not {self._digest}: it was rolled back. "
                    f"{now.event}"
                )

    def _release(self, deployment: Deployment, version: int) -> Done:
        parameters, settings = self._parameters, self._settings
        if self._last is None:
            scaling.resume(self._session, settings.cluster, settings.service)
        repository = Repository(self._session, settings.repository)
        number = repository.next_release(self._digest, version)
        for tag in (release_tag(number), LIVE):
            repository.tag(self._digest, tag)
        beside = self._sidecars(deployment)
        changed = sidecars.changes(self._last.sidecars, beside) if self._last else []
        released = Release(
            release=number,
            image_digest=self._digest,
            task_definition=deployment.task_definition,
            template_fingerprint=fingerprint_of(self._ecs, deployment.task_definition),
            source_version=parameters["source"],
            execution=parameters["execution"],
            time=f"{datetime.fromtimestamp(self._now, UTC):%Y-%m-%dT%H:%M:%SZ}",
            commit=parameters["commit"],
            repository=parameters["repository"],
            sidecars=beside,
            by=parameters.get("by") or self._started_by(),
            without_migration=parameters.get(MIGRATION) == SKIP_MIGRATION,
        )
        self._session.client("ssm").put_parameter(Name=settings.record, Overwrite=True, Value=released.value())
        announce(self._session, settings.pipeline, released, self._uploaded, changed)
        measure(self._session, settings.pipeline, self._uploaded, self._now, deployment.created)
        summary = f"Released {self._digest} as {release_tag(number)}, {deployment.task_definition}"
        notes = [f"Sidecar changed: {each}. A tag names what it named when the deployment began." for each in changed]
        return Done(" ".join([summary, *notes, *self._sleep()]))

    def _started_by(self) -> str:
        pipeline = Pipeline(self._session, self._settings.pipeline)
        try:
            return str(pipeline.execution(self._parameters["execution"])["trigger"]["triggerDetail"])
        except (ClientError, KeyError) as error:
            print(f"Who has started this is not known: {error}")
            return ""

    def _sidecars(self, deployment: Deployment) -> str:
        """What the other containers run, as the record has it.

        ECS resolves a tag when a deployment begins, so a release may change that though nobody has edited it.
        """
        if not self._settings.sidecars:
            return ""
        try:
            tasks = [t for t in self._tasks("RUNNING") if t["taskDefinitionArn"] == deployment.task_definition]
        except ClientError as error:
            print(f"What the sidecars run cannot be asked: {error}")
            return ""
        return sidecars.written(sidecars.running(tasks, self._settings.sidecars))
