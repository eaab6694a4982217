"""Mending a disagreement of what runs, what is live and what the release record says.

The Release step writes in one order: the tag `release-<n>`, the tag `live`, the record. `repair` writes in the same
one, and each step can be done again, so whatever a crash leaves, the next run ends it. What runs wins, because it has
been judged healthy. The table of all cases is in docs/how-to/repair.md.
"""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial

import boto3
import click

from delivery.command_line import service_command
from delivery.output.confirmation import agreed, yes_option
from delivery.services.history import service_history
from releases import scaling
from releases.consistency import Diagnosis, Observation, RepairAction, diagnose, observe
from releases.errors import PROGRAM, DeliveryError
from releases.names import LIVE, aws_name, record_name, release_tag
from releases.pipeline import Origin, Pipeline
from releases.progress import Log
from releases.record import Release
from releases.repository import Repository
from releases.service_state import Images, ServiceState, read_state, revision_name


@dataclass(frozen=True)
class Examined:
    """A service, and what `repair` does about it.

    Attributes:
        state: the service.
        observation: its images.
        diagnosis: whether they disagree.
    """

    state: ServiceState = field(compare=False)  # other executions go on while somebody thinks
    observation: Observation
    diagnosis: Diagnosis

    def lines(self) -> list[str]:
        """What will happen, for people."""
        return [f"{self.state.service}: they disagree: {self.diagnosis.summary}; {self.diagnosis.action.value}."]


def examine(session: boto3.Session, stack: str, service: str) -> Examined:
    """Look whether what runs, what is live and the record agree.

    Raises:
        DeliveryError: something is in flight, or nothing proves which image is right.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    state = read_state(session, stack, service)
    state.refuse_in_flight(stack)
    observation = observe(session, stack, state)
    diagnosis = diagnose(observation)
    if diagnosis.action is RepairAction.CANNOT:
        raise DeliveryError(
            f"{diagnosis.summary}; nothing was changed, {_next_release(stack, service, observation.images)}"
        )
    return Examined(state, observation, diagnosis)


def repair(session: boto3.Session, stack: str, found: Examined, log_progress: Log) -> None:
    """Mend a service, telling each step.

    Raises:
        DeliveryError: its record has changed meanwhile, or an image is gone.
        botocore.exceptions.ClientError: AWS refuses.
    """
    observation, running = found.observation, found.observation.images.running
    repository = Repository(session, aws_name(stack, found.state.service))
    if found.diagnosis.action is RepairAction.NOTHING:
        log_progress(f"Nothing to repair: {f'running, live and record are {running}' if running else 'no task runs'}.")
        return
    if found.diagnosis.action is RepairAction.MOVE_LIVE:
        _move_live_back(repository, found.state, observation.images.released or "", log_progress)
    else:
        _release_what_runs(session, stack, found.state, observation, repository, log_progress)
    log_progress("Repaired.")


def _move_live_back(repository: Repository, state: ServiceState, released: str, log_progress: Log) -> None:
    """No task runs: the record is what was proven last."""
    if not repository.has(released):
        raise DeliveryError(
            f"no task of {state.service} runs, and the recorded image {released} is no longer in {repository.name}; "
            "nothing was changed, the next release sets both"
        )
    repository.tag(released, LIVE)
    log_progress(f"No task runs, so the record wins: {LIVE} points to {released}.")


def _release_what_runs(
    session: boto3.Session,
    stack: str,
    state: ServiceState,
    observation: Observation,
    repository: Repository,
    log_progress: Log,
) -> None:
    running, images = observation.images.running or "", observation.images
    if not repository.has(running):
        raise DeliveryError(
            f"{state.service} runs {running}, which is not in {repository.name}; "
            f"nothing was changed, {_next_release(stack, state.service, images)}"
        )
    record_is_right = images.released == running and (observation.named or running) == running
    if record_is_right:
        repository.tag(running, LIVE)
        log_progress(f"{LIVE} points to {running}.")
        return
    ssm, name = session.client("ssm"), record_name(stack, state.service)
    parameter = ssm.get_parameter(Name=name)["Parameter"]
    if parameter["Value"] != state.record:
        raise DeliveryError(f"the release record of {state.service} has changed meanwhile; run the command again")
    number = repository.next_release(running, parameter["Version"])
    origin = _origin(session, stack, state.service, running)
    if state.release is None:
        _resume_scaling(session, state, log_progress)
    repository.tag(running, release_tag(number))
    log_progress(f"{release_tag(number)} points to {running}.")
    repository.tag(running, LIVE)
    log_progress(f"{LIVE} points to {running}.")
    release = Release(
        release=number,
        image_digest=running,
        task_definition=state.task_definition,
        template_fingerprint=state.fingerprint,
        **asdict(origin),
        time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    if ssm.get_parameter(Name=name)["Parameter"]["Version"] != parameter["Version"]:
        raise DeliveryError(f"the release record of {state.service} has changed meanwhile; run the command again")
    ssm.put_parameter(Name=name, Value=release.value(), Overwrite=True)
    log_progress(f"The release record says {release_tag(number)}, {revision_name(state.task_definition)}.")


def _origin(session: boto3.Session, stack: str, service: str, digest: str) -> Origin:
    earlier = service_history(session, stack, service).with_digest(digest)
    if earlier is not None:
        return Origin(earlier.source_version, earlier.execution, earlier.commit, earlier.repository)
    return Pipeline(session, aws_name(stack, service)).origin(digest)


def _resume_scaling(session: boto3.Session, state: ServiceState, log_progress: Log) -> None:
    """What the first release does besides: scaling is suspended until then, and no later one resumes it."""
    if scaling.targets(session, state.cluster, state.name):
        scaling.resume(session, state.cluster, state.name)
        log_progress("Scaling is not suspended.")


def _next_release(stack: str, service: str, images: Images) -> str:
    digest = images.live or images.released
    deploy = f", or deploy one: `{PROGRAM} deploy {service} --stack {stack} --image {digest}`" if digest else ""
    return f"the next release sets all of them: upload a source{deploy}"


@service_command("repair")
@yes_option
def command(session: boto3.Session, service: str, stack: str, yes: bool) -> None:
    """Make what runs, what is live and the release record of SERVICE agree again, after a crash.

    What runs wins. If it crashes, run it again. docs/how-to/repair.md has all cases.

    Example: delivery repair chuoi --stack dev
    """
    look = partial(examine, session, stack, service)
    found = look()
    if found.diagnosis.action is not RepairAction.NOTHING:
        found = agreed(look, "Repair it?", yes=yes, found=found)
    repair(session, stack, found, click.echo)
