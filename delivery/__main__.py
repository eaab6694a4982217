"""`python -m delivery`: look at services, with the AWS credentials of the environment."""

import json
import sys

import click

from delivery.record import RecordError
from delivery.status import DeliveryError, status


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Look at and act on the services of a stack, with the AWS credentials of the environment."""


@main.command("status")
@click.argument("service")
@click.option("--stack", required=True, help="The stack, such as dev.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document for machines to read.")
def status_command(service: str, stack: str, as_json: bool) -> None:
    """What SERVICE runs, and what was released.

    Example: delivery status chuoi --stack dev
    """
    try:
        found = status(stack, service)
    except (DeliveryError, RecordError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(found.document(), indent=2))
    else:
        for label, text in found.lines():
            click.echo(f"{label:<16} {text}")


if __name__ == "__main__":
    main(prog_name="delivery")
