"""What a stack that is up costs for a month."""

import boto3
import click

from delivery.command_line import json_option, optional_service_argument, print_json, stack_option, with_session
from delivery.services.monthly import Costs, costs
from releases.ecs import list_services
from releases.errors import DeliveryError
from releases.service_state import read_state

DOCUMENT = Costs


@click.command("cost")
@optional_service_argument
@stack_option
@json_option
@with_session
def command(session: boto3.Session, service: str | None, stack: str, as_json: bool) -> None:
    """Estimate what SERVICE, or all services, cost a month with the fewest and the most tasks, and what they share.

    It uses on-demand list prices, and leaves out Spot, traffic, builds, logs and storage.

    Example: delivery cost --stack dev
    """
    if service is not None:
        read_state(session, stack, service)
    services = [service] if service is not None else list_services(session, stack)
    if not services:
        raise DeliveryError(f"stack {stack} has no services; check the stack, the account and the region")
    found = costs(session, stack, services)
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(found.lines()))
