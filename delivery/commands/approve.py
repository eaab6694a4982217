"""Letting a release go on that waits for an approval."""

import boto3
import click

from delivery.approval import answer, execution_option, reason_option
from delivery.command_line import service_argument, stack_option, with_session


@click.command("approve")
@service_argument
@stack_option
@reason_option
@execution_option
@with_session
def command(session: boto3.Session, service: str, stack: str, reason: str, execution: str | None) -> None:
    """Let the release of SERVICE go on that waits for an approval.

    Example: delivery approve chuoi --stack prd
    """
    answer(session, stack, service, "Approved", reason, execution)
