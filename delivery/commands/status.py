"""What a service runs, and what was released."""

from dataclasses import dataclass
from datetime import UTC, datetime

import boto3
import click

from delivery.command_line import (
    Address,
    Connection,
    at_aws,
    json_option,
    optional_service_argument,
    print_json,
    stack_option,
)
from delivery.executions.shift import Shift, shift
from delivery.output.terminal import watch, width
from delivery.services.addresses import addresses
from delivery.services.in_flight import going_on, waits
from delivery.services.overview import ASLEEP, Overview, overview, running_jobs, sleeping
from delivery.services.overview_table import table
from delivery.services.sidecars import gone, running
from releases import scaling
from releases.consistency import disagreement, observe, repair_command
from releases.ecs import describe_revision, describe_service, describe_tasks
from releases.ecs_exec import closed
from releases.failed_edit import failed_edit
from releases.names import aws_name, release_tag
from releases.pipeline import Pipeline
from releases.record import Release
from releases.service_state import read_state, service_containers
from releases.sidecars import changes, written


@dataclass(frozen=True)
class Secret:
    """An environment variable whose value ECS reads when a task starts.

    Attributes:
        name: the variable's.
        arn: of what is read; never its value.
    """

    name: str
    arn: str


@dataclass(frozen=True)
class Status:
    """A service as it is now.

    Attributes:
        service: its name in the stack file.
        image_digest: what its tasks run; None when none runs.
        task_definition: the revision's ARN.
        revision: the revision's number.
        cpu: CPU units.
        memory: MiB.
        environment: plain variables of the containers that run the service's image.
        secrets: those from Parameter Store.
        desired: tasks that should run.
        running: tasks that run.
        deployment: the newest deployment's state.
        release: the release record, None before the first release.
        failure: how the newest delivery ended, when that was without success, in one line; None otherwise.
        first_upload: where the service waits for its first upload, `s3://bucket/key`; None when it does not.
        live: the digest that is live, None when none is.
        in_flight: what changes the service now, in words; None when nothing does.
        wait: how to wait for that; None when nothing is in flight.
        shift: how far ECS is with shifting its traffic; None when it does not.
        disagreement: in what running, live and release record differ; None when they agree, or while something is in
            flight, which may be about to make them agree.
        repair: the command that mends the disagreement.
        gone: images of sidecars that run and are no longer in ECR, in words.
        changed: sidecars that run another image than at the last release, in words.
        edit: an edit that `up` has registered and that does not run because its deployment has failed: which, when and
            why, what serves, and what to do; None without one.
        closed: containers in which ECS Exec opens no session, and why.
        going_on: what changes it or is about to, with its progress, in words.
        waits: what waits for whom, with the command that ends it, in words.
        schedule: when how many tasks may run, by its schedule, in words.
        asleep: whether that lets no task run now.
        jobs: those that run now.
        urls: where it answers.
    """

    service: str
    image_digest: str | None
    task_definition: str
    revision: int
    cpu: int
    memory: int
    environment: dict[str, str]
    secrets: list[Secret]
    desired: int
    running: int
    deployment: str
    release: Release | None
    failure: str | None
    first_upload: str | None
    live: str | None
    in_flight: str | None
    wait: str | None
    shift: Shift | None
    disagreement: str | None
    repair: str | None
    gone: list[str]
    changed: list[str]
    edit: str | None
    closed: list[str]
    going_on: list[str]
    waits: list[str]
    schedule: list[str]
    asleep: bool
    jobs: list[str]
    urls: list[str]

    def lines(self) -> list[tuple[str, str]]:
        """For people: label and text."""
        release = self.release
        waits = f"; waits for its first upload, to {self.first_upload}" if self.first_upload else ""
        released = f"nothing yet{waits}" if release is None else f"{release_tag(release.release)} of {release.time}"
        return [
            ("service", self.service),
            *(("url", url) for url in self.urls),
            ("image", self.image_digest or "no task runs"),
            ("live", self.live or "no image"),
            ("release", released),
            ("task definition", self.task_definition.rpartition("/")[2]),
            ("size", f"{self.cpu} CPU units, {self.memory} MiB"),
            ("tasks", f"{self.running} running, {self.desired} desired"),
            ("deployment", self.deployment),
            *([("last delivery", self.failure)] if self.failure else []),
            *([("in flight", self.in_flight), ("", f"{self.wait}")] if self.in_flight else []),
            *(self.shift.lines() if self.shift else []),
            *(("goes on", words) for words in self.going_on if self.shift is None or self.shift.words not in words),
            *(("waits", words) for words in self.waits),
            *(("job", f"{job} runs") for job in self.jobs),
            *(("schedule", words) for words in self.schedule),
            *([("", ASLEEP)] if self.asleep else []),
            *([("disagreement", self.disagreement), ("", f"mend it: {self.repair}")] if self.disagreement else []),
            *(("sidecar", f"{words}; `redeploy` asks for its tag anew") for words in self.gone),
            *(("sidecar", f"{words} since the last release") for words in self.changed),
            *([("edit", self.edit)] if self.edit else []),
            *(("exec", words) for words in self.closed),
            *(("environment", f"{name}={value}") for name, value in sorted(self.environment.items())),
            *(
                (
                    "parameter" if ":parameter/" in secret.arn else "secret",
                    f"{secret.name} from {secret.arn.partition(':parameter')[2]}",
                )
                for secret in self.secrets
            ),
        ]


