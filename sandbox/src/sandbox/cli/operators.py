"""The program's commands for operators, run with the sandbox's variables: what they do is the program's."""

import functools
import os

import click

from sandbox import program_hooks
from sandbox.cli.options import STACK, named_stack_option, one_message
from sandbox.cli.server import environment
from sandbox.containers.on_path import write_docker
from sandbox.identities import credentials
from sandbox.stacks import StackFolder

PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}
HELP = {"-h", "--help"}


class PassedOn(click.Command):
    """A command whose arguments are another one's: what stands after `--` is left as it is, with the `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = args[: args.index("--")] if "--" in args else args
        ctx.obj = tuple(args[len(own) :])
        return super().parse_args(ctx, own)


@functools.cache
def of_programs() -> dict[str, click.Command]:
    """The commands that programs offer, by name."""
    asking = {name: _command(name, group) for group in program_hooks.commands() for name in group.commands}
    local = {name: _local_command(name, group) for group in program_hooks.local_commands() for name in group.commands}
    return dict(sorted({**asking, **local}.items()))


def as_they_are() -> dict[str, click.Command]:
    """The same, with their own options, which a shell completes."""
    groups = [*program_hooks.commands(), *program_hooks.local_commands()]
    return {name: command for group in groups for name, command in group.commands.items()}


def _enter(stack: str) -> None:
    """Give this process the sandbox's variables, and its docker."""
    folder = StackFolder(stack)
    server = folder.running_server()
    variables = environment(server, credentials(server, None, stack))
    path = variables.get("PATH") or os.environ.get("PATH", os.defpath)
    variables["PATH"] = f"{write_docker(folder.folder / 'docker')}{os.pathsep}{path}"
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _command(name: str, group: click.Group) -> click.Command:
    summary = group.commands[name].get_short_help_str(limit=95)
    names = next((option.opts for option in group.commands[name].params if STACK in option.opts), [STACK])

    @click.command(name, cls=PassedOn, context_settings=PASS_ON, short_help=summary, help=summary)
    @named_stack_option(*names)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    @click.pass_obj
    @one_message
    def command(rest: tuple[str, ...], stack: str, arguments: tuple[str, ...]) -> None:
        """End as the program's command ends. Its help needs no sandbox."""
        if HELP & set(arguments):
            group.main([name, *arguments], prog_name="sandbox")
        _enter(stack)
        group.main([name, *arguments, STACK, stack, *rest], prog_name="sandbox")

    return command


def _local_command(name: str, group: click.Group) -> click.Command:
    summary = group.commands[name].get_short_help_str(limit=95)

    @click.command(name, context_settings=PASS_ON, short_help=summary, help=summary)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        """End as the program's command ends."""
        group.main([name, *arguments], prog_name="sandbox")

    return command
