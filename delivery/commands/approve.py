"""Letting a release go on that waits for an approval."""

from functools import partial

import boto3
import click

from delivery.command_line import service_command, wait_option
from delivery.executions.approval import choice, decide, execution_option, reason_option
from delivery.executions.following import follow
from delivery.output.confirmation import agreed, yes_option
from releases.names import aws_name


@service_command("approve")
@reason_option
@execution_option
@yes_option
@wait_option
def command(
    session: boto3.Session, service: str, stack: str, reason: str, execution: str | None, yes: bool, wait: bool
) -> None:
    """Approve the release of SERVICE that waits for an approval.

    Example: delivery approve chuoi --stack prd
    """
    look = partial(choice, session, stack, service, "Approved", reason, execution)
    waiting = agreed(look, "Approve it?", yes=yes).waiting
    decide(session, aws_name(stack, service), waiting, "Approved", reason)
    click.echo("Approved.")
    follow(session, stack, service, waiting.execution, click.echo, wait=wait)
