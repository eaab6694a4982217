"""Building an image here, or taking one that is here, pushing it, and following the release that this starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import boto3
import click

from delivery.command_line import Connection, json_option, print_json, service_argument, stack_option, wait_option
from delivery.executions.brought import S3, Delivering
from delivery.executions.find import check_rule, of_digest, started
from delivery.executions.outcome import Delivery
from delivery.executions.start import Course, course
from delivery.output.confirmation import agreed, yes_option
from delivery.uploads.build_settings import build_settings
from delivery.uploads.docker import Docker
from delivery.verification.images import platform_of
from pipeline_steps.build.builder import arguments
from pipeline_steps.build.content import DOCKERFILE
from releases.errors import PROGRAM, DeliveryError
from releases.names import LIVE, aws_name
from releases.progress import Log
from releases.repository import Repository
from releases.service_state import read_state


@dataclass(frozen=True)
class PushedImage:
    """An image that was pushed, and that starts nothing.

    Attributes:
        image: its name, with its tag.
        digest: the image's.
    """

    image: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Pushed(Delivery):
    """The execution of a pushed image.

    Attributes:
        image: the image's name, with its tag.
        digest: the image's.
    """

    image: str
    digest: str


DOCUMENT = Pushed | PushedImage


@dataclass(frozen=True)
class Target:
    """Where an image is pushed to, and how it is built.

    Attributes:
        name: the image's, with its tag.
        starts: whether the push starts the pipeline; False where an upload is to find the image.
        arguments: of `docker build`, with the context, in the source's folder.
        environment: of that.
    """

    name: str
    starts: bool
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def registry(self) -> str:
        """The registry's host."""
        return self.name.partition("/")[0]

    @property
    def repository(self) -> str:
        """The repository's name."""
        return self.name.partition("/")[2].rpartition(":")[0]

    @property
    def tag(self) -> str:
        """The image's tag."""
        return self.name.rpartition(":")[2]


def target_of(delivering: Delivering, image: str, platform: str | None) -> Target:
    """Find where an image of a service is pushed to: where a push starts its pipeline, or where its uploads look.

    Args:
        delivering: whose image it is.
        image: a folder with a Dockerfile, or the name of an image that docker has.
        platform: what it is built for, instead of the service's tasks; None: for these.

    Raises:
        DeliveryError: there is no such service, nothing is pushed for it, or this cannot be.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    place = delivering.place
    return (
        _of_uploads(delivering, image, platform)
        if place.startswith(S3)
        else _starts(delivering, place, image, platform)
    )


def _starts(delivering: Delivering, place: str, image: str, platform: str | None) -> Target:
    """Where a push starts the pipeline: the image is the whole release."""
    session, folder = delivering.session, Path(image)
    if folder.is_dir() and not (folder / DOCKERFILE).is_file():
        raise DeliveryError(f"{image} has no {DOCKERFILE}")
    if platform and not folder.is_dir():
        raise DeliveryError(f"--platform is of a folder that is built; {image} is an image, and has its own")
    tasks = platform_of(read_state(session, delivering.stack, delivering.service).definition)
    return Target(_name(session, place), True, ["--platform", platform or tasks, "."])


def _of_uploads(delivering: Delivering, image: str, platform: str | None) -> Target:
    """Where the upload of a source finds the image of its content, and builds none."""
    session, stack, service, folder = delivering.session, delivering.stack, delivering.service, Path(image)
    if not folder.is_dir():
        raise DeliveryError(f"{image} is no folder; of {service} sources are built, so --image is the top of one")
    if platform:
        raise DeliveryError("--platform: an image that an upload is to find is built for the service's tasks")
    try:
        settings, environment = build_settings(session, aws_name(stack, service), folder)
        missing = [*settings.content.missing()]
        tag = "" if missing else settings.content.tag()
    except ValueError as error:
        raise DeliveryError(f"{image} cannot be built: {error}") from None
    if not settings.inbox:
        ship = f"`{PROGRAM} ship {service} --source {image} --stack {stack}` uploads a source"
        raise DeliveryError(f"no image is pushed for {service}, without source.images in the stack file: {ship}")
    if missing:
        raise DeliveryError(f"{image} has no {missing[0]}")
    built = [*arguments(settings), settings.content.context]
    return Target(_name(session, f"{settings.inbox}:{tag}"), False, built, environment)


def _name(session: boto3.Session, place: str) -> str:
    """An image's whole name."""
    repository, _, tag = place.partition(":")
    (described,) = session.client("ecr").describe_repositories(repositoryNames=[repository])["repositories"]
    return f"{described['repositoryUri']}:{tag}"


