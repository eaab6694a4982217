"""Starting a service's pipeline with an image: what will happen on its way, and following it to its end."""

from collections.abc import Callable
from dataclasses import dataclass

import boto3

from delivery.executions.following import follow
from delivery.executions.freeze import words
from delivery.output.confirmation import agreed
from releases.ecs import describe_service
from releases.errors import DeliveryError
from releases.names import aws_name
from releases.pipeline import Pipeline
from releases.pipeline_state import read_pipeline_state
from releases.progress import Log
from releases.service_deployments import shift_of, shifts
from releases.service_state import ServiceState


@dataclass(frozen=True)
class Course:
    """What is on the way of an image through a service's pipeline.

    Attributes:
        waiting: pipeline executions that end first.
        approval: whether somebody has to approve it.
        migrates: whether the pipeline has a migration, which runs first.
        skips: whether it is left out.
        shift: how its traffic shifts, in words; "" where ECS does not shift it.
        frozen: why no release enters Deploy, who says so and what lets it; "" where one does.
    """

    waiting: tuple[str, ...] = ()
    approval: bool = False
    migrates: bool = False
    skips: bool = False
    shift: str = ""
    frozen: str = ""

    def lines(self) -> list[str]:
        """For people; of the migration whoever knows the image says more."""
        return [
            *(["It waits for somebody's approval."] if self.approval else []),
            *([f"It will wait: {self.frozen}."] if self.frozen else []),
            *([f"It goes out by the service's own strategy: {self.shift}."] if self.shift else []),
            *(f"Execution {execution} of the pipeline ends first." for execution in self.waiting),
        ]


def course(session: boto3.Session, stack: str, state: ServiceState, *, without_migration: bool = False) -> Course:
    """What is on the way of an image of a service now.

    Args:
        session: AWS.
        stack: the stack.
        state: the service.
        without_migration: whether its migration is to be left out, if it has one.

    Raises:
        DeliveryError: the pipeline cannot leave it out.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    pipeline = Pipeline(session, aws_name(stack, state.service))
    migrates = pipeline.migrates
    if without_migration and migrates and not pipeline.may_skip_migration:
        raise DeliveryError(
            f"the pipeline {pipeline.name} was created by a program that could not skip a migration; `up` adds the "
            "variable for it"
        )
    described = describe_service(session.client("ecs"), state.cluster, state.name)
    return Course(
        waiting=tuple(pipeline.running()[::-1]),
        approval=pipeline.asks,
        migrates=migrates,
        skips=without_migration and migrates,
        shift=shift_of(described["deploymentConfiguration"]) if shifts(described) else "",
        frozen=words(stack, state.service, state.pipeline),
    )


@dataclass(frozen=True)
class Start:
    """An image that a service's pipeline is about to be started with.

    Attributes:
        stack: the stack.
        service: the service's name in the stack file.
        image: what the pipeline's variable `image` is given.
        what: what is released, in a line.
        course: what is on its way.
    """

    stack: str
    service: str
    image: str
    what: str
    course: Course

    def lines(self) -> list[str]:
        """What will happen, for people."""
        migration = "is left out" if self.course.skips else "runs first"
        migrates = [f"The migration of its image {migration}."] if self.course.migrates else []
        return [self.what, *migrates, *self.course.lines()]


def start(session: boto3.Session, look: Callable[[], Start], log_progress: Log, *, yes: bool, wait: bool) -> None:
    """Say what will happen, ask, start the pipeline, and follow it when asked.

    Raises:
        DeliveryError: the answer was no, or the execution did not succeed; or it is to be followed, and its releases
            are frozen.
    """
    chosen = agreed(look, "Release it?", yes=yes)
    skips = chosen.course.skips
    deploy(session, chosen.stack, chosen.service, chosen.image, log_progress, wait=wait, without_migration=skips)


def deploy(
    session: boto3.Session,
    stack: str,
    service: str,
    image: str,
    log_progress: Log,
    *,
    wait: bool,
    without_migration: bool = False,
) -> None:
    """Start the pipeline with an image, and follow it when asked.

    Raises:
        DeliveryError: the execution did not succeed; or it is to be followed, and its releases are frozen.
    """
    pipeline = Pipeline(session, aws_name(stack, service))
    execution = pipeline.start(image, without_migration=without_migration)
    log_progress(f"Started execution {execution} of {pipeline.name}.")
    if why := words(stack, service, read_pipeline_state(session.client("codepipeline"), pipeline.name)):
        if wait:
            raise DeliveryError(f"execution {execution} of {pipeline.name} waits, and is not followed: {why}")
        log_progress(f"It waits: {why}.")
    follow(session, stack, service, execution, log_progress, wait=wait)
