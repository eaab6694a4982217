"""Mending a disagreement of what runs, what is live and what the release record says.

The Release step writes in one order: the tag `release-<n>`, the tag `live`, the record. `repair` writes in the same
one, and each step can be done again, so whatever a crash leaves, the next run ends it. What runs wins, because it has
been judged healthy. The table of all cases is in docs/operations.md.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import Enum

import boto3

from delivery.errors import PROGRAM, DeliveryError
from delivery.history import history
from delivery.lookup import find, refuse_in_flight
from delivery.pipeline import Origin, Pipeline
from delivery.state import Images, ServiceState, images, named_digest, revision_name
from releases import scaling
from releases.names import aws_name
from releases.record import Release, record_name
from releases.repository import LIVE, Repository


class Mend(Enum):
    """What `repair` does."""

    NOTHING = "everything agrees"
    RELEASE = "what runs becomes the release"
    MOVE_LIVE = "live goes back to the recorded image"
    CANNOT = "nothing proves which image is right"


@dataclass(frozen=True)
class Finding:
    """What disagrees, and what `repair` does about it.

    Attributes:
        mend: what `repair` does.
        words: the disagreement, or why nothing can be concluded; "" when everything agrees.
    """

    mend: Mend
    words: str = ""


@dataclass(frozen=True)
class Evidence:
    """All that the finding rests on.

    Attributes:
        images: what runs, is live and was released.
        named: the digest in the record's task definition; None when it names a tag, or is not there.
        failed: why the service's newest deployment failed; None when it did not.
    """

    images: Images
    named: str | None = None
    failed: str | None = None


def judge(evidence: Evidence) -> Finding:
    """The finding for every combination; a row of the table in docs/operations.md each."""
    seen = evidence.images
    contradiction = bool(seen.released and evidence.named and evidence.named != seen.released)
    if seen.agree and not contradiction:
        return Finding(Mend.NOTHING)
    words = f"running {_short(seen.running)}, live {_short(seen.live)}, release record {_short(seen.released)}"
    if contradiction:
        words += f", whose task definition runs {_short(evidence.named)}"
    if seen.running is not None and evidence.failed is not None:
        return Finding(Mend.CANNOT, f"{words}; and what runs is not stable: {evidence.failed}")
    if seen.running is not None:
        return Finding(Mend.RELEASE, words)
    if seen.released is None or contradiction:
        return Finding(Mend.CANNOT, f"{words}; no task runs, so nothing proves which image is right")
    return Finding(Mend.MOVE_LIVE, words)


def inspect(session: boto3.Session, stack: str, state: ServiceState) -> Evidence:
    """Collect what the finding rests on."""
    primary = state.deployments[0]
    return Evidence(
        images=images(session, stack, state),
        named=_named(session, aws_name(stack, state.service), state.release),
        failed=f"{primary.id} {primary.state} {primary.reason}".strip() if primary.state == "FAILED" else None,
    )


def command(stack: str, service: str) -> str:
    """The command that mends a disagreement."""
    return f"{PROGRAM} repair {service} --stack {stack}"


def repair(session: boto3.Session, stack: str, service: str, tell: Callable[[str], None]) -> None:
    """Mend a service, telling each step.

    Raises:
        DeliveryError: something is in flight, nothing proves which image is right, or an image is gone.
        botocore.exceptions.ClientError: AWS refuses.
    """
    state = find(session, stack, service)
    refuse_in_flight(stack, state)
    evidence = inspect(session, stack, state)
    finding = judge(evidence)
    if finding.mend is Mend.NOTHING:
        running = evidence.images.running
        tell(f"Nothing to repair: {f'running, live and record are {running}' if running else 'no task runs'}.")
        return
    if finding.mend is Mend.CANNOT:
        raise DeliveryError(f"{finding.words}; nothing was changed, {_next_release(stack, service, evidence.images)}")
    tell(f"They disagree: {finding.words}.")
    repository = Repository(session, aws_name(stack, service))
    if finding.mend is Mend.MOVE_LIVE:
        _move_live_back(repository, state, evidence.images.released or "", tell)
    else:
        _release_what_runs(session, stack, state, evidence, repository, tell)
    tell("Repaired.")


def _move_live_back(repository: Repository, state: ServiceState, released: str, tell: Callable[[str], None]) -> None:
    """No task runs: the record is what was proven last."""
    if not repository.has(released):
        raise DeliveryError(
            f"no task of {state.service} runs, and the recorded image {released} is no longer in {repository.name}; "
            "nothing was changed, the next release sets both"
        )
    repository.tag(released, LIVE)
    tell(f"No task runs, so the record wins: {LIVE} points to {released}.")


def _release_what_runs(
    session: boto3.Session,
    stack: str,
    state: ServiceState,
    evidence: Evidence,
    repository: Repository,
    tell: Callable[[str], None],
) -> None:
    running, seen = evidence.images.running or "", evidence.images
    if not repository.has(running):
        raise DeliveryError(
            f"{state.service} runs {running}, which is not in {repository.name}; "
            f"nothing was changed, {_next_release(stack, state.service, seen)}"
        )
    record_is_right = seen.released == running and (evidence.named or running) == running
    if record_is_right:
        repository.tag(running, LIVE)
        tell(f"{LIVE} points to {running}.")
        return
    ssm, name = session.client("ssm"), record_name(stack, state.service)
    found = ssm.get_parameter(Name=name)["Parameter"]
    if found["Value"] != state.record:
        raise DeliveryError(f"the release record of {state.service} has changed meanwhile; run the command again")
    number, origin = repository.next_release(running, found["Version"]), _origin(session, stack, state.service, running)
    if state.release is None:
        _resume_scaling(session, stack, state.name, tell)
    repository.tag(running, f"release-{number}")
    tell(f"release-{number} points to {running}.")
    repository.tag(running, LIVE)
    tell(f"{LIVE} points to {running}.")
    release = Release(
        release=number,
        image_digest=running,
        task_definition=state.task_definition,
        template_fingerprint=state.fingerprint,
        **asdict(origin),
        time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    if ssm.get_parameter(Name=name)["Parameter"]["Version"] != found["Version"]:
        raise DeliveryError(f"the release record of {state.service} has changed meanwhile; run the command again")
    ssm.put_parameter(Name=name, Value=release.value(), Overwrite=True)
    tell(f"The release record says release-{number}, {revision_name(state.task_definition)}.")


def _origin(session: boto3.Session, stack: str, service: str, digest: str) -> Origin:
    earlier = history(session, stack, service).with_digest(digest)
    if earlier is not None:
        return Origin(earlier.source_version, earlier.execution, earlier.commit, earlier.repository)
    return Pipeline(session, aws_name(stack, service)).origin(digest)


def _resume_scaling(session: boto3.Session, stack: str, name: str, tell: Callable[[str], None]) -> None:
    """What the first release does besides: scaling is suspended until then, and no later one resumes it."""
    found = session.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ScalableDimension=scaling.SCALABLE_DIMENSION, ResourceIds=[f"service/{stack}/{name}"]
    )
    if found["ScalableTargets"]:
        scaling.resume(session, stack, name)
        tell("Scaling is not suspended.")


def _named(session: boto3.Session, repository: str, release: Release | None) -> str | None:
    """The digest that the record's task definition runs; None when it names a tag, or cannot be looked at."""
    if release is None:
        return None
    ecs = session.client("ecs")
    try:
        definition = ecs.describe_task_definition(taskDefinition=release.task_definition)["taskDefinition"]
    except ecs.exceptions.ClientException:
        return None  # deleted
    return named_digest(definition, repository)


def _next_release(stack: str, service: str, seen: Images) -> str:
    digest = seen.live or seen.released
    by_hand = (
        f", or deploy one by hand: `aws codepipeline start-pipeline-execution --name {aws_name(stack, service)} "
        f"--variables name=image,value={digest}`"
        if digest
        else ""
    )
    return f"the next release sets all of them: upload a source{by_hand}"


def _short(digest: str | None) -> str:
    return "nothing" if digest is None else digest[:19]
