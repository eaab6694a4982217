"""A shell in a task."""

import boto3
import click

from delivery.command_line import WithCommand, service_command
from delivery.tasks import sessions


@service_command("exec", WithCommand)
@click.option("--container", metavar="NAME", help="The container; by default the service's own.")
def command(session: boto3.Session, service: str, stack: str, container: str | None, command: tuple[str, ...]) -> None:
    """Open a shell in a task of SERVICE, or run a command there: `-- COMMAND …`.

    The service needs `exec: true`; this machine needs `aws` and the Session Manager plugin.

    Example: delivery exec chuoi --stack dev -- bin/console
    """
    sessions.find_programs()
    place = sessions.find(session, stack, service, container)
    sessions.check_terminal()
    click.echo(f"Task {place.task}, container {place.container}.", err=True)
    sessions.become(sessions.shell(session, place, command))
