"""Keeping releases, for a while."""

import boto3
import click

from delivery.command_line import optional_service_argument, stack_option, with_session
from delivery.executions.freeze import freeze, words
from releases.ecs import list_services
from releases.errors import DeliveryError
from releases.service_state import read_states

EDITS = {True: "Edits by `up` wait, too.", False: "An `up` deploys its edits all the same."}
"""Does the pipeline deploy edits? → what becomes of them."""


@click.command("freeze")
@optional_service_argument
@stack_option
@click.option(
    "--reason", required=True, metavar="TEXT", help="Why; `status` shows the reason and who froze the releases."
)
@with_session
def command(session: boto3.Session, service: str | None, stack: str, reason: str) -> None:
    """Make releases of SERVICE, or of all services, wait before Deploy until `unfreeze`.

    Builds and approvals go on meanwhile, and so does a deployment in flight. A rollback waits too. An `up` still
    deploys its edits, except those that CodeDeploy deploys.

    Example: delivery freeze chuoi --stack prd --reason "a sale"
    """
    services = [service] if service is not None else list_services(session, stack)
    if not services:
        raise DeliveryError(f"stack {stack} has no services; check the stack, the account and the region")
    freeze(session, stack, services, reason)
    for name, state in sorted(read_states(session, stack, services).items()):
        if frozen := words(stack, name, state.pipeline):
            click.echo(f"{frozen}. {EDITS[state.controller.deploys_template]}")
        if state.pipeline.deploying:
            click.echo(f"{name}: execution {state.pipeline.deploying} is in Deploy, and goes on.")
