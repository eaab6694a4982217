"""Wake: has a service at 0 tasks run one, so that the release has something to prove itself with.

A deployment of 0 tasks proves nothing: ECS calls it completed at once. With one task ECS judges the deployment as by
day, and goes back to what ran before when it fails. Release has the service at 0 tasks again (`WOKEN`).
"""

import boto3

from pipeline_steps.job import Done, Job
from pipeline_steps.settings import Settings
from releases.ecs import describe_service
from releases.record import Release
from releases.scaling import most_tasks

PROOF = 1
"""Tasks that prove a release while the schedule wants none."""


def run(session: boto3.Session, settings: Settings, job: Job) -> Done:
    """Start a task where the service was released before, and wants none now."""
    ecs = session.client("ecs")
    desired = describe_service(ecs, settings.cluster, settings.service)["desiredCount"]
    record = session.client("ssm").get_parameter(Name=settings.record)["Parameter"]["Value"]
    if desired or Release.parse(record) is None:  # the first release starts the service itself
        return Done(f"The service wants {desired} task(s)", {"WOKEN": "no"})
    ecs.update_service(cluster=settings.cluster, service=settings.service, desiredCount=PROOF)
    return Done(f"The service wanted no task: {PROOF} is started for this release", {"WOKEN": "yes"})


def sleep(session: boto3.Session, settings: Settings) -> str:
    """Have the service at 0 tasks again, unless its schedule wants some by now; what was done, in words."""
    ecs = session.client("ecs")
    service = describe_service(ecs, settings.cluster, settings.service)
    if service["desiredCount"] != PROOF or most_tasks(session, settings.cluster, settings.service):
        return f"It wants {service['desiredCount']} task(s) now, and keeps them"
    ecs.update_service(cluster=settings.cluster, service=settings.service, desiredCount=0)
    return "It is back at 0 tasks"
