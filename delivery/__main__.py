"""`python -m delivery`: look at and act on services, with the AWS credentials of the environment."""

import importlib
import pkgutil

import click

from delivery import commands
from delivery.command_line import Commands, Connection
from releases.errors import PROGRAM


@click.group(
    name=PROGRAM, cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="fargate-delivery", message="%(prog)s %(version)s")
@click.option("--profile", help="A profile of ~/.aws/config; without it, boto3's usual order decides.")
@click.option("--region", help="The AWS region; by default AWS_REGION or the profile's.")
@click.pass_context
def main(context: click.Context, profile: str | None, region: str | None) -> None:
    """Look at and act on the services of a stack, with the AWS credentials of the environment.

    \b
    delivery status chuoi --stack dev               what runs, and what was released
    delivery rollback chuoi --stack dev             back to the previous image
    delivery --profile prd approve chuoi --stack prd

    The default of --stack is DELIVERY_STACK, or the stack selected in Pulumi here.
    Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    context.obj = Connection(profile, region)


for module in pkgutil.iter_modules(commands.__path__):
    command = importlib.import_module(f"{commands.__name__}.{module.name}").command
    command.context_settings = {
        **main.context_settings,
        **command.context_settings,
    }  # so that its help is the same by itself
    main.add_command(command)

if __name__ == "__main__":
    main(prog_name=PROGRAM)
