"""Back to the image of an earlier release, through the pipeline and without a build.

Only the image goes back. Everything else of the task is Pulumi's, and reverting the commit brings it back; so a
rollback first says what else differs. While ECS shifts the traffic to a release, that deployment goes back instead: the
tasks of the release before are there still.
"""

from dataclasses import dataclass, replace
from functools import partial

import boto3
import click

from delivery.command_line import service_command, wait_option
from delivery.executions.shift import Answer, answer, shifting, tell
from delivery.executions.start import Course, course, deploy
from delivery.output.confirmation import agreed, yes_option
from delivery.services.differences import Difference, differences
from delivery.services.history import numbers, service_history
from releases.ecs import describe_revision
from releases.errors import PROGRAM, DeliveryError
from releases.history import History
from releases.names import RELEASE, aws_name, release_tag
from releases.record import Release
from releases.repository import Repository
from releases.service_state import Images, ServiceState, images, read_state, revision_name


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
        course: what is on its way.
    """

    stack: str
    service: str
    target: Release
    now: str | None
    task_definition: str
    differences: list[Difference] | None
    course: Course

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
        if self.course.skips:
            lines.append(f"The migration of {release_tag(target.release)}'s image is left out.")
        elif self.course.migrates:
            lines.append(
                f"The migration of {release_tag(target.release)}'s image runs first, and does not undo what later ones "
                "have done; --without-migration leaves it out."
            )
        return [*lines, *self.course.lines()]


def plan(
    session: boto3.Session, stack: str, service: str, number: int | None, *, without_migration: bool = False
) -> Plan:
    """Decide what a rollback would do.

    Without a number it goes to the newest earlier release that was not rolled back from; while something is in
    flight that is ambiguous, so it is refused. With a number the pipeline, whose executions wait for each other, takes
    it up after what is in flight.

    Raises:
        DeliveryError: no such release, its image is gone or runs already, or something is in flight; or the pipeline
            cannot leave the migration out.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    state = read_state(session, stack, service)
    if number is None and state.in_flight:
        raise DeliveryError(
            f"{state.in_flight} is in flight, so it is not certain which release to roll back; "
            f"{state.how_to_wait(stack)}, or name the release with --to: the pipeline deploys it after what is in "
            f"flight{_live(state)}"
        )
    history, current = service_history(session, stack, service), images(session, stack, state)
    target = _target(history, current, service, number)
    way = course(session, stack, state, without_migration=without_migration)
    idle = not (state.in_flight or way.waiting)
    if idle and target.image_digest == current.live == (current.running or current.live):
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
        course=way,
    )


def _live(state: ServiceState) -> str:
    return f"; {state.release.release} is the last that was released" if state.release else ""


def _target(history: History, current: Images, service: str, number: int | None) -> Release:
    if not history.releases:
        raise DeliveryError(f"{service} has no releases yet, so there is nothing to go back to; upload a source first")
    if number is None:
        other = next((each for each in _standing(history) if each.image_digest != current.live), None)
        if other is None:
            others = History([each for each in history.releases if each.image_digest != current.live])
            raise DeliveryError(
                f"no release of {service} older than the live image is known that nobody has rolled back from; "
                f"name one of another image with --to; there are: {numbers(others)}"
            )
        return other
    chosen = next((release for release in history.releases if release.release == number), None)
    if chosen is None:
        raise DeliveryError(f"there is no release {number} of {service}; there are: {numbers(history)}")
    return chosen


def _standing(history: History) -> list[Release]:
    """The releases that no later one has gone back behind, the newest first, so that a rollback after a rollback goes
    further back.

    One that repeats an earlier one has gone back to the last that stands of its image, whichever source that had.
    """
    standing, seen = list[Release](), list[Release]()
    for release in reversed(history.releases):
        if any(map(release.repeats, seen)):
            same = [place for place, each in enumerate(standing) if each.image_digest == release.image_digest]
            standing = standing[: same[-1]] if same else standing
        standing.append(release)
        seen.append(release)
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
        raise click.BadParameter(f"{text!r} is not a release; write its number, as `{PROGRAM} history` shows it")
    return int(number)


@service_command("rollback")
@click.option(
    "--to",
    "number",
    type=release_number,
    metavar="N",
    help="The release, as 3 or release-3; by default the newest with another image that nobody has rolled back from.",
)
@click.option("--without-migration", is_flag=True, help="Skip the migration of that release's image.")
@yes_option
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

    It first shows what else differs from that release, because only the image goes back. While ECS shifts traffic, a
    rollback without --to shifts it back, like `abort`.

    Example: delivery rollback chuoi --stack dev --to 12
    """
    state = read_state(session, stack, service)
    if number is None and state.shifting is not None and not state.shifting.goes_back:
        back = agreed(partial(_back, session, stack, service), "Roll back?", yes=yes)
        tell(session, stack, back, click.echo, wait=wait)
        return
    look = partial(plan, session, stack, service, number, without_migration=without_migration)
    chosen = agreed(look, "Roll back?", yes=yes)
    digest, skips = chosen.target.image_digest, chosen.course.skips
    deploy(session, stack, service, digest, click.echo, wait=wait, without_migration=skips)


def _back(session: boto3.Session, stack: str, service: str) -> Answer:
    """Having the deployment go back in which ECS shifts the traffic: no build, and no new deployment.

    Raises:
        DeliveryError: it is no release.
    """
    back = answer(session, stack, service, "abort")
    state = back.state
    if state.execution is None:
        raise DeliveryError(
            f"ECS shifts the traffic of {service} to an edit, not to a release: "
            f"`{PROGRAM} abort {service} --stack {stack}` rolls it back, and --to deploys another image after "
            f"it{_live(state)}"
        )
    new = revision_name(state.deployments[0].task_definition)
    last = f"the image of {release_tag(state.release.release)}" if state.release else "what ran before"
    share = f"{shifting(state).share:g} % of the traffic"
    will = f"{service}: back from {new}, which has {share}, to {last}, whose tasks still run"
    return replace(back, will=will)
