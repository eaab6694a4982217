"""What the sandbox offers of this program, found by the entry points in pyproject.toml: neither imports the other."""

import os

import click

COMMANDS = ("status", "history", "rollback", "redeploy", "retry", "repair", "approve", "reject", "prune")
"""Those that look at or act on the services of a stack."""


def commands() -> click.Group:
    """The operators' commands. Their messages name them `sandbox …`, since that is how they are called."""
    os.environ["DELIVERY_PROGRAM"] = "sandbox"
    try:
        from delivery.__main__ import main  # which reads that variable when it is first imported
        from delivery.command_line import Connection
    finally:
        del os.environ["DELIVERY_PROGRAM"]

    @click.pass_context
    def connect(context: click.Context) -> None:
        context.obj = Connection(profile=None, region=None)

    offered = {name: main.commands[name] for name in COMMANDS}
    return click.Group(callback=connect, commands=offered, context_settings=main.context_settings)


def variables_of_wait() -> dict[str, str]:
    """What tells the program's `up` to wait for what is in flight, as `delivery up --wait` does."""
    from releases.waiting import MINUTES, VARIABLE  # which loads boto3

    return {VARIABLE: str(MINUTES)}
