"""Ending a release that waits for an approval."""

import boto3
import click

from delivery.approval import answer, execution_option, reason_option
from delivery.command_line import service_argument, stack_option, with_session


@click.command("reject")
@service_argument
@stack_option
@reason_option
@execution_option
@with_session
def command(session: boto3.Session, service: str, stack: str, reason: str, execution: str | None) -> None:
    """End the release of SERVICE that waits for an approval; what runs stays.

    Example: delivery reject chuoi --stack prd --reason "not before the holidays"
    """
    answer(session, stack, service, "Rejected", reason, execution)