def push(session: boto3.Session, image: str, target: Target, log_progress: Log) -> None:
    """Build an image of a folder, or take one that docker has, and push it.

    Args:
        session: who pushes.
        image: the folder, or the image's name.
        target: where to.
        log_progress: takes each line that docker says.

    Raises:
        DeliveryError: docker has failed.
        botocore.exceptions.ClientError: ECR refuses the login.
    """
    folder = Path(image)
    docker = Docker(session, log_progress, folder if folder.is_dir() else Path(), target.environment)
    docker.log_in(target.registry)
    if folder.is_dir():
        docker.run("build", "--tag", target.name, *target.arguments)
    else:
        docker.run("tag", image, target.name)
    docker.run("push", target.name)


@dataclass(frozen=True)
class Push:
    """An image that is about to be pushed.

    Attributes:
        service: the service's name in the stack file.
        image: the folder, or the image's name.
        target: where to.
        course: what is on its way; None where the push starts nothing.
    """

    service: str
    image: str
    target: Target
    course: Course | None

    def lines(self) -> list[str]:
        """What will happen, for people."""
        pushes = f"{self.service}: pushes {self.image} to {self.target.name}"
        if self.course is None:
            return [f"{pushes}, for an upload of that source to find; nothing is released now"]
        migration = ["The migration of its image runs first."] if self.course.migrates else []
        return [f"{pushes}, and releases it", *migration, *self.course.lines()]


def execution_of(delivering: Delivering, digest: str, before: str | None) -> str:
    """The execution of a pushed image; one that ECR has told nobody of is started here.

    Raises:
        DeliveryError: a push starts nothing, or its execution does not get its turn.
    """
    if found := started(delivering, before, of_digest(digest)):
        return found
    check_rule(delivering.session, delivering.pipeline)
    delivering.log("ECR has sent no event: this command starts the pipeline with this image.")
    return delivering.pipeline.start_pushed(digest)


@click.command("push")
@service_argument
@click.option(
    "--image", required=True, metavar="DIR|REFERENCE", help="A folder with a Dockerfile, or an image that docker has."
)
@click.option(
    "--platform", metavar="OS/MACHINE", help="The platform to build for, instead of that of the service's tasks."
)
@click.option("--verbose", is_flag=True, help="Also print each line of docker's output.")
@yes_option
@wait_option
@stack_option
@json_option
@click.pass_obj
def command(
    connection: Connection,
    service: str,
    image: str,
    platform: str | None,
    verbose: bool,
    yes: bool,
    wait: bool,
    stack: str,
    as_json: bool,
) -> None:
    """Push an image for SERVICE as its CI does, with this machine's docker, and follow the release that it starts.

    For a service whose sources are built and that accepts pushed images (`source.images`), it pushes the image of this
    source, which `ship` then finds. The exit code is 1 when the release fails, and 0 when it succeeds or waits for an
    approval.

    Example: delivery push mailer --image ../mailer --stack dev
    """
    delivering = Delivering(connection, stack, service, verbose, as_json)
    session, pipeline, name = delivering.session, delivering.pipeline, aws_name(stack, service)

    def look() -> Push:
        target = target_of(delivering, image, platform)
        on_its_way = course(session, stack, read_state(session, stack, service)) if target.starts else None
        return Push(service, image, target, on_its_way)

    target = agreed(look, "Push it?", yes=yes, err=as_json).target
    newest, repository = pipeline.newest(), Repository(session, target.repository)
    before = repository.digest(target.tag)
    push(connection.uploader(name), image, target, delivering.log if verbose else lambda _: None)
    digest = str(repository.digest(target.tag))
    delivering.log(f"Pushed {image} to {target.name}, {digest}")
    if not target.starts:
        delivering.log(f"`{PROGRAM} ship {service} --source {image} --stack {stack}` finds it, and builds nothing.")
    elif digest == before == Repository(session, name).digest(LIVE):
        delivering.log("It is live and already had its tag: ECR sends no event, and nothing starts.")
    else:
        if digest == before:
            delivering.log("It already had its tag, so ECR sends no event: this command starts the pipeline.")
            execution = pipeline.start_pushed(digest)
        else:
            execution = execution_of(delivering, digest, newest and newest[0])
        delivering.follow(execution, partial(Pushed, image=target.name, digest=digest), wait=wait)
        return
    if as_json:
        print_json(PushedImage(target.name, digest))
