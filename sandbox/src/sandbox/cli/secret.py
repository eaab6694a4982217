"""A secret of one's own in the sandbox, which makes up those that the stack file lacks."""

import sys

import click

from sandbox.cli.options import one_message, stack_option
from sandbox.stacks import SandboxError, StackFolder


@click.command()
@click.argument("key")
@stack_option
@one_message
def secret(key: str, stack: str) -> None:
    """Have a value of your own for the secret KEY of the stack file, instead of a made-up one, until `stop`.

    KEY is its path in the config, as in `pulumi config set --secret --path KEY`. Its value comes from standard input,
    and is kept in .sandbox/ in plain text.

    Example: sandbox secret fargate-delivery:secrets.hello.SECRET_KEY_BASE --stack local
    """
    folder = StackFolder(stack)
    if ":" not in key:
        raise SandboxError(
            f"{key!r} is no path in the config; write NAMESPACE:KEY.KEY, as up says when it makes one up"
        )
    folder.secrets.keep(key, _value())
    click.echo(f"{key} has your value from the next up on: sandbox up --stack {stack}")


def _value() -> str:
    """From a terminal, twice and unseen, or from standard input, whose last line end is not part of it."""
    if sys.stdin.isatty():
        return str(click.prompt("Value", hide_input=True, confirmation_prompt=True))
    if value := sys.stdin.read().removesuffix("\n"):
        return value
    raise SandboxError("standard input has no value; nothing was changed")


COMMANDS = [secret]
