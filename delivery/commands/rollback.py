"""Back to the image of an earlier release, through the pipeline and without a build.

Only the image goes back. Everything else of the task is Pulumi's, and reverting the commit brings it back; so a
rollback first says what else differs. While ECS shifts the traffic to a release, that deployment goes back instead: the
tasks of the release before are there still.
"""

from dataclasses import dataclass

import boto3
import click

from delivery import freeze
from delivery.command_line import service_command, wait_option
from delivery.commands.history import numbers, service_history
from delivery.commands.redeploy import deploy
from delivery.confirmation import confirm
from delivery.differences import Difference, differences
from delivery.shift import go_back, shifting
from releases.ecs import describe_revision, describe_service
from releases.errors import PROGRAM, DeliveryError
from releases.history import History
from releases.names import RELEASE, aws_name, release_tag
from releases.pipeline import Pipeline
from releases.progress import Log
from releases.record import Release
from releases.repository import Repository
from releases.service_deployments import shift_of, shifts
from releases.service_state import Images, ServiceState, images, read_state, revision_name
from releases.waiting import MINUTES, wait_while_busy


@dataclass(frozen=True)
class Plan:
    """A rollback that can be started.

    Attributes:
        stack: the stack.
        service: the service's name in the stack file.
        target: the release whose image is to run.
        now: the image that runs now, or is live when no task runs.
        task_definition: the revision that the service runs.
        differences: what else differs; None when the release's revision is no longer there.
        waiting: pipeline executions that end first.
        migrates: whether the pipeline has migrations.
        without_migration: whether that of the image is left out.
        shift: how its traffic shifts, in words; "" where ECS does not shift it.
        frozen: why no release enters Deploy, who says so and what lets it; "" where one does.
    """

    stack: str
    service: str
    target: Release
    now: str | None
    task_definition: str
    differences: list[Difference] | None
    waiting: list[str]
    migrates: bool
    shift: str = ""
    frozen: str = ""
    without_migration: bool = False

    def lines(self) -> list[str]:
        """What will change and what will not, for people."""
        target, then, now = self.target, revision_name(self.target.task_definition), revision_name(self.task_definition)
        lines = [
            f"{self.service}: back to the image of {release_tag(target.release)} of {target.time}",
            f"  image now   {self.now or 'none'}",
            f"  image then  {target.image_digest}",
        ]
        if self.differences is None:
            lines.append(f"{then} is no longer there, so it is not known what else differs from {now}.")
        elif not self.differences:
            lines.append(f"Nothing else differs between {then} and today's {now}.")
        else:
            lines.append(f"Only the image goes back. {now} stays, and differs from {then} also in:")
            for difference in self.differences:
                lines.append(f"  {difference.field}: then {difference.then}, now {difference.now}")
                lines.append(f"    to bring it back: {difference.where(self.stack, self.service)}")
            lines.append(
                f"  the commits since: `git log -p --since={target.time} -- Pulumi.{self.stack}.yaml task_templates/`"
            )
        if self.migrates and self.without_migration:
            lines.append(f"The migration of {release_tag(target.release)}'s image is left out.")
        elif self.migrates:
            lines.append(
                f"The migration of {release_tag(target.release)}'s image runs first, and does not undo what later ones "
                "have done; --without-migration leaves it out."
            )
        if self.frozen:
            lines.append(f"It will wait: {self.frozen}.")
        if self.shift:
            lines.append(f"It goes out by the service's own strategy: {self.shift}.")
        lines += [f"Execution {execution} of the pipeline ends first." for execution in self.waiting]
        return lines


