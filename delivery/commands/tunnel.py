"""A port of this machine that leads to one of a task."""

import boto3
import click

from delivery.command_line import service_command
from delivery.tasks import sessions

PORT = click.IntRange(1, 65535)


@service_command("tunnel")
@click.argument("port", type=PORT)
@click.option("--local-port", type=PORT, metavar="PORT", help="The port of this machine; by default the same number.")
@click.option(
    "--host", metavar="NAME", help="A host that the task reaches, such as a database; by default the task itself."
)
@click.option("--container", metavar="NAME", help="The container; by default the service's own.")
def command(
    session: boto3.Session,
    service: str,
    port: int,
    stack: str,
    local_port: int | None,
    host: str | None,
    container: str | None,
) -> None:
    """Forward a port of this machine to PORT of a task of SERVICE, until interrupted.

    The service needs `exec: true`; this machine needs `aws` and the Session Manager plugin.

    Example: delivery tunnel chuoi 5432 --stack dev --host db.internal --local-port 15432
    """
    sessions.find_programs()
    place = sessions.find(session, stack, service, container)
    click.echo(f"Task {place.task}: localhost:{local_port or port} leads to {host or 'it'}:{port}.", err=True)
    sessions.become(sessions.tunnel(session, place, port, local_port or port, host))
