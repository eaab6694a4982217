"""Deploying an image that is there, through the pipeline and without a build."""

from functools import partial

import boto3
import click

from delivery.command_line import service_command, wait_option
from delivery.executions.start import Start, course, start
from delivery.output.confirmation import yes_option
from releases.errors import PROGRAM, DeliveryError
from releases.names import LIVE, aws_name
from releases.repository import Repository
from releases.service_state import read_state


def plan(session: boto3.Session, stack: str, service: str) -> Start:
    """Deploying the image that is live once more: with the newest template, where CodeDeploy deploys.

    While something else is on its way, the image that is live now would undo what comes before its turn.

    Raises:
        DeliveryError: nothing was released yet, or something is on its way.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    state = read_state(session, stack, service)
    state.refuse_in_flight(stack)
    way = course(session, stack, state)
    if way.waiting:
        raise DeliveryError(
            f"execution {way.waiting[-1]} of the pipeline is not over, and may make another image live; wait for its "
            f"end, or decide about it with `{PROGRAM} approve` or `reject`, then run this again"
        )
    live = Repository(session, aws_name(stack, service)).digest(LIVE)
    if live is None:
        raise DeliveryError(f"no image of {service} is live yet, so there is nothing to deploy; upload a source first")
    template = ", with the newest template" if state.controller.deploys_template else ""
    return Start(stack, service, live, f"{service}: deploys the live image once more, {live}{template}", way)


@service_command("redeploy")
@yes_option
@wait_option
def command(session: boto3.Session, service: str, stack: str, yes: bool, wait: bool) -> None:
    """Deploy the live image of SERVICE again, without a build.

    Where CodeDeploy deploys, it uses the newest template, so it retries a failed edit.

    Example: delivery redeploy chuoi --stack dev
    """
    start(session, partial(plan, session, stack, service), click.echo, yes=yes, wait=wait)
