"""A command that somebody runs once, in a task like a service's, with the image that is released."""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import boto3
from botocore.exceptions import ClientError

from delivery.executions.break_glass import settings_of
from pipeline_steps import command_run
from pipeline_steps.command_definition import command_definition
from pipeline_steps.job import StepError
from pipeline_steps.jobs import template_of
from pipeline_steps.settings import Settings
from releases.command_task import JOB_LABEL
from releases.controllers import CONTROLLERS
from releases.ecs import definition_fields, describe_revision, describe_service
from releases.errors import DeliveryError
from releases.names import aws_name, command_family
from releases.record import Release

STARTED_BY = "delivery"
"""What the task says of its starter."""


def start(session: boto3.Session, stack: str, service: str, release: Release, command: Sequence[str]) -> str:
    """Run a command as a job would run it; the ARN of its task.

    RunTask cannot override an image or leave out a container, so the command has a task definition of its own. It is
    deregistered at once: a task runs on without it (ECS, DeregisterTaskDefinition).

    Args:
        session: AWS, as who may register, run and deregister, and pass the service's two roles.
        stack: the stack.
        service: the service's name in the stack file.
        release: whose image it gets.
        command: it and its arguments.

    Raises:
        DeliveryError: it was not started.
        botocore.exceptions.ClientError: AWS refuses.
    """
    ecs, settings = session.client("ecs"), settings_of(session, stack, service)
    described = describe_service(ecs, settings.cluster, settings.service)
    revision = describe_revision(ecs, template_of(CONTROLLERS[settings.controller], described, release))
    try:
        definition = _definition(ecs, settings, revision, release, command_family(aws_name(stack, service)), command)
        registered = str(ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"])
        try:
            return command_run.start(ecs, settings.cluster, described, registered, STARTED_BY, uuid.uuid4().hex)
        finally:
            with suppress(ClientError):  # a task that was started is to be followed, or it would be started again
                ecs.deregister_task_definition(taskDefinition=registered)
    except StepError as error:
        raise DeliveryError(f"the command was not started: {error}") from None


def _definition(
    ecs: Any, settings: Settings, revision: dict[str, Any], release: Release, family: str, command: Sequence[str]
) -> dict[str, Any]:
    definition = command_definition(
        revision,
        family=family,
        containers=settings.containers,
        image=f"{settings.repository_uri}@{release.image_digest}",
        command=command,
        accepted=definition_fields(ecs),
    )
    container = next(each for each in definition["containerDefinitions"] if each["name"] == settings.containers[0])
    container["dockerLabels"] = {**container.get("dockerLabels", {}), JOB_LABEL: STARTED_BY}
    return definition
