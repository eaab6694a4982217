"""Building the source that was uploaded last once more, and releasing that."""

import boto3
import click

from delivery.command_line import service_command, wait_option
from delivery.commands.redeploy import deploy
from releases.errors import DeliveryError
from releases.executions import REBUILD
from releases.names import aws_name
from releases.pipeline import Pipeline
from releases.progress import Log


def rebuild(session: boto3.Session, stack: str, service: str, log_progress: Log, *, wait: bool) -> None:
    """Build the newest upload though its content has an image, and release what comes of it.

    Raises:
        DeliveryError: nothing is built of this service, nothing was uploaded yet, or the execution did not succeed.
        botocore.exceptions.ClientError: AWS refuses.
    """
    pipeline = Pipeline(session, aws_name(stack, service))
    if not pipeline.builds:
        raise DeliveryError(
            f"nothing of {service} is built here: its images are pushed, or promoted; bring another one"
        )
    if place := pipeline.first_upload():
        raise DeliveryError(f"nothing of {service} was uploaded yet, so there is nothing to build; upload to {place}")
    deploy(session, stack, service, REBUILD, log_progress, wait=wait)


@service_command("rebuild")
@wait_option
def command(session: boto3.Session, service: str, stack: str, wait: bool) -> None:
    """Build what was uploaded last for SERVICE once more, and release it: its base images may have been patched.

    Example: delivery rebuild chuoi --stack dev --wait
    """
    rebuild(session, stack, service, click.echo, wait=wait)
