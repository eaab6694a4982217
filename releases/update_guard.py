"""Whether `pulumi up` may change a service now, and how its deployment ended (rule `update guards`)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import boto3
from botocore.exceptions import ClientError

from releases import stopped_tasks
from releases.consistency import Observation, RepairAction, diagnose, observe, repair_command
from releases.controllers import controller_of
from releases.controllers.controller import Deployment
from releases.deployment_progress import task_words
from releases.ecs import (
    cluster_of,
    describe_revision,
    describe_services,
    fingerprint_of,
    newest_event,
)
from releases.errors import PROGRAM, DeliveryError
from releases.followed_shift import FollowedShift
from releases.names import aws_name, release_tag
from releases.progress import Log
from releases.record import Release
from releases.service_state import ServiceState, named_digest, read_states, revision_name
from releases.waiting import wait_while_busy

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
"""In seconds, between looks at a deployment: most services are steady soon or late."""
LOOKS_FOR_A_NEW_DEPLOYMENT = 5
"""ECS's answers are eventually consistent, so one of them may be of before the change."""


@dataclass(frozen=True)
class Wanted:
    """The task definition that a service is to have.

    Attributes:
        arn: the revision's.
        fingerprint: the template that it was made of.
        live: whether it names the image by the tag `live`; what was released names its own.
    """

    arn: str
    fingerprint: str
    live: bool


def refusal(
    stack: str, read: ServiceState, now: ServiceState, observation: Observation, wanted: Wanted | None = None
) -> str | None:
    """Why a service must not be changed, with what to do; None when it may be.

    A template waits for its turn in the pipeline, and takes the image that is live then: only a disagreement that
    nothing in flight will end stands in its way.

    Args:
        stack: the Pulumi stack's name.
        read: the service as the program read it when it started, and chose its task definition by.
        now: the service right before the change.
        observation: which images `now` runs, has live and recorded.
        wanted: what the service is to have; None where a template is deployed, or nothing is known of it.
    """
    if now.in_flight:
        return now.blocks_up and f"{now.blocks_up} is in flight; {now.how_to_wait(stack)}, then run this again"
    if now.record != read.record and not now.controller.deploys_template and not _still_right(now.release, wanted):
        released = now.release
        what = f"{release_tag(released.release)} was recorded" if released else "the release record was reset"
        return f"{what} while this was running; run it again"
    diagnosis = diagnose(observation)
    if diagnosis.action is not RepairAction.NOTHING:
        return (
            f"what runs, what is live and what was released disagree: {diagnosis.summary}; an edit would ship with the "
            f"wrong image. Run `{repair_command(stack, now.service)}`, then run this again"
        )
    return None


def _still_right(release: Release | None, wanted: Wanted | None) -> bool:
    """Whether a task definition that was chosen by one release is the right one after another.

    By the rule `template fingerprint` it is what was released; or an edit that was not, which ships with the new image,
    because it names it by the tag.
    """
    if release is None or wanted is None:
        return False
    return wanted.arn == release.task_definition or (wanted.live and wanted.fingerprint != release.template_fingerprint)


def check(
    session: boto3.Session,
    stack: str,
    read: ServiceState,
    wanted: str | None,
    log_progress: Log = lambda _: None,
    minutes: float = 0,
) -> str | None:
    """Look at a service now, and say why it must not be changed; None when it may be.

    What is in flight is waited for, at most so many minutes.
    """
    now = read_states(session, stack, [read.service]).get(read.service)
    if now is not None and now.blocks_up and minutes:
        now = wait_while_busy(session, stack, now, lambda state: bool(state.blocks_up), log_progress, minutes)
    if now is None:
        return None  # gone: what follows is AWS's to refuse
    known = _wanted(session, stack, read.service, wanted) if wanted and now.record != read.record else None
    return refusal(stack, read, now, observe(session, stack, now), known)


def _wanted(session: boto3.Session, stack: str, service: str, arn: str) -> Wanted:
    ecs = session.client("ecs")
    live = named_digest(describe_revision(ecs, arn), aws_name(stack, service)) is None
    return Wanted(arn, fingerprint_of(ecs, arn), live)


