"""Letting releases go on that were frozen."""

from functools import partial

import boto3
import click

from delivery.command_line import optional_service_argument, stack_option, with_session
from delivery.executions.freeze import held, missing, unfreeze
from delivery.output.confirmation import agreed, yes_option
from releases.ecs import list_services
from releases.errors import PROGRAM
from releases.names import aws_name
from releases.pipeline import Pipeline


@click.command("unfreeze")
@optional_service_argument
@stack_option
@yes_option
@with_session
def command(session: boto3.Session, service: str | None, stack: str, yes: bool) -> None:
    """Continue the releases of SERVICE, or of all services, that `freeze` has stopped.

    If releases wait, they are deployed, so the command asks first. CodePipeline continues those that have waited less
    than 30 days; start older ones again.

    Example: delivery unfreeze chuoi --stack prd
    """
    services = [service] if service is not None else list_services(session, stack)
    if service is not None and not Pipeline(session, aws_name(stack, service)).exists:
        raise missing(stack, service)
    look = partial(held, session, stack, services)
    kept = look()
    if not kept.waiting:
        click.echo("Nothing is frozen.")
        return
    if kept.lines():
        kept = agreed(look, "Let them go on?", yes=yes, found=kept)
    unfreeze(session, stack, kept.waiting)
    for name, executions in kept.waiting.items():
        if executions:
            click.echo(f"Releases of {name} go on: {', '.join(executions)}.")
            click.echo(f"Watch it: `{PROGRAM} status {name} --stack {stack} --watch`")
        else:
            click.echo(f"Releases of {name} go on, and none waits.")
