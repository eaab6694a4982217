"""What a service's containers have logged."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import boto3
import click

from delivery.command_line import json_option, print_json, service_command
from delivery.commands.rollback import release_number
from delivery.executions.outcome import print_last
from delivery.services.history import service_history
from delivery.tasks.logs import Line, duration, search, streams_of, streams_of_task
from releases import stopped_tasks
from releases.ecs import describe_revision
from releases.errors import PROGRAM, DeliveryError
from releases.names import aws_name, migration_family
from releases.pipeline import Pipeline
from releases.record import Release
from releases.service_state import ServiceState, read_state

DOCUMENT = list[Line]
RECENT, EVER = timedelta(minutes=10), timedelta(days=3650)
"""How long ago it begins, where that is not said: the second where one task alone is shown."""


def since(context: click.Context, option: click.Parameter, value: str | None) -> timedelta | None:
    """How long ago; None where that is not said.

    Raises:
        click.BadParameter: it is no duration.
    """
    try:
        return None if value is None else duration(value)
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


def last_failed(session: boto3.Session, stack: str, state: ServiceState) -> tuple[str, Mapping[str, Any]]:
    """The id of the last task that has failed, and its definition; standard error is told why.

    Raises:
        DeliveryError: ECS knows none.
    """
    ecs, migration = session.client("ecs"), migration_family(aws_name(stack, state.service))
    task = stopped_tasks.last_failed(ecs, state.cluster, state.name, migration)
    if task is None:
        raise DeliveryError(
            f"ECS knows no task of {state.service} that has failed within the last hour; "
            f"`{PROGRAM} history {state.service} --stack {stack} --all` has the causes of deliveries that failed, "
            f"and `{PROGRAM} logs {state.service} --stack {stack} --delivery` the log of the last build"
        )
    id = task["taskArn"].rpartition("/")[2]
    stopped = task["stoppedAt"].astimezone(UTC)
    click.echo(f"Task {id} has stopped at {stopped:%H:%M:%S}: {stopped_tasks.why(task)}", err=True)
    return id, describe_revision(ecs, task["taskDefinitionArn"])


@service_command("logs")
@click.option("--follow", is_flag=True, help="Go on until interrupted.")
@click.option("--since", "ago", callback=since, help="How long ago: 30s, 10m, 2h, 1d; 10m by default, all of one task.")
@click.option("--release", "number", type=release_number, metavar="N", help="Only the tasks of this release.")
@click.option("--task", metavar="ID", help="Only this task, by its id or the beginning of it, as each line has it.")
@click.option("--failed", is_flag=True, help="Only the last task that failed, and why it stopped.")
@click.option("--container", metavar="NAME", help="Only this container.")
@click.option("--delivery", "of_delivery", is_flag=True, help="The last delivery and the log of its build instead.")
@json_option
def command(
    session: boto3.Session,
    service: str,
    stack: str,
    follow: bool,
    ago: timedelta | None,
    number: int | None,
    task: str | None,
    failed: bool,
    container: str | None,
    of_delivery: bool,
    as_json: bool,
) -> None:
    """Print the logs of SERVICE's containers, including stopped tasks, migrations and jobs.

    Each line has the time in UTC, the beginning of the task's id, and the container.

    \b
    delivery logs chuoi --stack dev --since 1h --follow
    delivery logs chuoi --stack dev --failed

    Example: delivery logs chuoi --stack dev --since 1h
    """
    if follow and as_json:
        raise click.UsageError("--json prints one document, and --follow does not end; use one of them")
    if sum((number is not None, task is not None, failed)) > 1:
        raise click.UsageError("use only one of --release, --task and --failed")
    if of_delivery and (
        follow or as_json or failed or any(each is not None for each in (ago, number, task, container))
    ):
        raise click.UsageError("--delivery is printed as it is, without any other option")
    state = read_state(session, stack, service)
    if of_delivery:
        print_last(session, Pipeline(session, aws_name(stack, service)), click.echo)
        return
    find = None
    if number is not None:
        find = partial(streams_of, session, state, release_of(session, stack, service, number))
    elif task is not None:
        find = partial(streams_of_task, session, state.definition, task)
    elif failed:
        id, definition = last_failed(session, stack, state)
        find = partial(streams_of_task, session, definition, id)
    streams = find() if find else None
    moment = datetime.now(UTC) - (ago or (EVER if task or failed else RECENT))
    wanted = search(session, stack, service, container, streams)
    if follow:
        wanted.follow(moment, lambda line: click.echo(line.text()), find)
    lines = wanted.since(moment)
    if as_json:
        print_json(list(lines))
    for line in [] if as_json else lines:
        click.echo(line.text())