@dataclass(frozen=True)
class Followed:
    """How far a deployment was followed.

    Attributes:
        taken_over: whether it is the pipeline's clone, which has another image.
        goes_on: what goes on and how to watch it, where it was not followed to its end; "" where it was.
    """

    taken_over: bool
    goes_on: str = ""


def follow_deployment(
    session: boto3.Session,
    stack: str,
    service: str,
    revision: str,
    log_progress: Log,
    timeout: float,
    follow: float | None = None,
) -> Followed:
    """Wait until a revision is all that a service runs, at most `timeout` minutes; or the pipeline's clone of it, which
    has as many. Where ECS shifts traffic, it is told to go back when too many tasks fail, which its circuit breaker may
    do in rolling deployments only; and it is waited for `follow` minutes at most, without them until it pauses.

    Raises:
        DeliveryError: ECS rolled it back, something else took its place or deleted the service, or it took longer
            than that; the message has ECS's reason and the end of the log of the task that stopped last.
    """
    began, pause, shift = time.monotonic(), SHORTEST_PAUSE, FollowedShift(session)
    end = began + max(timeout, follow or 0) * 60
    for _ in range(LOOKS_FOR_A_NEW_DEPLOYMENT):
        listed = _deployments(session, stack, service, shift)
        current = listed[0]
        if current.task_definition == revision or _took_over(session, revision, current.task_definition):
            break
        time.sleep(pause)
    else:
        raise DeliveryError(
            f"{service} was to run {revision_name(revision)} and runs {revision_name(current.task_definition)}: "
            "something else has deployed it meanwhile; run this again"
        )
    taken_over = current.task_definition != revision
    revision = current.task_definition
    while not (listed == [current] and current.state == "COMPLETED"):
        if listed[0].id != current.id and _took_over(session, revision, listed[0].task_definition):
            log_progress(f"{service}: a release has taken over {revision_name(revision)}, as {listed[0].id}")
            current, revision = listed[0], listed[0].task_definition
            taken_over, end = True, time.monotonic() + timeout * 60
            continue
        if ended := _ended(listed, current.id, partial(_failure, session, stack, service, current.id, shift)):
            raise DeliveryError(f"{service}: {ended}{_last_stopped(session, stack, service, current.id)}")
        if goes_on := shift.left_alone(stack, service, time.monotonic() - began, follow):
            goes_on = f"{service}: deployment {current.id} of {revision_name(revision)} goes on; {goes_on}"
            return Followed(taken_over, goes_on)
        if time.monotonic() > end:
            raise DeliveryError(
                f"{service}: deployment {current.id} of {revision_name(revision)} has not completed within "
                f"{timeout:g} minutes and goes on{shift.how_to_wait(stack, service)}"
                f"{_last_stopped(session, stack, service, current.id)}"
            )
        if hopeless := shift.roll_back():
            log_progress(f"{service}: {hopeless}, so ECS is told to go back")
        progress = shift.progress(stack, service) or task_words(listed)
        log_progress(f"{service}: deployment {current.id} of {revision_name(revision)}: {progress}")
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.5)
        listed = _deployments(session, stack, service, shift)
        current = next((deployment for deployment in listed if deployment.id == current.id), current)
    if failed := shift.failed():
        stopped = _last_stopped(session, stack, service, current.id)
        raise DeliveryError(f"{service}: deployment {current.id} of {revision_name(revision)} is {failed}{stopped}")
    return Followed(taken_over)


def _took_over(session: boto3.Session, revision: str, instead: str) -> bool:
    """Whether what is deployed instead of a revision is the pipeline's clone of it: newer, and of the same template."""
    family, number = revision.rsplit(":", 1)
    of, newer = instead.rsplit(":", 1)
    if of != family or int(newer) <= int(number):
        return False
    ecs = session.client("ecs")
    template = fingerprint_of(ecs, revision)
    return template != "" and fingerprint_of(ecs, instead) == template


