"""The task definition that this checkout makes of a service."""

import json
from pathlib import Path

import boto3
import click

from delivery.command_line import service_command
from delivery.services.differences import differences
from delivery.services.rendered import as_written, rendered
from releases.ecs import describe_revision
from releases.names import aws_name
from releases.service_state import read_state, revision_name


@service_command("render")
@click.option("--diff", "compare", is_flag=True, help="Print the difference from what runs instead.")
def command(session: boto3.Session, service: str, stack: str, compare: bool) -> None:
    """Print the task definition of SERVICE as `up` would register it from this checkout, with the live image.

    The output is JSON for RegisterTaskDefinition. The command does not run the engine: roles and the values of the
    service's own parameters are the running ones, so an edited value does not show; the name of a new one ends in -NEW.

    \b
    delivery render chuoi --stack dev --diff

    Example: delivery render chuoi --stack dev
    """
    state = read_state(session, stack, service)
    made = rendered(session, Path.cwd(), stack, state)
    if not compare:
        click.echo(json.dumps(made, indent=2))
        return
    now = as_written(describe_revision(session.client("ecs"), state.task_definition))
    found = differences(now, made, aws_name(stack, service))
    runs = revision_name(state.task_definition)
    click.echo(f"{service}: from {runs}, which runs, to this checkout{'' if found else ': nothing differs'}")
    for each in found:
        click.echo(f"{each.field}: {each.then} → {each.now}")
