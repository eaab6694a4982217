"""What a service's containers have logged."""

from datetime import UTC, datetime, timedelta

import boto3
import click

from delivery.command_line import json_option, print_json, service_command
from delivery.commands.history import service_history
from delivery.commands.rollback import release_number
from delivery.delivered import print_last
from delivery.logs import Line, duration, search, streams_of
from releases.errors import PROGRAM, DeliveryError
from releases.names import aws_name
from releases.pipeline import Pipeline
from releases.record import Release
from releases.service_state import read_state

DOCUMENT = list[Line]


def since(context: click.Context, option: click.Parameter, value: str) -> timedelta:
    """How long ago.

    Raises:
        click.BadParameter: it is no duration.
    """
    try:
        return duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def release_of(session: boto3.Session, stack: str, service: str, number: int) -> Release:
    """A release.

    Raises:
        DeliveryError: there is no such one.
    """
    releases = service_history(session, stack, service).releases
    found = next((each for each in releases if each.release == number), None)
    if found is None:
        raise DeliveryError(
            f"there is no release {number} of {service}; `{PROGRAM} history {service} --stack {stack}` lists them"
        )
    return found


@service_command("logs")
@click.option("--follow", is_flag=True, help="Go on until interrupted.")
@click.option(
    "--since", "ago", default="10m", show_default=True, callback=since, help="How long ago: 30s, 10m, 2h, 1d."
)
@click.option("--release", "number", type=release_number, metavar="N", help="Only the tasks of this release.")
@click.option("--container", metavar="NAME", help="Only this container.")
@click.option("--delivery", "of_delivery", is_flag=True, help="The last delivery and the log of its build instead.")
@json_option
def command(
    session: boto3.Session,
    service: str,
    stack: str,
    follow: bool,
    ago: timedelta,
    number: int | None,
    container: str | None,
    of_delivery: bool,
    as_json: bool,
) -> None:
    """Print the logs of SERVICE's containers, including stopped tasks, migrations and jobs.

    Each line has the time in UTC, the beginning of the task's id, and the container.

    Example: delivery logs chuoi --stack dev --since 1h --follow
    """
    if follow and as_json:
        raise click.UsageError("--json prints one document, and --follow has no end; take one of them")
    state = read_state(session, stack, service)
    if of_delivery:
        if follow or as_json or number is not None or container:
            raise click.UsageError("--delivery is printed as it is, without any other option")
        print_last(session, Pipeline(session, aws_name(stack, service)), click.echo)
        return
    streams = None
    if number is not None:
        release = release_of(session, stack, service, number)
        streams = streams_of(session, state, release)
    wanted, moment = search(session, stack, service, container, streams), datetime.now(UTC) - ago
    if follow:
        wanted.follow(moment, lambda line: click.echo(line.text()))
    lines = wanted.since(moment)
    if as_json:
        print_json(list(lines))
    for line in [] if as_json else lines:
        click.echo(line.text())
