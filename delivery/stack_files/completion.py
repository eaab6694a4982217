"""What a shell completes beside verbs and options: the stacks and the services of the working folder's stack files."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from config.layers import NAMESPACE, merge
from delivery.stack_files.config import read_config, stacks_in
from releases.errors import DeliveryError


def stacks(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The stacks that have a stack file here."""
    return _beginning(stacks_in(Path.cwd()), incomplete)


def services(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The services of the stack that the command is about."""
    stack = context.params.get("stack") or context.params.get("target")
    try:
        config = read_config(Path.cwd(), stack) if stack else {}
    except (DeliveryError, OSError):
        return []
    declared = merge({key.removeprefix(f"{NAMESPACE}:"): value for key, value in config.items()}).services
    return _beginning(sorted(declared) if isinstance(declared, dict) else [], incomplete)


def _beginning(names: list[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
