"""Deploy, where ECS shifts the traffic itself: deploys a clone of what the service runs, with the new image.

It waits until the service deployment is over, for as long as its shift, bake time and pause take. What went back or was
stopped is a failure, whoever did that.

1. A clone carries the execution that made it, so a call that comes twice, or a retry of the action, follows the
   deployment that there is.
2. A deployment of somebody else's, such as an edit by `up`, has to end first: what it deploys is cloned only when it
   stands. That of no tasks, with which a service begins, may pause: the first release takes its place.
3. A deployment that takes too long, or whose tasks fail one after another, goes back; ECS itself would go on with it.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import boto3

from pipeline_steps.job import Done, Job, Outcome, StepError, Waiting
from pipeline_steps.settings import Settings
from releases import service_deployments
from releases.ecs import definition_fields, describe_revision, describe_service, newest_event
from releases.health_check import asked
from releases.record import EXECUTION_LABEL, Release
from releases.service_deployments import ServiceDeployment

Json = Mapping[str, Any]
STALE_ANSWERS = 5
"""ECS may answer so often with what was before a change (its API is eventually consistent)."""


@dataclass(frozen=True)
class Progress:
    """What the step remembers between its calls.

    Attributes:
        since: when it began to wait, in seconds since 1970.
        revision: the clone that it deploys; "" while it waits for somebody else's deployment.
        before: the service deployment before its own; "" when there was none.
        missing: how often ECS has shown none but that.
        given_up: why it has had ECS go back; "" as long as it has not.
    """

    since: float
    revision: str = ""
    before: str = ""
    missing: int = 0
    given_up: str = ""


def run(session: boto3.Session, settings: Settings, job: Job) -> Outcome:
    """Start the deployment, wait, or tell how it ended.

    The job's parameters: `digest`, the image, and `execution`, the pipeline's.

    Raises:
        StepError: it was not started, or what it deployed does not run.
    """
    step = _Step(session, settings, job.parameters)
    return step.go_on(Progress(**{"since": step.now, **job.remembered(Progress)}))


class _Step:
    def __init__(self, session: boto3.Session, settings: Settings, parameters: Mapping[str, str]) -> None:
        self._session, self._settings, self._parameters = session, settings, parameters
        self._ecs, self.now = session.client("ecs"), time.time()

    def go_on(self, progress: Progress) -> Outcome:
        settings = self._settings
        service = describe_service(self._ecs, settings.cluster, settings.service)
        last = service_deployments.newest(self._ecs, settings.cluster, settings.service)
        if progress.revision:
            return self._follow(progress, service, last)
        definition = describe_revision(self._ecs, service["taskDefinition"])
        if self._is_own(definition) and (last is None or not last.failed):
            return self._follow(replace(progress, revision=service["taskDefinition"]), service, last)
        if last is not None and not last.over and not (self._first() and not service["desiredCount"]):
            if self._late(progress):
                raise StepError(f"{last.arn}, which was there before, is {last.words}")
            return Waiting(f"Somebody else's deployment has to end first: {last.words}", asdict(progress))
        return self._start(progress, service, definition, last)

    def _is_own(self, definition: Json) -> bool:
        labels = (each.get("dockerLabels", {}) for each in definition["containerDefinitions"])
        return any(label.get(EXECUTION_LABEL) == self._parameters["execution"] for label in labels)

    def _late(self, progress: Progress) -> bool:
        return self.now >= progress.since + 60 * self._settings.deploy_minutes

    def _start(self, progress: Progress, service: Json, definition: Json, last: ServiceDeployment | None) -> Waiting:
        accepted = definition_fields(self._ecs)
        image = f"{self._settings.repository_uri}@{self._parameters['digest']}"
        clone = cloned(definition, self._settings.containers, image, self._parameters["execution"])
        given = {name: value for name, value in clone.items() if name in accepted}
        revision = self._ecs.register_task_definition(**given)["taskDefinition"]["taskDefinitionArn"]
        # A service that was never released has no tasks, and a deployment of none proves nothing.
        tasks = {"desiredCount": self._settings.minimum_tasks} if self._first() else {}
        self._update(taskDefinition=revision, **tasks)
        begun = replace(progress, revision=revision, since=self.now, before=last.arn if last else "")
        return Waiting(f"Deploying {revision}", asdict(begun))

    def _first(self) -> bool:
        record = self._session.client("ssm").get_parameter(Name=self._settings.record)["Parameter"]["Value"]
        return Release.parse(record) is None

    def _update(self, **changes: Any) -> None:
        self._ecs.update_service(cluster=self._settings.cluster, service=self._settings.service, **changes)

    def _follow(self, progress: Progress, service: Json, last: ServiceDeployment | None) -> Outcome:
        if last is None or last.arn == progress.before:
            if progress.missing + 1 >= STALE_ANSWERS:
                raise StepError(f"ECS shows no deployment of {progress.revision}. {newest_event(service)}")
            missing = replace(progress, missing=progress.missing + 1)
            return Waiting(f"ECS does not show the deployment of {progress.revision} yet", asdict(missing))
        if last.over:
            return self._end(progress, service, last)
        if not progress.given_up and (reason := self._hopeless(progress, service, last)):
            if self._first():  # there is nothing to go back to
                self._update(desiredCount=0)
                raise StepError(
                    f"{self._unhealthy(progress)}The first release failed and the service is back at 0 tasks: "
                    f"{reason}. {newest_event(service)}"
                )
            print(f"Going back: {reason}")
            service_deployments.roll_back(self._ecs, last.arn)
            progress = replace(progress, given_up=reason)
        return Waiting(f"The deployment is {last.words}", asdict(progress))

    def _hopeless(self, progress: Progress, service: Json, last: ServiceDeployment) -> str | None:
        if last.status in service_deployments.GOING_BACK:
            return None
        if self._late(progress):
            return f"it has not ended within {self._settings.deploy_minutes} min"
        shown = service["taskDefinition"] == progress.revision  # else the answer is of before
        return service_deployments.too_many_failed(service) if shown else None

    def _end(self, progress: Progress, service: Json, last: ServiceDeployment) -> Done:
        if last.status == "SUCCESSFUL" and service["taskDefinition"] == progress.revision:
            return Done(f"Deployed {self._parameters['digest']}, as {progress.revision}")
        if self._first():
            self._update(desiredCount=0)
        if not last.failed:
            raise StepError(
                f"The service runs {service['taskDefinition']}, not {progress.revision}. {newest_event(service)}"
            )
        reasons = progress.given_up, last.reason, newest_event(service)
        raise StepError(
            f"{self._unhealthy(progress)}The deployment of {progress.revision} has ended as {last.status}: "
            + " ".join(filter(None, reasons))
        )

    def _unhealthy(self, progress: Progress) -> str:
        since = datetime.fromtimestamp(progress.since, UTC)
        words = asked(self._session, self._settings.cluster, self._settings.service, since)
        return f"{words} " if words else ""


def cloned(definition: Json, containers: Any, image: str, execution: str) -> dict[str, Any]:
    """A task definition with another image, as CodePipeline's ECS action makes one (rule `clone`).

    Args:
        definition: as DescribeTaskDefinition answers.
        containers: those that run the service's own image.
        image: by its digest.
        execution: the pipeline's, which the clone carries as a docker label.
    """
    swapped = [
        {
            **each,
            "image": image,
            "dockerLabels": {**each.get("dockerLabels", {}), EXECUTION_LABEL: execution},
        }
        if each["name"] in containers
        else each
        for each in definition["containerDefinitions"]
    ]
    return {**definition, "containerDefinitions": swapped}
