"""The `sandbox` command."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from sandbox.cli.options import DEFAULT_STACK

WHERE = {
    "up": "stack",
    "preview": "stack",
    "refresh": "stack",
    "export": "stack",
    "down": "stack",
    "secret": "secret",
    "load": "load",
    "slack": "receivers",
    "commits": "receivers",
    "env": "server",
    "serve": "serve",
    "stop": "server",
}
"""Command → module; only what is called is imported, because the engine's and AWS's SDKs take their time."""
OF_PROGRAMS = "sandbox.cli.operators"
"""Has the commands that programs offer; their loading takes its time too."""


USAGE, INTERRUPTED, UNREAD = 2, 130, 141
"""Exit codes: asked wrongly; interrupted; whoever read the output is gone (128 + SIGPIPE)."""


class Commands(click.Group):
    """The commands, imported when they are called. What is asked wrongly is told in one line."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        """Run, and end the process with an exit code."""
        try:
            code = super().main(args, *more, **{**extra, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(USAGE)
        except click.ClickException as error:
            context = error.ctx if isinstance(error, click.UsageError) else None
            more_about = f"; see `{context.command_path} --help`" if context else ""
            click.echo(f"error: {error.format_message().rstrip('.')}{more_about}", err=True)
            sys.exit(error.exit_code)
        except click.Abort:
            click.echo("interrupted", err=True)
            sys.exit(INTERRUPTED)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more
            sys.exit(UNREAD)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*WHERE, *_of_programs()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in WHERE and ctx.resilient_parsing:  # a shell completes
            ctx.default_map = {cmd_name: {"stack": DEFAULT_STACK, "target": DEFAULT_STACK}}
            return _as_they_are().get(cmd_name)
        if cmd_name not in WHERE:
            if not (of_programs := _of_programs()):
                ctx.fail(f"No such command {cmd_name!r}, and no program that is installed offers any; run: make setup")
            return of_programs.get(cmd_name)
        commands: list[click.Command] = importlib.import_module(f"sandbox.cli.{WHERE[cmd_name]}").COMMANDS
        return next(command for command in commands if command.name == cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))
        if of_programs := _of_programs():
            with formatter.section("Commands of the program"):
                formatter.write_dl([(name, each.get_short_help_str(95)) for name, each in of_programs.items()])


def _of_programs() -> dict[str, click.Command]:
    commands: dict[str, click.Command] = importlib.import_module(OF_PROGRAMS).of_programs()
    return commands


def _as_they_are() -> dict[str, click.Command]:
    commands: dict[str, click.Command] = importlib.import_module(OF_PROGRAMS).as_they_are()
    return commands


SUMMARIES = {
    "up": "Deploy the program, starting the sandbox when it is not running",
    "preview": "Show what up would do",
    "secret KEY": "Have a value of your own for a secret, which is made up else",
    "load SERVICE": "Ask for pages, and count those that are broken while something is deployed",
    "slack": "What the stack's Slack channel has been told",
    "commits": "What GitHub or GitLab has been told of the commits that uploads named",
    "env": 'AWS_* variables for any AWS client: eval "$(sandbox env)"',
    "serve": "An empty AWS for any client, in the foreground, without a stack",
    "refresh": "Read everything anew into the state",
    "export": "Print the stack's deployment",
    "down": "Destroy everything that the program made",
    "stop": "End the sandbox and forget what it holds",
}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def main() -> None:
    """An AWS on this machine: the real Pulumi engine deploys to it, and deliveries run through it.

    \b
    sandbox up                                      deploy stack local
    sandbox ship hello --source examples/hello      deliver an app through its pipeline
    sandbox status hello                            what runs now
    """
