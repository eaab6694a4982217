"""What the commands have in common: options, AWS's session, and an error as one line.

Exit codes: 0 done; 1 failed; 2 wrong usage, or `verify` has findings; 130 interrupted; 141 whoever read the output is
gone, which a shell has for any command (128 + SIGPIPE).
"""

import functools
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import boto3
import click

from delivery.stack_files import completion
from delivery.stack_files.selected import selected_stack
from releases.aws_session import PATIENCE, share_clients
from releases.errors import EXPECTED, DeliveryError, explained

STACK_VARIABLE = "DELIVERY_STACK"
DONE, FAILED, USAGE, INTERRUPTED, UNREAD = 0, 1, 2, 130, 141


def _known_stack(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """The stack, wherever it is said.

    Raises:
        click.UsageError: nowhere.
    """
    if value is None and not context.resilient_parsing:
        raise click.UsageError(
            f"no stack is named: write --stack dev, set {STACK_VARIABLE}=dev, or run `pulumi stack select dev`"
        )
    return value


stack_option = click.option(
    "--stack",
    envvar=STACK_VARIABLE,
    default=selected_stack,
    callback=_known_stack,
    is_eager=True,
    shell_complete=completion.stacks,
    help=f"The stack, such as dev; by default {STACK_VARIABLE}, or the stack selected in Pulumi here.",
)
"""The stack on which a command works."""
service_argument = click.argument("service", shell_complete=completion.services)
optional_service_argument = click.argument("service", required=False, shell_complete=completion.services)
JSON_OPTION = "--json"
json_option = click.option(JSON_OPTION, "as_json", is_flag=True, help="Print one JSON document for machines to read.")
"""The module of a command that has it says in DOCUMENT what is printed: a dataclass, or `list[…]` of one.
docs/json_documents.py writes its fields into docs/reference/json.md."""
wait_option = click.option(
    "--wait/--no-wait", default=True, help="Follow it to its end and exit with 1 when it fails, or only start it."
)


def print_json(document: Any) -> None:
    """Print a document: a dataclass, or a list of such."""
    click.echo(json.dumps([*map(asdict, document)] if isinstance(document, list) else asdict(document), indent=2))


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
        return share_clients(
            boto3.Session(profile_name=self._profile, region_name=self._region or os.environ.get("AWS_REGION")),
            config=PATIENCE,
        )

    @property
    def address(self) -> Address:
        """What opens a port of a load balancer."""
        return at_aws

    def uploader(self, name: str) -> boto3.Session:
        """Who uploads or pushes for a service: the operator.

        Args:
            name: the service's name in AWS.
        """
        return self.session


class Commands(click.Group):
    """Commands of which one that fails says why in one line, without a traceback."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        """Run, and end the process with one of the exit codes."""
        color = None if os.environ.get("NO_COLOR", "") == "" else False
        try:
            code = super().main(args, *more, **{**extra, "color": color, "standalone_mode": False})
        except EXPECTED as error:
            _say_error(explained(error), color)
            for line in error.more if isinstance(error, DeliveryError) else ():
                click.echo(line, err=True)
            sys.exit(FAILED)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(USAGE)
        except click.UsageError as error:
            command = f"; see `{error.ctx.command_path} --help`" if error.ctx else ""
            _say_error(f"{error.format_message().rstrip('.')}{command}", color)
            sys.exit(USAGE)
        except click.ClickException as error:
            _say_error(error.format_message(), color)
            sys.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort) as error:
            click.echo(f"interrupted; {str(error) or 'what was started at AWS goes on'}", err=True)
            sys.exit(INTERRUPTED)
        sys.exit(code if isinstance(code, int) else DONE)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:  # before click takes it for an answer to a question
            raise click.Abort from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more
            sys.exit(UNREAD)


def _say_error(text: str, color: bool | None) -> None:
    click.secho(f"{click.style('error:', fg='red')} {text}", err=True, color=color)


def with_session(command: Callable[..., None]) -> Callable[..., None]:
    """A command that is given AWS's session."""

    @click.pass_obj
    @functools.wraps(command)
    def run(connection: Connection, *args: Any, **kwargs: Any) -> None:
        command(connection.session, *args, **kwargs)

    return run


class WithCommand(click.Command):
    """A command that runs another one, which stands after `--` and is given to it as `command`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what stands after `--`, whatever it begins with, and parse the rest."""
        own = args[: args.index("--")] if "--" in args else args
        ctx.params["command"] = tuple(args[len(own) + 1 :])
        return super().parse_args(ctx, own)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """With the command, which click does not know of."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND …]"]


def service_command(
    name: str, cls: type[click.Command] = click.Command, **settings: Any
) -> Callable[[Callable[..., None]], click.Command]:
    """A command about a service of a stack, which is given AWS's session, SERVICE and `--stack`.

    Args:
        name: the command's.
        cls: its class.
        settings: of `click.command`.
    """

    def command(run: Callable[..., None]) -> click.Command:
        return click.command(name, cls, **settings)(service_argument(stack_option(with_session(run))))

    return command
