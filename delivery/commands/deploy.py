"""A release of an image that is there, through the pipeline or, when CodePipeline is down, without it."""

import re
from functools import partial

import boto3
import click

from delivery.command_line import service_command, wait_option
from delivery.executions import break_glass
from delivery.executions.following import Following
from delivery.executions.start import Start, course, start
from delivery.output.confirmation import agreed, yes_option
from releases.errors import PROGRAM, DeliveryError
from releases.names import RELEASE, aws_name
from releases.repository import Repository
from releases.service_state import read_state

NAMES = re.compile(rf"sha256:[0-9a-f]{{64}}|{RELEASE}\d+")


def named(context: click.Context, option: click.Parameter, value: str) -> str:
    """An image's digest, or the tag of a release.

    Raises:
        click.BadParameter: it is neither.
    """
    if NAMES.fullmatch(value) is None:
        raise click.BadParameter(f"{value!r} is not an image; write sha256: and 64 digits, or {RELEASE}12")
    return value


def digest_of(repository: Repository, image: str) -> str:
    """The digest of an image that is in a repository.

    Raises:
        DeliveryError: it is not.
    """
    digest = repository.digest(image) if image.startswith(RELEASE) else image
    if digest is None or not repository.has(digest):
        raise DeliveryError(f"the image {image} is not in the repository {repository.name}")
    return digest


@service_command("deploy")
@click.option(
    "--image",
    required=True,
    callback=named,
    metavar="DIGEST",
    help="The digest of an image in its repository, or release-N.",
)
@click.option(
    "--without-pipeline", is_flag=True, help="Run the pipeline's steps on this machine, for when CodePipeline is down."
)
@click.option("--without-migration", is_flag=True, help="Skip the migration of the image.")
@click.option(
    "--although-frozen", is_flag=True, help="Deploy although releases are frozen; only with --without-pipeline."
)
@yes_option
@wait_option
def command(
    session: boto3.Session,
    service: str,
    stack: str,
    image: str,
    without_pipeline: bool,
    without_migration: bool,
    although_frozen: bool,
    yes: bool,
    wait: bool,
) -> None:
    """Release an existing image of SERVICE, by its digest or by an earlier release.

    With --without-pipeline the pipeline's steps run on this machine, with your credentials: migration, deployment,
    checks, tags, record and announcement are the same. Nobody approves it, and a waiting execution deploys its own
    image afterwards. While releases are frozen it is refused without --although-frozen. If it is interrupted, ECS
    finishes the deployment; run `repair` then.

    Example: delivery deploy chuoi --stack prd --without-pipeline --image release-12
    """
    if although_frozen and not without_pipeline:
        raise click.UsageError("--although-frozen needs --without-pipeline; a pipeline does not deploy what is frozen")
    if without_pipeline and not wait:
        raise click.UsageError("--no-wait cannot be used with --without-pipeline, because its steps run here")
    if not without_pipeline:
        planned = partial(through_pipeline, session, stack, service, image, without_migration)
        start(session, planned, click.echo, yes=yes, wait=wait)
        return
    look = partial(
        break_glass.plan,
        session,
        stack,
        service,
        digest_of(Repository(session, aws_name(stack, service)), image),
        click.echo,
        migrates=not without_migration,
        although_frozen=although_frozen,
    )
    chosen = agreed(look, "Release it?", yes=yes)
    here = Following(break_glass.without_pipeline(session), stack, service, click.echo)
    ends = f"`{PROGRAM} repair {service} --stack {stack}` ends the release then."
    with here.until_interrupted("What ECS deploys", [ends]):
        break_glass.run(session, chosen, here.log)


def through_pipeline(session: boto3.Session, stack: str, service: str, image: str, without_migration: bool) -> Start:
    """Having the pipeline release an image that is there.

    Raises:
        DeliveryError: it is not in the service's repository, or the pipeline cannot leave its migration out.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    state, digest = read_state(session, stack, service), digest_of(Repository(session, aws_name(stack, service)), image)
    named = f"{image}, {digest}" if image != digest else digest
    way = course(session, stack, state, without_migration=without_migration)
    return Start(stack, service, digest, f"{service}: releases the image {named}", way)
