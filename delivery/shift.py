"""The deployment in which ECS shifts a service's traffic: what it waits for, and how to answer or end it."""

from typing import Any, Literal

import boto3
import click

from delivery.command_line import service_argument, stack_option, with_session
from releases import service_deployments
from releases.errors import PROGRAM, DeliveryError
from releases.service_deployments import ServiceDeployment
from releases.service_state import ServiceState, read_state

Verb = Literal["continue", "abort"]


def shifting(state: ServiceState) -> ServiceDeployment:
    """The deployment in which ECS shifts a service's traffic.

    Raises:
        DeliveryError: there is none; the message says what goes on instead.
    """
    if state.shifting is None:
        going_on = f"{state.in_flight} is in flight" if state.in_flight else "nothing is in flight"
        raise DeliveryError(f"ECS does not shift the traffic of {state.service}: {going_on}")
    return state.shifting


def go_on(ecs: Any, state: ServiceState) -> None:
    """Let a deployment go on that waits.

    Raises:
        DeliveryError: it waits for nobody.
        botocore.exceptions.ClientError: AWS refuses.
    """
    deployment = shifting(state)
    if not deployment.pause:
        raise DeliveryError(f"the deployment of {state.service} waits for nobody; it is {deployment.words}")
    ecs.continue_service_deployment(serviceDeploymentArn=deployment.arn, hookId=deployment.pause, action="CONTINUE")


def go_back(ecs: Any, state: ServiceState) -> None:
    """Have a deployment go back, whether it waits or not.

    Raises:
        DeliveryError: it goes back already.
        botocore.exceptions.ClientError: AWS refuses.
    """
    deployment = shifting(state)
    if deployment.status in service_deployments.GOING_BACK:
        raise DeliveryError(f"the deployment of {state.service} goes back already; it is {deployment.words}")
    if deployment.pause:
        ecs.continue_service_deployment(serviceDeploymentArn=deployment.arn, hookId=deployment.pause, action="ROLLBACK")
    else:
        service_deployments.roll_back(ecs, deployment.arn)


def shift_command(verb: Verb, help_text: str) -> click.Command:
    """The command that answers or ends what ECS deploys."""

    @click.command(verb, help=help_text)
    @service_argument
    @stack_option
    @with_session
    def command(session: boto3.Session, service: str, stack: str) -> None:
        state = read_state(session, stack, service)
        click.echo(f"{shifting(state).arn} is {shifting(state).words}")
        (go_on if verb == "continue" else go_back)(session.client("ecs"), state)
        done = "It goes on" if verb == "continue" else "It goes back to what ran before"
        click.echo(f"{done}; `{PROGRAM} status {service} --stack {stack}` says how far it is.")

    return command
