"""A release of an image that is there, through the pipeline or, when CodePipeline is down, without it."""

import re
from functools import partial

import boto3
import click

from delivery import break_glass
from delivery.command_line import service_command, wait_option
from delivery.commands import redeploy
from delivery.confirmation import confirm
from releases.errors import DeliveryError
from releases.names import RELEASE, aws_name
from releases.repository import Repository

NAMES = re.compile(rf"sha256:[0-9a-f]{{64}}|{RELEASE}\d+")


def named(context: click.Context, option: click.Parameter, value: str) -> str:
    """An image's digest, or the tag of a release.

    Raises:
        click.BadParameter: it is neither.
    """
    if NAMES.fullmatch(value) is None:
        raise click.BadParameter(f"{value!r} is no image; write sha256: and 64 digits, or {RELEASE}12")
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
@click.option("--image", required=True, callback=named, metavar="DIGEST", help="Of its repository; or release-N.")
@click.option("--without-pipeline", is_flag=True, help="Run the pipeline's steps here: CodePipeline is down.")
@click.option("--without-migration", is_flag=True, help="Leave the migration of the image out.")
@click.option("--although-frozen", is_flag=True, help="Though its releases wait; only with --without-pipeline.")
@click.option("--yes", is_flag=True, help="Do not ask.")
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
    """Release an image of SERVICE that is there already, by its digest or as that of an earlier release.

    With --without-pipeline the steps of the pipeline run here, with your credentials: migration, deployment, checks,
    tags, record and announcement are the same. Nobody's approval is asked for, and an execution that waits deploys its
    own image after it. While releases are frozen it is refused, but for --although-frozen. Interrupted, it leaves the
    deployment to ECS; `repair` ends it then.

    Example: delivery deploy chuoi --stack prd --without-pipeline --image release-12
    """
    if although_frozen and not without_pipeline:
        raise click.UsageError("--although-frozen goes with --without-pipeline; a pipeline keeps what is frozen")
    digest = digest_of(Repository(session, aws_name(stack, service)), image)
    if not without_pipeline:
        redeploy.deploy(session, stack, service, digest, click.echo, wait=wait, without_migration=without_migration)
        return
    look = partial(
        break_glass.plan,
        session,
        stack,
        service,
        digest,
        click.echo,
        migrates=not without_migration,
        although_frozen=although_frozen,
    )
    chosen = look()
    click.echo("\n".join(chosen.lines()))
    if not yes:
        confirm("Release it?")
        if (now := look().lines()) != chosen.lines():
            raise DeliveryError("meanwhile this has come instead, so run it again:", now)
    break_glass.run(session, chosen, click.echo)