DOCUMENT = Status | list[Overview]


def status(session: boto3.Session, stack: str, service: str, address: Address = at_aws) -> Status:
    """Look at a service.

    Args:
        session: AWS.
        stack: the stack's name.
        service: the service's.
        address: what opens a port of a host.

    Raises:
        DeliveryError: there is no such service.
        RecordError: the release record is none.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    state, ecs, name = read_state(session, stack, service), session.client("ecs"), aws_name(stack, service)
    described = describe_service(ecs, state.cluster, state.name)
    definition = describe_revision(ecs, state.task_definition)
    names = service_containers(definition, name)
    containers = [container for container in definition["containerDefinitions"] if container["name"] in names]
    now, tasks = datetime.now(UTC), list(describe_tasks(ecs, state.cluster))
    own = [task for task in tasks if task.get("group") == f"service:{state.name}"]
    observation = observe(session, stack, state, own)
    disagrees = disagreement(state, observation)
    pipeline = Pipeline(session, name)
    first_upload = pipeline.first_upload() if state.release is None else None
    sidecars = running(session, stack, state, definition, own)
    groups = {service: state.target_groups}
    return Status(
        service=service,
        image_digest=observation.images.running,
        task_definition=state.task_definition,
        revision=definition["revision"],
        cpu=int(definition["cpu"]),
        memory=int(definition["memory"]),
        environment={e["name"]: e["value"] for c in containers for e in c.get("environment", [])},
        secrets=[Secret(s["name"], s["valueFrom"]) for c in containers for s in c.get("secrets", [])],
        desired=described["desiredCount"],
        running=described["runningCount"],
        deployment=state.deployments[0].state,
        release=state.release,
        failure=None if first_upload else pipeline.failure(),
        first_upload=first_upload,
        live=observation.images.live,
        in_flight=state.in_flight,
        wait=state.how_to_wait(stack) if state.in_flight else None,
        shift=shift(session, state, described, address, now),
        disagreement=disagrees.summary if disagrees else None,
        repair=repair_command(stack, service) if disagrees else None,
        gone=gone(session, stack, state, definition, sidecars),
        changed=changes(state.release.sidecars if state.release else "", written(sidecars)),
        edit=edit.words if (edit := failed_edit(session, stack, state)) else None,
        closed=closed(described, definition),
        going_on=going_on(state, now),
        waits=waits(state, stack, now),
        schedule=scaling.schedule(session, state.cluster, state.name),
        asleep=state.release is not None and service in sleeping(session, [state]),
        jobs=running_jobs(tasks, stack, service),
        urls=addresses(session.client("elbv2"), groups, address).get(service, []),
    )


@click.command("status")
@optional_service_argument
@stack_option
@click.option("--watch", "watching", is_flag=True, help="Repeat until interrupted.")
@json_option
@click.pass_obj
def command(connection: Connection, service: str | None, stack: str, watching: bool, as_json: bool) -> None:
    """Show what SERVICE runs, what was released, what is in flight, and whether they agree; without SERVICE, for all
    services.

    \b
    delivery status --stack dev --watch      all services, drawn anew until Ctrl-C

    Example: delivery status chuoi --stack dev
    """

    def look() -> list[str]:
        if service is None:
            return table(overview(connection.session, stack, connection.address), datetime.now(UTC), width())
        lines = status(connection.session, stack, service, connection.address).lines()
        return [f"{label:<16} {text}" for label, text in lines]

    if watching and as_json:
        raise click.UsageError("--watch cannot be used with --json; run --json repeatedly")
    if watching:
        watch(look)
    if not as_json:
        click.echo("\n".join(look()))
    elif service is None:
        print_json(overview(connection.session, stack, connection.address))
    else:
        print_json(status(connection.session, stack, service, connection.address))
