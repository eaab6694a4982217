"""Whether what a service runs, what is live and what its release record says agree.

The table of all cases is in docs/how-to/repair.md.
"""

from dataclasses import dataclass
from enum import Enum

import boto3

from releases.controllers.controller import Tasks
from releases.ecs import describe_revision
from releases.errors import PROGRAM
from releases.names import aws_name
from releases.service_state import Images, ServiceState, images, named_digest


class RepairAction(Enum):
    """What `repair` does."""

    NOTHING = "everything agrees"
    RELEASE = "what runs becomes the release"
    MOVE_LIVE = "live goes back to the recorded image"
    CANNOT = "nothing proves which image is right"


@dataclass(frozen=True)
class Diagnosis:
    """What disagrees, and what `repair` does about it.

    Attributes:
        action: what `repair` does.
        summary: the disagreement, or why nothing can be concluded; "" when everything agrees.
    """

    action: RepairAction
    summary: str = ""


@dataclass(frozen=True)
class Observation:
    """All that the diagnosis rests on.

    Attributes:
        images: what runs, is live and was released.
        named: the digest in the record's task definition; None when it names a tag, or is not there.
        failed: why the service's newest deployment failed; None when it did not.
    """

    images: Images
    named: str | None = None
    failed: str | None = None


def diagnose(observation: Observation) -> Diagnosis:
    """The diagnosis for every combination; a row of the table in docs/how-to/repair.md each."""
    images = observation.images
    contradiction = bool(images.released and observation.named and observation.named != images.released)
    if images.agree and not contradiction:
        return Diagnosis(RepairAction.NOTHING)
    summary = f"running {_short(images.running)}, live {_short(images.live)}, release record {_short(images.released)}"
    if contradiction:
        summary += f", whose task definition runs {_short(observation.named)}"
    if images.running is not None and observation.failed is not None:
        return Diagnosis(RepairAction.CANNOT, f"{summary}; and what runs is not stable: {observation.failed}")
    if images.running is not None:
        return Diagnosis(RepairAction.RELEASE, summary)
    if images.released is None or contradiction:
        return Diagnosis(RepairAction.CANNOT, f"{summary}; no task runs, so nothing proves which image is right")
    return Diagnosis(RepairAction.MOVE_LIVE, summary)


def observe(session: boto3.Session, stack: str, state: ServiceState, tasks: Tasks | None = None) -> Observation:
    """Collect what the diagnosis rests on.

    Args:
        session: AWS.
        stack: the stack.
        state: the service.
        tasks: those of the service, where they are known already.
    """
    primary = state.deployments[0]
    return Observation(
        images=images(session, stack, state, tasks),
        named=_named(session, aws_name(stack, state.service), state),
        failed=f"{primary.id} {primary.state} {primary.reason}".strip() if primary.state == "FAILED" else None,
    )


def disagreement(state: ServiceState, observation: Observation) -> Diagnosis | None:
    """What disagrees of a service; None where all agrees, or while something is in flight, which may make it agree."""
    diagnosis = diagnose(observation)
    return None if state.in_flight or diagnosis.action is RepairAction.NOTHING else diagnosis


def repair_command(stack: str, service: str) -> str:
    """The command that mends a disagreement."""
    return f"{PROGRAM} repair {service} --stack {stack}"


def _named(session: boto3.Session, repository: str, state: ServiceState) -> str | None:
    """The digest that the record's task definition runs; None when it names a tag, or cannot be looked at."""
    release = state.release
    if release is None:
        return None
    for definition in state.revisions:
        if definition["taskDefinitionArn"] == release.task_definition:
            return named_digest(definition, repository)
    ecs = session.client("ecs")
    try:
        return named_digest(describe_revision(ecs, release.task_definition), repository)
    except ecs.exceptions.ClientException:
        return None  # deleted


def _short(digest: str | None) -> str:
    return "nothing" if digest is None else digest[:19]
