"""Release: makes a deployed image the released one.

Waits until ECS has completed the deployment, checks that the service runs what was asked, then tags the image
`release-<n>`, moves `live`, and writes the release record, in that order. Each part can be run again.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import boto3
from botocore.exceptions import ClientError

from pipeline_steps.announcement import announce, measure
from pipeline_steps.job import Done, Job, Outcome, StepError, Waiting
from pipeline_steps.service import Service, ServiceNow
from pipeline_steps.settings import Settings
from releases import scaling, sidecars
from releases.controllers.controller import Deployment
from releases.names import LIVE, release_tag
from releases.record import FINGERPRINT_LABEL, Release
from releases.repository import Repository

STALE_ANSWERS = 5
"""ECS may answer so often with what was before a change (its API is eventually consistent)."""


@dataclass(frozen=True)
class Deployed:
    """What the pipeline has deployed.

    Attributes:
        digest: the image.
        source: the version of the source that it was made of.
        commit: the source's commit, or `unknown`.
        repository: where that commit is, or `unknown`.
        uploaded: when, in seconds since 1970; 0 without an upload.
        execution: the pipeline's execution.
    """

    digest: str
    source: str
    commit: str
    repository: str
    uploaded: int
    execution: str


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

    Raises:
        StepError: the service does not run what was deployed, or the deployment has failed.
    """
    parameters = job.parameters
    deployed = Deployed(
        digest=parameters["digest"],
        source=parameters["source"],
        commit=parameters["commit"],
        repository=parameters["repository"],
        uploaded=int(parameters["uploaded"]),
        execution=parameters["execution"],
    )
    parameter = session.client("ssm").get_parameter(Name=settings.record)["Parameter"]
    released = Release.parse(parameter["Value"])
    if released is not None and released.execution == deployed.execution:
        announce(session, settings.pipeline, released, deployed.uploaded, changed=[])
        return Done(f"Released by this execution already, as {release_tag(released.release)}")
    step = _Step(session, settings, deployed, released)
    progress = Progress(
        deployment=job.state.get("deployment"),
        since=float(job.state.get("since", 0.0)),
        others=int(job.state.get("others", 0)),
    )
    return step.go_on(progress, int(parameter["Version"]))


class _Step:
    def __init__(self, session: boto3.Session, settings: Settings, deployed: Deployed, last: Release | None) -> None:
        self._session, self._settings, self._deployed, self._last = session, settings, deployed, last
        self._service, self._now = Service(session, settings), time.time()

    def go_on(self, progress: Progress, version: int) -> Outcome:
        now = self._service.read()
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
        return self._release(now.deployment, version)

    def _begin(self, now: ServiceNow) -> str:
        """What is to be waited for. A service that was never released starts its tasks now."""
        if self._last is not None or now.desired:
            return now.deployment.id
        print(f"First release: starting {self._settings.minimum_tasks} task(s).")
        return self._service.start(self._settings.minimum_tasks) or now.deployment.id

    def _pending(self, now: ServiceNow, progress: Progress) -> str | None:
        """What is still waited for; None when there is nothing."""
        controller = self._service.controller
        if self._last is not None and not controller.judges_each_release:
            return None
        if now.deployment.id != progress.deployment:
            return f"ECS still answers with {now.deployment.id}"
        return controller.pending(now.deployment, desired=now.desired, minimum=self._settings.minimum_tasks)

    def _failure(self, now: ServiceNow, progress: Progress) -> str | None:
        """Why what is waited for does not come; None while it may."""
        settings, deployment = self._settings, now.deployment
        late = self._now >= progress.since + 60 * settings.deploy_minutes
        if deployment.id != progress.deployment:
            lost = late or progress.others + 1 >= STALE_ANSWERS
            return f"something else is deployed instead, {deployment.id}: {deployment.reason}" if lost else None
        return self._service.controller.failure(
            deployment,
            late=late,
            minutes=settings.deploy_minutes,
            minimum=settings.minimum_tasks,
            stopped=lambda: self._service.tasks("STOPPED"),
        )

    def _give_up(self, now: ServiceNow, reason: str) -> None:
        if self._last is not None:
            failed = now.deployment.task_definition
            raise StepError(f"The deployment of {failed} has failed: {reason}. {now.event}")
        self._service.start(0)
        raise StepError(f"The first release failed and the service is back at 0 tasks: {reason}. {now.event}")

    def _check_images(self, now: ServiceNow) -> None:
        """ECS may have gone back, or somebody else may have deployed."""
        images = {each["name"]: each["image"] for each in self._service.containers(now.deployment.task_definition)}
        for name in self._settings.containers:
            if not images.get(name, "").endswith(f"@{self._deployed.digest}"):
                raise StepError(
                    f"The service runs {images.get(name)} in {name}, not {self._deployed.digest}: it was rolled back. "
                    f"{now.event}"
                )

    def _release(self, deployment: Deployment, version: int) -> Done:
        deployed, settings = self._deployed, self._settings
        if self._last is None:
            scaling.resume(self._session, settings.cluster, settings.service)
        labels = self._service.containers(deployment.task_definition)[0].get("dockerLabels", {})
        repository = Repository(self._session, settings.repository)
        number = repository.next_release(deployed.digest, version)
        for tag in (release_tag(number), LIVE):
            repository.tag(deployed.digest, tag)
        beside = self._sidecars(deployment)
        changed = sidecars.changes(self._last.sidecars, beside) if self._last else []
        released = Release(
            release=number,
            image_digest=deployed.digest,
            task_definition=deployment.task_definition,
            template_fingerprint=labels.get(FINGERPRINT_LABEL, ""),
            source_version=deployed.source,
            execution=deployed.execution,
            time=f"{datetime.fromtimestamp(self._now, UTC):%Y-%m-%dT%H:%M:%SZ}",
            commit=deployed.commit,
            repository=deployed.repository,
            sidecars=beside,
        )
        self._session.client("ssm").put_parameter(Name=settings.record, Overwrite=True, Value=released.value())
        announce(self._session, settings.pipeline, released, deployed.uploaded, changed)
        measure(self._session, settings.pipeline, deployed.uploaded, self._now, deployment.created)
        summary = f"Released {deployed.digest} as {release_tag(number)}, {deployment.task_definition}"
        notes = [f"Sidecar changed: {each}. A tag names what it named when the deployment began." for each in changed]
        return Done(" ".join([summary, *notes]))

    def _sidecars(self, deployment: Deployment) -> str:
        """What the other containers run, as the record has it.

        ECS resolves a tag when a deployment begins, so a release may change that though nobody has edited it.
        """
        if not self._settings.sidecars:
            return ""
        try:
            tasks = list(self._service.tasks("RUNNING"))
        except ClientError as error:
            print(f"What the sidecars run cannot be asked: {error}")
            return ""
        run = {
            (container["name"], container["imageDigest"])
            for task in tasks
            if task["taskDefinitionArn"] == deployment.task_definition
            for container in task["containers"]
            if container["name"] in self._settings.sidecars and container.get("imageDigest")
        }
        return sidecars.written(sorted(run))
