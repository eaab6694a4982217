"""Finding a service, and saying how to wait for what changes it."""

import boto3

from releases.controllers import service_of
from releases.errors import DeliveryError
from releases.names import aws_name
from releases.service_state import ServiceState, read_states


def find(session: boto3.Session, stack: str, service: str) -> ServiceState:
    """A service as it is now.

    Raises:
        DeliveryError: there is no such service; the message names those there are.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    states = read_states(session, stack, [service])
    if service in states:
        return states[service]
    there = ", ".join(services(session, stack)) or "none, so check the stack, the account and the region"
    raise DeliveryError(f"there is no service {service} in stack {stack}; there are: {there}")


def services(session: boto3.Session, stack: str) -> list[str]:
    """The names of a stack's services, sorted; none when there is no cluster."""
    ecs = session.client("ecs")
    try:
        pages = ecs.get_paginator("list_services").paginate(cluster=stack, maxResults=100)
        arns = [arn for page in pages for arn in page["serviceArns"]]
    except ecs.exceptions.ClusterNotFoundException:
        return []
    return sorted({service_of(stack, arn.rpartition("/")[2]) for arn in arns})


def refuse_in_flight(stack: str, state: ServiceState) -> None:
    """Stop a command while something changes the service.

    Raises:
        DeliveryError: what does, and how to wait for it.
    """
    if state.in_flight:
        raise DeliveryError(f"{state.in_flight} is in flight; {how_to_wait(stack, state)}, then run this again")


def how_to_wait(stack: str, state: ServiceState) -> str:
    """Words and a command for waiting until nothing is in flight."""
    if state.execution:
        return (
            f"wait until execution {state.execution} is over: `aws codepipeline get-pipeline-execution "
            f"--pipeline-name {aws_name(stack, state.service)} --pipeline-execution-id {state.execution} "
            "--query pipelineExecution.status`"
        )
    return state.controller.how_to_wait(stack, state.service)