def wait_until_serving(session: boto3.Session, stack: str, service: str, log_progress: Log, timeout: float) -> None:
    """Wait until a new ECS service runs all its tasks, so that the one that it replaces can go; at most `timeout`
    minutes.

    Raises:
        DeliveryError: it took longer than that; the message has ECS's last words.
    """
    end, pause = time.monotonic() + timeout * 60, SHORTEST_PAUSE
    while True:
        service_now = describe_services(session, stack, [service])[service]
        name, running, desired = service_now["serviceName"], service_now["runningCount"], service_now["desiredCount"]
        steady = all(
            each.get("rolloutState", each.get("stabilityStatus", "COMPLETED")) in ("COMPLETED", "STEADY_STATE")
            for each in [*service_now.get("deployments", []), *service_now.get("taskSets", [])]
        )
        if steady and running >= desired:
            return
        event = newest_event(service_now) or "no event"
        if time.monotonic() > end:
            raise DeliveryError(
                f"{service}: {name} runs {running} of {desired} tasks after {timeout:g} minutes, and the "
                f"service that it replaces stays: {event}"
            )
        log_progress(f"{service}: {name} runs {running} of {desired} tasks")
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.5)


def _deployments(session: boto3.Session, stack: str, service: str, shift: FollowedShift) -> list[Deployment]:
    """The deployments of a service that is there, the primary one first."""
    described = describe_services(session, stack, [service]).get(service)
    listed = shift.look(described, controller_of(described).deployments(described)) if described else []
    if not listed:
        raise DeliveryError(f"{service} is not there any more: something else has deleted it; run this again")
    return listed


def _failure(session: boto3.Session, stack: str, service: str, deployment: str, shift: FollowedShift) -> str | None:
    """What ECS says of a deployment's failure in the service's events, which outlive it among the deployments."""
    events = describe_services(session, stack, [service]).get(service, {}).get("events", [])
    said = (e["message"] for e in events if f"(deployment {deployment}) deployment failed" in e["message"])
    return next(said, shift.reason() or None)


def _ended(listed: Sequence[Deployment], deployment: str, failure: Callable[[], str | None]) -> str | None:
    """Why a deployment will not complete; None while it may."""
    primary, itself = listed[0], next((each for each in listed if each.id == deployment), None)
    if itself and itself.state == "FAILED":
        revision = revision_name(itself.task_definition)
        return f"ECS has failed deployment {deployment} of {revision}: {itself.reason.rstrip('.')}"
    if primary.id != deployment:
        now, reason = revision_name(primary.task_definition), failure() or primary.reason
        return f"deployment {deployment} has ended and {now} is deployed instead: {reason.rstrip('.')}"
    return None


def check_release_stands(session: boto3.Session, stack: str, read: ServiceState, *, taken_over: bool = False) -> None:
    """See that no release was undone by what was deployed.

    Between the look before a change and the change itself the pipeline may have released another image. And a release
    that has taken over an edit (`taken_over`) may have been cut off.

    Raises:
        DeliveryError: it has, and that image does not run; the message names the command that brings it back.
    """
    now = read_states(session, stack, [read.service]).get(read.service)
    if now is None or now.in_flight or now.release is None or (now.record == read.record and not taken_over):
        return
    diagnosis = diagnose(observe(session, stack, now))
    if diagnosis.action is RepairAction.NOTHING:
        return
    if now.record == read.record:
        raise DeliveryError(
            f"{read.service}: a release that includes the edit was cut off: {diagnosis.summary}. The edit runs; "
            f"repair the release with `{repair_command(stack, read.service)}`"
        )
    raise DeliveryError(
        f"{read.service}: {release_tag(now.release.release)} was recorded while this was running, and its image does "
        f"not run; bring it back with `{PROGRAM} rollback {read.service} --to {now.release.release} --stack {stack}`"
    )


def _last_stopped(session: boto3.Session, stack: str, service: str, deployment: str) -> str:
    """What a deployment's last failed task said, as far as the credentials may see it; "" when nothing is known."""
    try:
        tasks = stopped_tasks.failed(session.client("ecs"), cluster_of(session, stack), aws_name(stack, service))
        mine = [task for task in tasks if task.get("startedBy") == deployment]
        if not mine:
            return ""
        end = "".join(f"\n  {line}" for line in stopped_tasks.log_end(session, mine[-1]))
    except ClientError:
        return ""
    return f". Its last task stopped: {stopped_tasks.why(mine[-1])}{end}"
