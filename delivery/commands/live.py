"""The image that is live, for what comes after it in a script."""

import boto3
import click

from delivery.command_line import service_command
from releases.errors import DeliveryError
from releases.names import LIVE, aws_name
from releases.repository import Repository


def live(session: boto3.Session, stack: str, service: str) -> str:
    """The digest of the image that is live.

    Raises:
        DeliveryError: none is.
    """
    digest = Repository(session, aws_name(stack, service)).digest(LIVE)
    if digest is None:
        raise DeliveryError(f"no image of {service} is live in stack {stack}")
    return digest


@service_command("live")
def command(session: boto3.Session, service: str, stack: str) -> None:
    """Print the digest of the live image of SERVICE.

    Example: delivery live chuoi --stack dev
    """
    click.echo(live(session, stack, service))
