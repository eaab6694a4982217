"""What the commands have in common: options, AWS's session, and an error as one line."""

import functools
import sys
from collections.abc import Callable
from typing import Any

import boto3
import click

from releases.aws_session import share_clients
from releases.errors import EXPECTED, explained

stack_option = click.option("--stack", required=True, help="The stack, such as dev.")
service_argument = click.argument("service")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document for machines to read.")
wait_option = click.option("--wait", is_flag=True, help="Follow the pipeline to its end; exit with 1 when it fails.")


Address = Callable[[str, str, int], str]
"""What opens a port of a host, by protocol, host and port."""


def at_aws(protocol: str, host: str, port: int) -> str:
    """What opens a port of a load balancer, whose name the host is."""
    return f"{protocol}://{host}:{port}"


class Connection:
    """AWS, by boto3's chain of credentials; made when a command first needs it, so that --help needs none."""

    def __init__(self, profile: str | None, region: str | None) -> None:
        self._profile, self._region = profile, region

    @functools.cached_property
    def session(self) -> boto3.Session:
        """The session of the chosen profile and region."""
        return share_clients(boto3.Session(profile_name=self._profile, region_name=self._region))

    @property
    def address(self) -> Address:
        """What opens a port of a load balancer."""
        return at_aws


class Commands(click.Group):
    """Commands of which one that fails says why in one line, without a traceback, and exits with 1."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except EXPECTED as error:
            click.echo(f"error: {explained(error)}", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("interrupted; what was started at AWS goes on", err=True)
            sys.exit(130)


def with_session(command: Callable[..., None]) -> Callable[..., None]:
    """A command that is given AWS's session."""

    @click.pass_obj
    @functools.wraps(command)
    def run(connection: Connection, *args: Any, **kwargs: Any) -> None:
        command(connection.session, *args, **kwargs)

    return run


def service_command(name: str, **settings: Any) -> Callable[[Callable[..., None]], click.Command]:
    """A command about a service of a stack, which is given AWS's session, SERVICE and `--stack`.

    Args:
        name: the command's.
        settings: of `click.command`.
    """

    def command(run: Callable[..., None]) -> click.Command:
        return click.command(name, click.Command, **settings)(service_argument(stack_option(with_session(run))))

    return command
