"""The operators' commands, run with the sandbox's variables: what they do is `delivery`'s, over AWS's APIs."""

import os
import subprocess
import sys

import click

from sandbox.cli.options import one_message, stack_option
from sandbox.cli.server import credentials, environment
from sandbox.stacks import StackFolder

PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}


def _run(command: str, stack: str, arguments: tuple[str, ...]) -> None:
    server = StackFolder(stack).running_server()
    aws = environment(server, credentials(server, None, stack))
    variables = {name: value for name, value in {**os.environ, **aws}.items() if value is not None}
    program = [sys.executable, "-m", "delivery", command, *arguments, "--stack", stack]
    sys.exit(subprocess.run(program, env=variables, check=False).returncode)


@click.command(context_settings=PASS_ON)
@stack_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@one_message
def status(stack: str, arguments: tuple[str, ...]) -> None:
    """What a service runs, and what was released: `delivery status` in the sandbox."""
    _run("status", stack, arguments)


COMMANDS = [status]
