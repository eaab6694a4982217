"""Checking stack files before anything is asked of the engine or of AWS."""

import os
import sys
from pathlib import Path

import click

from delivery.command_line import FAILED, STACK_VARIABLE
from delivery.stack_files import completion
from delivery.stack_files.check import check_file
from delivery.stack_files.config import stacks_in
from releases.errors import DeliveryError


@click.command("validate")
@click.option("--stack", shell_complete=completion.stacks, help=f"The stack; without it {STACK_VARIABLE}, or all here.")
@click.option("--without-secrets", is_flag=True, help="Do not report secrets that are not set yet.")
def command(stack: str | None, without_secrets: bool) -> None:
    """Check the stack files of this folder: keys, values, task templates, and whether they fit together.

    It finds what `up` would refuse before it creates anything, and uses neither the engine nor AWS.

    \b
    delivery validate --without-secrets      all stack files, in a fresh clone

    Example: delivery validate --stack dev
    """
    chosen = stack or os.environ.get(STACK_VARIABLE)
    stacks = [chosen] if chosen else stacks_in(Path.cwd())
    if not stacks:
        raise DeliveryError("this folder has no stack files, Pulumi.STACK.yaml; run this in the program's folder")
    wrong = False
    for name in stacks:
        try:
            checked = check_file(Path.cwd(), name, unset=without_secrets)
        except DeliveryError as error:
            wrong = True
            click.echo(f"error: {error}", err=True)
        else:
            services = len(checked.config.services)
            click.echo(f"Pulumi.{name}.yaml: {services} service{'' if services == 1 else 's'}, no mistake")
    if wrong:
        sys.exit(FAILED)
