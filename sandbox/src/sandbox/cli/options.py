"""Options and behaviour that the commands share."""

import functools
import shutil
import sys
from collections.abc import Callable
from typing import Any

import click

from sandbox.stacks import SandboxError

STACK = "--stack"
DEFAULT_STACK = "local"


def named_stack_option(*names: str) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """The option that says which stack, under these names."""
    return click.option(*names, "stack", default=DEFAULT_STACK, show_default=True, help="The stack: local, dev, prd.")


stack_option = named_stack_option(STACK)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document for machines to read.")


def say(message: str) -> None:
    """Progress, on standard error, so that standard output stays what the command was asked for."""
    click.echo(message, err=True)


def columns() -> int | None:
    """The width of the terminal that standard output is; None when it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def one_message(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command that fails says why in one message, without a traceback, and exits with 1."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except SandboxError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(130)

    return run
