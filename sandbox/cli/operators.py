"""The operators' commands, run with the sandbox's variables: what they do is `delivery`'s, over AWS's APIs."""

import os
import subprocess
import sys

import click

from sandbox.cli.options import one_message, stack_option
from sandbox.cli.server import credentials, environment
from sandbox.stacks import StackFolder

PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}
HELP = {"-h", "--help"}
SUMMARIES = {
    "status": "What a service runs, and what was released.",
    "history": "The releases of a service, the newest first.",
    "rollback": "Deploy the image of an earlier release again, without a build.",
    "redeploy": "Deploy the live image once more, without a build; an edit that has failed is tried again.",
    "repair": "Make what runs, what is live and the release record agree again, after a crash.",
    "approve": "Let the release go on that waits for an approval.",
    "reject": "End the release that waits for an approval.",
    "prune": "List what no release needs any more, and with --yes remove it.",
}
"""Command → what it does; each is `delivery`'s, which has the options and the help."""


def _variables(stack: str) -> dict[str, str | None]:
    server = StackFolder(stack).running_server()
    return environment(server, credentials(server, None, stack))


def _run(command: str, stack: str, arguments: tuple[str, ...]) -> None:
    """End as the operators' command ends. Its help needs no sandbox."""
    aws = {} if HELP & set(arguments) else _variables(stack)
    changed = {**os.environ, **aws, "DELIVERY_PROGRAM": "sandbox"}
    variables = {name: value for name, value in changed.items() if value is not None}
    program = [sys.executable, "-m", "delivery", command, *arguments, "--stack", stack]
    sys.exit(subprocess.run(program, env=variables, check=False).returncode)


def _command(name: str, summary: str) -> click.Command:
    @click.command(name, context_settings=PASS_ON, help=f"{summary} `delivery {name}` in the sandbox.")
    @stack_option
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    @one_message
    def command(stack: str, arguments: tuple[str, ...]) -> None:
        _run(name, stack, arguments)

    return command


COMMANDS = [_command(name, summary) for name, summary in SUMMARIES.items()]
