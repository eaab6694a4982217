"""Images of a task beside the service's own: which a tag names that may move, which run, have changed, are gone."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError

from policy.image_names import may_change
from releases import sidecars
from releases.controllers.controller import Tasks
from releases.ecs import describe_tasks
from releases.names import aws_name
from releases.service_state import ServiceState, service_containers

ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>[^:@]+)")


def moving(containers: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(container, image) of each image that a tag names, or nothing, which is the tag `latest`."""
    named = [(str(container["name"]), str(container["image"])) for container in containers]
    return [(name, image) for name, image in named if may_change(image)]


def running(
    session: boto3.Session, stack: str, state: ServiceState, definition: Mapping[str, Any], tasks: Tasks | None = None
) -> list[tuple[str, str]]:
    """(container, digest) of each image that the service's tasks run beside its own; one container may run several.

    Args:
        session: AWS.
        stack: the stack.
        state: the service.
        definition: the task definition that it should run.
        tasks: those of the service, where they are known already.

    Raises:
        botocore.exceptions.ClientError: ECS refuses to tell.
    """
    names = _images(stack, state, definition).keys()
    if not names:
        return []
    if tasks is None:
        tasks = describe_tasks(session.client("ecs"), state.cluster, serviceName=state.name)
    return sidecars.running(tasks, names)


def gone(
    session: boto3.Session,
    stack: str,
    state: ServiceState,
    definition: Mapping[str, Any],
    run: Iterable[tuple[str, str]],
) -> list[str]:
    """Sidecars' images that run and are no longer in ECR, in words: ECS starts no other task with them.

    ECS resolves a tag once for each deployment, so tasks that start later ask for the same digest
    (aws/amazon-ecs-agent#4226). Only ECR is asked; a repository that may not be looked into is taken to have the image.
    """
    images = {name: ECR.match(image) for name, image in _images(stack, state, definition).items()}
    return [
        f"{name} runs {image[0]}@{digest}, which is gone from ECR: no other task starts with it"
        for name, digest in run
        if (image := images[name]) and not _is_there(session, image, digest)
    ]


def _images(stack: str, state: ServiceState, definition: Mapping[str, Any]) -> dict[str, str]:
    """Container → image, of those that are not the service's own."""
    containers = service_containers(definition, aws_name(stack, state.service))
    return {
        each["name"]: each["image"] for each in definition["containerDefinitions"] if each["name"] not in containers
    }


def _is_there(session: boto3.Session, image: re.Match[str], digest: str) -> bool:
    ecr = session.client("ecr", region_name=image["region"])
    try:
        ecr.describe_images(
            registryId=image["account"], repositoryName=image["name"], imageIds=[{"imageDigest": digest}]
        )
    except ClientError as error:
        return error.response["Error"]["Code"] not in ("ImageNotFoundException", "RepositoryNotFoundException")
    return True