def plan(
    session: boto3.Session, stack: str, service: str, number: int | None, *, without_migration: bool = False
) -> Plan:
    """Decide what a rollback would do.

    Without a number it goes to the newest earlier release that was not rolled back from; while something is in
    flight that is ambiguous, so it is refused. With a number the pipeline, whose executions wait for each other, takes
    it up after what is in flight.

    Raises:
        DeliveryError: no such release, its image is gone or runs already, or something is in flight.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    state = read_state(session, stack, service)
    if number is None and state.in_flight:
        raise DeliveryError(
            f"{state.in_flight} is in flight, so it is not sure what to go back from; {state.how_to_wait(stack)}, or "
            f"name the release with --to: the pipeline deploys it after what is in flight{_live(state)}"
        )
    history, current = service_history(session, stack, service), images(session, stack, state)
    target = _target(history, current, service, number)
    described = describe_service(session.client("ecs"), state.cluster, state.name)
    pipeline = Pipeline(session, aws_name(stack, service))
    waiting = pipeline.running()[::-1]
    if not (state.in_flight or waiting) and target.image_digest == current.live == (current.running or current.live):
        raise DeliveryError(
            f"{service} runs the image of {release_tag(target.release)} already; "
            f"`{PROGRAM} history {service} --stack {stack}` lists the others"
        )
    if not Repository(session, aws_name(stack, service)).has(target.image_digest):
        raise DeliveryError(
            f"the image {target.image_digest} of {release_tag(target.release)} is no longer in the repository "
            f"{aws_name(stack, service)}; name another one with --to; there are: {numbers(history)}"
        )
    return Plan(
        stack=stack,
        service=service,
        target=target,
        now=current.running or current.live,
        task_definition=state.task_definition,
        differences=_differences(session, stack, state, target),
        waiting=waiting,
        migrates=pipeline.migrates,
        without_migration=without_migration,
        frozen=freeze.words(stack, service, state.pipeline),
        shift=shift_of(described["deploymentConfiguration"]) if shifts(described) else "",
    )


def start(session: boto3.Session, chosen: Plan, log_progress: Log, *, wait: bool) -> None:
    """Start the pipeline with the image, and follow it when asked.

    Raises:
        DeliveryError: the execution did not succeed.
    """
    image, without = chosen.target.image_digest, chosen.without_migration
    deploy(session, chosen.stack, chosen.service, image, log_progress, wait=wait, without_migration=without)


def _live(state: ServiceState) -> str:
    return f"; {state.release.release} is the last that was released" if state.release else ""


def _target(history: History, current: Images, service: str, number: int | None) -> Release:
    if not history.releases:
        raise DeliveryError(f"{service} has no releases yet, so there is nothing to go back to; upload a source first")
    if number is None:
        other = next((each for each in _standing(history) if each.image_digest != current.live), None)
        if other is None:
            raise DeliveryError(
                f"no release of {service} is known that is older than the live image and was not rolled back from; "
                f"name one with --to; there are: {numbers(history)}"
            )
        return other
    chosen = next((release for release in history.releases if release.release == number), None)
    if chosen is None:
        raise DeliveryError(f"there is no release {number} of {service}; there are: {numbers(history)}")
    return chosen


def _standing(history: History) -> list[Release]:
    """The releases that no later one has gone back behind, the newest first: what is between two releases of one image
    was left for the older one, so that a rollback after a rollback goes further back.
    """
    standing: list[Release] = []
    for release in reversed(history.releases):
        images = [each.image_digest for each in standing]
        if release.image_digest in images:
            del standing[images.index(release.image_digest) :]
        standing.append(release)
    return standing[::-1]


def _differences(session: boto3.Session, stack: str, state: ServiceState, target: Release) -> list[Difference] | None:
    ecs = session.client("ecs")
    now = describe_revision(ecs, state.task_definition)
    try:
        then = describe_revision(ecs, target.task_definition)
    except ecs.exceptions.ClientException:
        return None
    return differences(then, now, aws_name(stack, state.service))


def release_number(text: str) -> int:
    """A release as its number, or as `history` and `status` print it.

    Raises:
        click.BadParameter: it is neither.
    """
    number = text.removeprefix(RELEASE)
    if not number.isdecimal():
        raise click.BadParameter(f"{text!r} is no release; write its number, as `{PROGRAM} history` shows it")
    return int(number)


@service_command("rollback")
@click.option(
    "--to",
    "number",
    type=release_number,
    metavar="N",
    help="This release, as 3 or release-3; else the newest with another image that nobody went back from.",
)
@click.option("--without-migration", is_flag=True, help="Leave the migration of that release's image out.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@wait_option
def command(
    session: boto3.Session,
    service: str,
    stack: str,
    number: int | None,
    without_migration: bool,
    yes: bool,
    wait: bool,
) -> None:
    """Deploy the image of an earlier release of SERVICE again, without a build.

    Shows first what else differs from that release: only the image goes back, the rest is Pulumi's. While ECS shifts
    the traffic, that goes back, as by `abort`, unless --to names a release.

    Example: delivery rollback chuoi --stack dev --to 12
    """
    state = read_state(session, stack, service)
    if number is None and state.shifting is not None and not state.shifting.goes_back:
        _take_back(session, stack, state, yes=yes, wait=wait)
        return
    chosen = plan(session, stack, service, number, without_migration=without_migration)
    click.echo("\n".join(chosen.lines()))
    if not yes:
        confirm("Roll back?")
    start(session, chosen, click.echo, wait=wait)


def _take_back(session: boto3.Session, stack: str, state: ServiceState, *, yes: bool, wait: bool) -> None:
    """Have the deployment go back in which ECS shifts the traffic: no build, and no new deployment.

    Raises:
        DeliveryError: it is no release, or what was to go back serves in the end.
    """
    if state.execution is None:
        raise DeliveryError(
            f"ECS shifts the traffic of {state.service} to an edit, and to no release: "
            f"`{PROGRAM} abort {state.service} --stack {stack}` has it go back, and --to brings another image after "
            f"it{_live(state)}"
        )
    revision = state.deployments[0].task_definition
    new = revision_name(revision)
    last = f"the image of {release_tag(state.release.release)}" if state.release else "what ran before"
    share = shifting(state).share
    click.echo(
        f"{state.service}: back from {new}, which has {share:g} % of the traffic, to {last}, whose tasks still run"
    )
    if not yes:
        confirm("Roll back?")
    click.echo(f"The deployment {go_back(session.client('ecs'), read_state(session, stack, state.service))}.")
    if not wait:
        click.echo(f"`{PROGRAM} status {state.service} --stack {stack}` says how far it is.")
        return
    after = wait_while_busy(session, stack, state, lambda now: bool(now.in_flight), click.echo, MINUTES)
    if after is None or after.in_flight:
        raise DeliveryError(f"{state.service} has not gone back within {MINUTES} minutes; `{PROGRAM} status` says why")
    if after.task_definition == revision:
        raise DeliveryError(f"{new} has not gone back, and serves; run this again to deploy the release before")
    click.echo(f"{revision_name(after.task_definition)} serves alone, as before.")
