"""Letting releases go on that were frozen."""

import boto3
import click

from delivery.command_line import optional_service_argument, stack_option, with_session
from delivery.freeze import unfreeze
from releases.ecs import list_services
from releases.pipeline_state import DEPLOY_STAGE


@click.command("unfreeze")
@optional_service_argument
@stack_option
@with_session
def command(session: boto3.Session, service: str | None, stack: str) -> None:
    """Let releases of SERVICE, or of all services, go on that `freeze` has kept.

    CodePipeline goes on with those that have waited less than 30 days; older ones are to be started anew.

    Example: delivery unfreeze chuoi --stack prd
    """
    services = [service] if service is not None else list_services(session, stack)
    opened = unfreeze(session, stack, services)
    for name, state in opened.items():
        waited = [each.execution for each in state.queued if each.stage == DEPLOY_STAGE]
        goes_on = f": {', '.join(waited)}" if waited else ", and none waits"
        click.echo(f"Releases of {name} go on{goes_on}.")
    if not opened:
        click.echo("Nothing is frozen.")
