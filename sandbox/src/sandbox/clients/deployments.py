"""What ECS does while a pipeline deploys a service, and what serves after that has failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from sandbox.clients.pipelines import ecs_services
from sandbox.clients.session import Session

Json = dict[str, Any]
PROVEN = ("COMPLETED", "STEADY_STATE")
"""The states of a deployment, or of a task set, that has become healthy; one without a state is not told of."""
LONGEST_TAG = 20
"""Characters of a tag that is shown: those that are a hash say nothing."""
GOES_ON = ("PENDING", "IN_PROGRESS", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "STOP_REQUESTED")
"""The states of a service deployment that is not over (ECS API, ServiceDeployment: status)."""


def progress(session: Session, pipeline: Json, service: str) -> str:
    """How far the service's deployment is, in words; "" when none goes on."""
    return "; ".join(text for each in _described(session, pipeline, service) for text in _progress(session, each))


def _progress(session: Session, service: Json) -> Iterator[str]:
    primary, *others = sorted(service.get("deployments", []), key=lambda each: each["status"] != "PRIMARY") or [{}]
    shift = _shift(session, service)
    before = sum(each["runningCount"] for each in others)
    if primary and (shift or before or primary.get("rolloutState") == "IN_PROGRESS"):
        wanted = max(primary["desiredCount"], service["desiredCount"])
        failed = f", {primary['failedTasks']} failed" if primary.get("failedTasks") else ""
        yield f"{_name(primary)}: {primary['runningCount']} of {wanted} tasks run{failed}"
        if before:
            yield f"{before} of before"
        yield from shift


def _shift(session: Session, service: Json) -> list[str]:
    """How far ECS is with shifting the traffic; nothing where it does not."""
    if service.get("deploymentConfiguration", {}).get("strategy", "ROLLING") == "ROLLING":
        return []
    ecs, cluster = session.client("ecs"), service["clusterArn"]
    listed = ecs.list_service_deployments(cluster=cluster, service=service["serviceName"], status=list(GOES_ON))
    arns = [each["serviceDeploymentArn"] for each in listed["serviceDeployments"]][:1]
    found = ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"] if arns else []
    return [
        f"{each.get('lifecycleStage') or each['status']}, with "
        f"{each.get('targetServiceRevision', {}).get('requestedProductionTrafficWeight', 0):g} % of the traffic"
        for each in found
    ]


def serving(session: Session, pipeline: Json, service: str) -> str:
    """What a service's tasks run, by the tags that its image has; "" where there is no such service."""
    return "; ".join(_serving(session, each) for each in _described(session, pipeline, service))


def _serving(session: Session, service: Json) -> str:
    sets = [*service.get("deployments", []), *service.get("taskSets", [])]
    proven = [each for each in sets if each.get("rolloutState", each.get("stabilityStatus")) in PROVEN]
    running = [each for each in proven or sets if each.get("runningCount")]
    if not running:
        return f"no task of {service['serviceName']} runs"
    ecs, cluster = session.client("ecs"), service["clusterArn"]
    arns = ecs.list_tasks(cluster=cluster, serviceName=service["serviceName"])["taskArns"]
    tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    revisions = {each["taskDefinition"] for each in running}
    containers = [each for task in tasks if task["taskDefinitionArn"] in revisions for each in task["containers"]]
    tags = sorted({tag for each in containers for tag in _tags(session, each) if len(tag) <= LONGEST_TAG})
    names = " and ".join(sorted({_name(each) for each in running}))
    of_tags = f", {', '.join(tags)}" if tags else ""
    return f"{names} still {'serves' if len(running) == 1 else 'serve'}{of_tags}"


def _tags(session: Session, container: Json) -> list[str]:
    """The tags of a container's image that is in ECR."""
    repository, digest = container.get("image", "").partition("/")[2].partition("@")[0], container.get("imageDigest")
    ecr = session.client("ecr")
    try:
        found = ecr.describe_images(repositoryName=repository.partition(":")[0], imageIds=[{"imageDigest": digest}])
    except ClientError:
        return []
    return [tag for image in found["imageDetails"] for tag in image.get("imageTags", [])]


def _name(deployment: Json) -> str:
    return str(deployment["taskDefinition"].rpartition("/")[2])


def _described(session: Session, pipeline: Json, service: str) -> list[Json]:
    ecs = session.client("ecs")
    answers = [
        ecs.describe_services(cluster=cluster, services=[name])
        for cluster, name in ecs_services(session, pipeline, service)
    ]
    return [each for answer in answers for each in answer["services"]]
