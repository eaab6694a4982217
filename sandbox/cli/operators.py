"""The operators' commands, run with the sandbox's variables: what they do is `delivery`'s, over AWS's APIs."""

import os

import click

from sandbox.cli.options import one_message, stack_option
from sandbox.cli.server import environment
from sandbox.identities import credentials
from sandbox.stacks import StackFolder

PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}
HELP = {"-h", "--help"}
SUMMARIES = {
    "status": "What a service runs, and what was released.",
    "history": "The releases of a service, the newest first.",
    "rollback": "Deploy the image of an earlier release again, without a build.",
    "redeploy": "Deploy the live image once more, without a build; an edit that has failed is tried again.",
    "retry": "Go on with a release whose build was refused for a quota.",
    "repair": "Make what runs, what is live and the release record agree again, after a crash.",
    "approve": "Let the release go on that waits for an approval.",
    "reject": "End the release that waits for an approval.",
    "preview-report": "Say in Markdown what a preview would do, for a reviewer.",
    "prune": "List what no release needs any more, and with --yes remove it.",
}
"""Command → what it does; each is `delivery`'s, which has the options and the help."""


def _enter(stack: str) -> None:
    """Give this process the sandbox's variables."""
    server = StackFolder(stack).running_server()
    for name, value in environment(server, credentials(server, None, stack)).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _run(command: str, stack: str, arguments: tuple[str, ...]) -> None:
    """End as the operators' command ends. Its help needs no sandbox."""
    if not HELP & set(arguments):
        _enter(stack)
    os.environ["DELIVERY_PROGRAM"] = "sandbox"
    from delivery.__main__ import main  # which reads that variable

    main([command, *arguments, "--stack", stack], prog_name="sandbox")


def _command(name: str, summary: str) -> click.Command:
    @click.command(name, context_settings=PASS_ON, help=f"{summary} `delivery {name}` in the sandbox.")
    @stack_option
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    @one_message
    def command(stack: str, arguments: tuple[str, ...]) -> None:
        _run(name, stack, arguments)

    return command


COMMANDS = [_command(name, summary) for name, summary in SUMMARIES.items()]
