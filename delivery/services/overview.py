"""All services of a stack at a glance: what each runs, what goes on, what waits for whom, and what disagrees."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3

from delivery.command_line import Address
from delivery.services.addresses import addresses
from delivery.services.in_flight import going_on, waits
from delivery.services.sidecars import gone, running
from releases import scaling
from releases.consistency import disagreement, observe, repair_command
from releases.ecs import AT_ONCE, cluster_of, describe_tasks, list_services
from releases.errors import DeliveryError
from releases.failed_edit import failed_edit
from releases.names import COMMAND_BY_HAND, aws_name, job_family
from releases.pipeline import Pipeline
from releases.service_state import ServiceState, read_states, revision_name

Tasks = Sequence[Mapping[str, Any]]
ASLEEP = "its schedule has it at 0 tasks now"


@dataclass(frozen=True)
class Overview:
    """A service of a stack, at a glance.

    Attributes:
        service: its name in the stack file.
        release: the number of the last release; None before the first.
        time: when that was released, in UTC; None before the first.
        image_digest: what its tasks run; None when none runs.
        running: tasks that run.
        desired: tasks that should run.
        going_on: what changes it or is about to, with its progress, in words.
        waits: what waits for whom, with the command that ends it, in words.
        asleep: whether its schedule lets no task run now.
        jobs: those that run now.
        failure: where the newest delivery has failed and why; None when it has not.
        disagreement: in what running, live and release record differ; None when they agree, or while something is in
            flight.
        repair: the command that mends the disagreement.
        edit: an edit that `up` has registered and that does not run because its deployment has failed: which, when and
            why, what serves, and what to do; None without one.
        gone: images of sidecars that run and are no longer in ECR, in words.
        urls: where it answers.
    """

    service: str
    release: int | None
    time: str | None
    image_digest: str | None
    running: int
    desired: int
    going_on: list[str]
    waits: list[str]
    asleep: bool
    jobs: list[str]
    failure: str | None
    disagreement: str | None
    repair: str | None
    edit: str | None
    gone: list[str]
    urls: list[str]

    def notes(self) -> Iterator[tuple[str, str]]:
        """All that is not as on a quiet day: words and their colour."""
        yield from ((words, "cyan") for words in self.going_on)
        yield from ((words, "yellow") for words in self.waits)
        if self.asleep:
            yield ASLEEP, "blue"
        yield from ((f"job {job} runs", "cyan") for job in self.jobs)
        if self.failure:
            yield f"the last delivery has failed: {self.failure}", "red"
        if self.disagreement:
            yield f"{self.disagreement}; mend it: {self.repair}", "red"
        if self.edit:
            yield self.edit, "red"
        yield from ((f"sidecar {words}; `redeploy` asks for its tag anew", "red") for words in self.gone)


def overview(session: boto3.Session, stack: str, address: Address) -> list[Overview]:
    """All services of a stack, by their names.

    What AWS tells of many at once is asked once: tasks, scaling, records, listeners.

    Args:
        session: AWS.
        stack: the stack's name.
        address: what opens a port of a host.

    Raises:
        DeliveryError: there is none.
        RecordError: a release record is none.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    states = read_states(session, stack, list_services(session, stack))
    if not states:
        raise DeliveryError(f"there are no services in stack {stack}; check the stack, the account and the region")
    now, cluster = datetime.now(UTC), cluster_of(session, stack)
    tasks = list(describe_tasks(session.client("ecs"), cluster))
    asleep = sleeping(session, list(states.values()))
    groups = {name: state.target_groups for name, state in states.items()}
    urls = addresses(session.client("elbv2"), groups, address)

    def look(name: str) -> Overview:
        state = states[name]
        state.check_record()
        own = [task for task in tasks if task.get("group") == f"service:{state.name}"]
        observation = observe(session, stack, state, own)
        disagrees = disagreement(state, observation)
        release, pipeline = state.release, Pipeline(session, aws_name(stack, name))
        upload = pipeline.first_upload() if release is None else None
        return Overview(
            service=name,
            release=release.release if release else None,
            time=release.time if release else None,
            image_digest=observation.images.running,
            running=sum(each.running for each in state.deployments),
            desired=state.desired,
            going_on=going_on(state, now),
            waits=[*waits(state, stack, now), *([f"it waits for its first upload, to {upload}"] if upload else [])],
            asleep=release is not None and name in asleep,
            jobs=running_jobs(tasks, stack, name),
            failure=_failure(state, pipeline) if upload is None else None,
            disagreement=disagrees.summary if disagrees else None,
            repair=repair_command(stack, name) if disagrees else None,
            edit=edit.words if (edit := failed_edit(session, stack, state)) else None,
            gone=gone(session, stack, state, state.definition, running(session, stack, state, state.definition, own)),
            urls=urls.get(name, []),
        )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(look, sorted(states)))


def _failure(state: ServiceState, pipeline: Pipeline) -> str | None:
    """Where the newest delivery has failed and why; only where one has, its actions are asked for."""
    newest = pipeline.newest() if state.pipeline.failure else None
    return pipeline.causes(newest[0]) or state.pipeline.failure if newest else None


def sleeping(session: boto3.Session, states: Sequence[ServiceState]) -> set[str]:
    """The services of which scaling lets no task run now, as a schedule does at night."""
    most = scaling.most_tasks_of(session, [(state.cluster, state.name) for state in states])
    return {state.service for state in states if most.get(state.name) == 0}


def running_jobs(tasks: Tasks, stack: str, service: str) -> list[str]:
    """The jobs of a service that run now.

    Args:
        tasks: all of the cluster.
        stack: the stack.
        service: the service's name in the stack file.
    """
    before = job_family(aws_name(stack, service), "")
    families = [revision_name(task["taskDefinitionArn"]).rpartition(":")[0] for task in tasks]
    names = [family.removeprefix(before) for family in families if family.startswith(before)]
    return sorted("by hand" if name == COMMAND_BY_HAND else name for name in names)
