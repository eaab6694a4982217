"""Keeping releases in front of the pipeline's Deploy stage, and letting them go on.

It is CodePipeline that keeps them, by a disabled transition (its user guide, Working with stage transitions). That an
`up` leaves it as it is is assumed, because no field of a pipeline says it (docs/aws-assumptions.md).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import boto3

from delivery.output.who import who
from releases.errors import PROGRAM, DeliveryError
from releases.names import aws_name
from releases.pipeline_state import DEPLOY_STAGE, Closed, PipelineState, read_pipeline_state

MOST_CHARACTERS = 300
"""Of a reason (CodePipeline, DisableStageTransition: reason)."""
OTHERS = re.compile(r"[^a-zA-Z0-9!@ ().*?-]")
"""Characters that CodePipeline does not take in a reason (the same)."""


def kept_reason(text: str) -> str:
    """A reason as CodePipeline keeps it: each other character is a hyphen.

    Raises:
        DeliveryError: nothing readable is left, or it is too long.
    """
    kept = OTHERS.sub("-", " ".join(text.split()))
    if not re.search(r"[a-zA-Z0-9]", kept):
        raise DeliveryError("--reason needs letters from a to z, or digits: CodePipeline keeps no other characters")
    if len(kept) > MOST_CHARACTERS:
        raise DeliveryError(f"--reason has {len(kept)} characters; CodePipeline takes {MOST_CHARACTERS}")
    return kept


def frozen(state: PipelineState) -> Closed | None:
    """Why and by whom a pipeline's releases are kept; None when they are not."""
    return next((each for each in state.closed if each.stage == DEPLOY_STAGE), None)


def words(stack: str, service: str, state: PipelineState) -> str:
    """That a service's releases wait, why, for whom, and what lets them go on; "" where they do not."""
    closed = frozen(state)
    if closed is None:
        return ""
    by = f"{who(closed.by)}: " if closed.by else ""
    opens = f"`{PROGRAM} unfreeze {service} --stack {stack}` lets them go on"
    return f"releases of {service} wait ({by}{closed.reason}); {opens}"


def freeze(session: boto3.Session, stack: str, services: Sequence[str], reason: str) -> None:
    """Keep the releases of these services. What is in Deploy already goes on.

    Raises:
        DeliveryError: the reason cannot be kept, or one of them has no pipeline; those before it are frozen.
        botocore.exceptions.ClientError: AWS refuses.
    """
    kept, codepipeline = kept_reason(reason), session.client("codepipeline")
    for service in services:
        try:
            codepipeline.disable_stage_transition(**_transition(stack, service), reason=kept)
        except codepipeline.exceptions.PipelineNotFoundException:
            raise missing(stack, service) from None


@dataclass(frozen=True)
class Held:
    """The releases that are kept.

    Attributes:
        waiting: service whose releases are kept → the executions that wait in front of Deploy.
    """

    waiting: Mapping[str, Sequence[str]]

    def lines(self) -> list[str]:
        """What will happen when they go on, for people."""
        return [
            f"{service}: execution {execution} will be deployed"
            for service, executions in self.waiting.items()
            for execution in executions
        ]


def held(session: boto3.Session, stack: str, services: Sequence[str]) -> Held:
    """What is kept of the releases of these services.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    codepipeline = session.client("codepipeline")
    states = {each: read_pipeline_state(codepipeline, aws_name(stack, each)) for each in services}
    return Held(
        {
            service: [each.execution for each in state.queued if each.stage == DEPLOY_STAGE]
            for service, state in states.items()
            if frozen(state) is not None
        }
    )


def unfreeze(session: boto3.Session, stack: str, services: Iterable[str]) -> None:
    """Let the releases of these services go on.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    for service in services:
        session.client("codepipeline").enable_stage_transition(**_transition(stack, service))


def _transition(stack: str, service: str) -> dict[str, str]:
    return {"pipelineName": aws_name(stack, service), "stageName": DEPLOY_STAGE, "transitionType": "Inbound"}


def missing(stack: str, service: str) -> DeliveryError:
    """That a service has no pipeline."""
    return DeliveryError(f"there is no pipeline {aws_name(stack, service)}; check --stack and the service's name")
