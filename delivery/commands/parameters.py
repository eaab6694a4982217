"""What services read of Parameter Store and Secrets Manager."""

import sys

import boto3
import click

from delivery.command_line import (
    STACK_VARIABLE,
    json_option,
    optional_service_argument,
    print_json,
    stack_option,
    with_session,
)
from delivery.services.parameters import Parameter, differences, read, refusal, set_value
from delivery.stack_files.selected import selected_stack
from releases.ecs import list_services
from releases.errors import PROGRAM, DeliveryError

DOCUMENTS = {"list": list[Parameter]}
values_option = click.option("--values", is_flag=True, help="Read the values too and show them, even secret ones.")
optional_stack_option = click.option(
    "--stack", envvar=STACK_VARIABLE, default=selected_stack, help="The stack, if only one is named."
)


@click.group("parameters")
def command() -> None:
    """Show what services read from Parameter Store and Secrets Manager: names, types and versions, and on request
    values.

    Example: delivery parameters list chuoi --stack dev
    """


@command.command("list")
@optional_service_argument
@stack_option
@values_option
@json_option
@with_session
def list_command(session: boto3.Session, service: str | None, stack: str, values: bool, as_json: bool) -> None:
    """List what SERVICE, or each service, reads in its running task and in its image's build.

    Example: delivery parameters list chuoi --stack dev
    """
    services = [service] if service is not None else list_services(session, stack)
    found = read(session, stack, services, values=values)
    if as_json:
        print_json(found)
        return
    click.echo("\n".join(each.line() for each in found) if found else "No parameters.")


@command.command("diff")
@click.argument("first")
@click.argument("second", required=False)
@optional_stack_option
@values_option
@with_session
def diff_command(session: boto3.Session, first: str, second: str | None, stack: str | None, values: bool) -> None:
    """Show how the parameters of two stacks in one account differ: FIRST and SECOND, or `--stack` and FIRST.

    It shows parameters that only one stack has, different types, and with --values different values.

    Example: delivery parameters diff dev prd
    """
    one, other = (first, second) if second is not None else (stack, first)
    if one is None:
        raise click.UsageError("name two stacks, as `parameters diff dev prd`")
    services = {each: list_services(session, each) for each in (one, other)}
    if nowhere := [each for each, names in services.items() if not names]:
        raise DeliveryError(f"there is no service in stack {nowhere[0]}; check the name, the account and the region")
    ours, theirs = (read(session, each, services[each], values=values) for each in (one, other))
    lines = differences(one, ours, other, theirs)
    click.echo("\n".join(lines) if lines else f"{one} and {other} have the same parameters.")


@command.command("set")
@click.argument("name")
@stack_option
@with_session
def set_command(session: boto3.Session, name: str, stack: str) -> None:
    """Write the parameter NAME, which is `external` in the stack file, with the value from standard input.

    It refuses a parameter that Pulumi keeps, and prints the command that sets it.

    Example: delivery parameters set /shared/api_key --stack dev
    """
    known = read(session, stack, list_services(session, stack))
    if why := refusal(stack, name, known):
        raise DeliveryError(why)
    readers = sorted({each.service for each in known if each.name == name and each.reader == "runtime"})
    version = set_value(session, name, _value())
    click.echo(f"{name} has version {version}.")
    for service in readers:
        again = f"`{PROGRAM} redeploy {service} --stack {stack}`"
        click.echo(f"Tasks of {service} that start now read it; {again} starts new ones.")


def _value() -> str:
    """From a terminal, twice and unseen, or from standard input, whose last line end is not part of it.

    Raises:
        DeliveryError: it is empty.
    """
    if sys.stdin.isatty():
        value = str(click.prompt("Value", hide_input=True, confirmation_prompt=True))
    else:
        value = sys.stdin.read().removesuffix("\n")
    if not value:
        raise DeliveryError("nothing was changed; Parameter Store takes no empty value")
    return value
