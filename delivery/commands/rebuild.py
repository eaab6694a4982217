"""Building the source that was uploaded last once more, and releasing that."""

from functools import partial

import boto3
import click

from delivery.command_line import service_command, wait_option
from delivery.executions.start import Start, course, start
from delivery.output.confirmation import yes_option
from releases.errors import DeliveryError
from releases.executions import REBUILD
from releases.names import aws_name
from releases.pipeline import Pipeline
from releases.service_state import read_state


def plan(session: boto3.Session, stack: str, service: str) -> Start:
    """Building the newest upload though its content has an image, and releasing what comes of it.

    Raises:
        DeliveryError: nothing is built of this service, or nothing was uploaded yet.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    pipeline = Pipeline(session, aws_name(stack, service))
    if not pipeline.builds:
        raise DeliveryError(
            f"{service} is not built here: its images are pushed or promoted; push or promote another one"
        )
    if place := pipeline.first_upload():
        raise DeliveryError(f"{service} has no upload yet, so there is nothing to build; upload to {place}")
    what = f"{service}: builds what was uploaded last once more, and releases it"
    return Start(stack, service, REBUILD, what, course(session, stack, read_state(session, stack, service)))


@service_command("rebuild")
@yes_option
@wait_option
def command(session: boto3.Session, service: str, stack: str, yes: bool, wait: bool) -> None:
    """Build the last upload of SERVICE again and release it, for example after its base images were patched.

    Example: delivery rebuild chuoi --stack dev
    """
    start(session, partial(plan, session, stack, service), click.echo, yes=yes, wait=wait)
