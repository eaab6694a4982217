"""Ending a release that waits for an approval."""

from functools import partial

import boto3
import click

from delivery.command_line import service_command
from delivery.executions.approval import choice, decide, execution_option, reason_option
from delivery.output.confirmation import agreed, yes_option
from releases.names import aws_name


@service_command("reject")
@reason_option
@execution_option
@yes_option
def command(session: boto3.Session, service: str, stack: str, reason: str, execution: str | None, yes: bool) -> None:
    """Reject the release of SERVICE that waits for an approval; what runs stays.

    Example: delivery reject chuoi --stack prd --reason "not before the holidays"
    """
    look = partial(choice, session, stack, service, "Rejected", reason, execution)
    waiting = agreed(look, "Reject it?", yes=yes).waiting
    decide(session, aws_name(stack, service), waiting, "Rejected", reason)
    click.echo("Rejected.")
