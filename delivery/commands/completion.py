"""The script by which a shell completes this command line."""

import click
from click.shell_completion import get_completion_class

from releases.errors import PROGRAM

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete verbs, options, stacks and services.

    \b
    eval "$(delivery completion bash)"     in ~/.bashrc
    eval "$(delivery completion zsh)"      in ~/.zshrc
    delivery completion fish | source      in ~/.config/fish/config.fish

    Example: delivery completion bash
    """
    of_shell = get_completion_class(shell)
    if of_shell is None:
        raise click.UsageError(f"there is no completion for {shell}")
    variable = f"_{PROGRAM.upper()}_COMPLETE"
    click.echo(of_shell(context.find_root().command, {}, PROGRAM, variable).source())
