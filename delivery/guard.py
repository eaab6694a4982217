"""Whether `pulumi up` may change a service now, and how its deployment ended (design rule 9)."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import ClientError

from delivery import repair
from delivery.errors import PROGRAM, DeliveryError
from delivery.lookup import how_to_wait
from delivery.repair import Evidence, Mend
from delivery.services import describe
from delivery.state import Deployment, ServiceState, deployments, look, revision_name

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
"""In seconds, between looks at a deployment: most services are steady soon or late."""
LOOKS_FOR_A_NEW_DEPLOYMENT = 5
"""ECS's answers are eventually consistent, so one of them may be of before the change."""
LOG_LINES = 10


def refusal(stack: str, read: ServiceState, now: ServiceState, evidence: Evidence) -> str | None:
    """Why a service must not be changed, with what to do; None when it may be.

    What CodeDeploy deploys waits for its turn in the pipeline, and takes the image that is live then: only a
    disagreement that nothing in flight will end stands in its way.

    Args:
        stack: the Pulumi stack's name.
        read: the service as the program read it when it started, and chose its task definition by.
        now: the service right before the change.
        evidence: which images `now` runs, has live and recorded.
    """
    waits = now.controller == "CODE_DEPLOY"
    if now.in_flight:
        return None if waits else f"{now.in_flight} is in flight; {how_to_wait(stack, now)}, then run this again"
    if now.record != read.record and not waits:
        released = now.release
        what = f"release-{released.release} was recorded" if released else "the release record was reset"
        return f"{what} while this was running; run it again"
    finding = repair.judge(evidence)
    if finding.mend is not Mend.NOTHING:
        return (
            f"what runs, what is live and what was released disagree: {finding.words}; an edit would ship with the "
            f"wrong image. Run `{repair.command(stack, now.service)}`, then run this again"
        )
    return None


def check(session: boto3.Session, stack: str, read: ServiceState) -> str | None:
    """Look at a service now, and say why it must not be changed; None when it may be."""
    now = look(session, stack, [read.service]).get(read.service)
    if now is None:
        return None  # gone: what follows is AWS's to refuse
    return refusal(stack, read, now, repair.inspect(session, stack, now))


def follow(
    session: boto3.Session, stack: str, service: str, revision: str, tell: Callable[[str], None], timeout: float
) -> None:
    """Wait until a revision is all that a service runs, at most `timeout` minutes.

    Raises:
        DeliveryError: ECS rolled it back, something else took its place or deleted the service, or it took longer
            than that; the message has ECS's reason and the end of the log of the task that stopped last.
    """
    end, pause = time.monotonic() + timeout * 60, SHORTEST_PAUSE
    for _ in range(LOOKS_FOR_A_NEW_DEPLOYMENT):
        found = _deployments(session, stack, service)
        mine = found[0]
        if mine.task_definition == revision:
            break
        time.sleep(pause)
    else:
        raise DeliveryError(
            f"{service} was to run {revision_name(revision)} and runs {revision_name(mine.task_definition)}: "
            "something else has deployed it meanwhile; run this again"
        )
    while not (found == [mine] and mine.state == "COMPLETED"):
        if ended := _ended(found, mine.id, partial(_failure, session, stack, service, mine.id)):
            raise DeliveryError(f"{service}: {ended}{_last_stopped(session, stack, service, mine.id)}")
        if time.monotonic() > end:
            raise DeliveryError(
                f"{service}: deployment {mine.id} of {revision_name(revision)} has not completed within "
                f"{timeout:g} minutes and goes on{_last_stopped(session, stack, service, mine.id)}"
            )
        tell(f"{service}: deployment {mine.id} of {revision_name(revision)}: {mine.reason or mine.state}")
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.5)
        found = _deployments(session, stack, service)
        mine = next((deployment for deployment in found if deployment.id == mine.id), mine)


def serve(session: boto3.Session, stack: str, service: str, tell: Callable[[str], None], timeout: float) -> None:
    """Wait until a new ECS service runs all its tasks, so that the one that it replaces can go; at most `timeout`
    minutes.

    Raises:
        DeliveryError: it took longer than that; the message has ECS's last words.
    """
    end, pause = time.monotonic() + timeout * 60, SHORTEST_PAUSE
    while True:
        found = describe(session, stack, [service])[service]
        name, running, desired = found["serviceName"], found["runningCount"], found["desiredCount"]
        steady = all(
            each.get("rolloutState", each.get("stabilityStatus")) in ("COMPLETED", "STEADY_STATE")
            for each in [*found.get("deployments", []), *found.get("taskSets", [])]
        )
        if steady and running >= desired:
            return
        said = found["events"][0]["message"] if found.get("events") else "no event"
        if time.monotonic() > end:
            raise DeliveryError(
                f"{service}: {name} runs {running} of {desired} tasks after {timeout:g} minutes, and the "
                f"service that it replaces stays: {said}"
            )
        tell(f"{service}: {name} runs {running} of {desired} tasks")
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.5)


def _deployments(session: boto3.Session, stack: str, service: str) -> list[Deployment]:
    """The deployments of a service that is there, the primary one first."""
    found = deployments(session, stack, service)
    if not found:
        raise DeliveryError(f"{service} is not there any more: something else has deleted it; run this again")
    return found


def _failure(session: boto3.Session, stack: str, service: str, mine: str) -> str | None:
    """What ECS says of a deployment's failure in the service's events, which outlive it among the deployments."""
    events = describe(session, stack, [service]).get(service, {}).get("events", [])
    return next((e["message"] for e in events if f"(deployment {mine}) deployment failed" in e["message"]), None)


def _ended(found: Sequence[Deployment], mine: str, failure: Callable[[], str | None]) -> str | None:
    """Why a deployment will not complete; None while it may."""
    primary, own = found[0], next((d for d in found if d.id == mine), None)
    if own and own.state == "FAILED":
        return f"ECS has failed deployment {mine} of {revision_name(own.task_definition)}: {own.reason.rstrip('.')}"
    if primary.id != mine:
        now = revision_name(primary.task_definition)
        return f"deployment {mine} has ended and {now} is deployed instead: {(failure() or primary.reason).rstrip('.')}"
    return None


def confirm(session: boto3.Session, stack: str, read: ServiceState) -> None:
    """See that no release was undone by what was deployed.

    Between the look before a change and the change itself the pipeline may have released another image.

    Raises:
        DeliveryError: it has, and that image does not run; the message names the command that brings it back.
    """
    now = look(session, stack, [read.service]).get(read.service)
    if now is None or now.in_flight or now.record == read.record or now.release is None:
        return
    if repair.judge(repair.inspect(session, stack, now)).mend is not Mend.NOTHING:
        raise DeliveryError(
            f"{read.service}: release-{now.release.release} was recorded while this was running, and its image does "
            f"not run; bring it back with `{PROGRAM} rollback {read.service} --to {now.release.release} "
            f"--stack {stack}`"
        )


def _last_stopped(session: boto3.Session, stack: str, service: str, deployment: str) -> str:
    """What a deployment's last failed task said, as far as the credentials may see it; "" when nothing is known."""
    try:
        return _said(session, stack, service, deployment)
    except ClientError:
        return ""


def _said(session: boto3.Session, stack: str, service: str, deployment: str) -> str:
    """The last failed task's reason, exit codes, and the end of its log."""
    ecs = session.client("ecs")
    arns = ecs.list_tasks(cluster=stack, serviceName=f"{stack}-{service}", desiredStatus="STOPPED")["taskArns"]
    tasks = ecs.describe_tasks(cluster=stack, tasks=arns)["tasks"] if arns else []
    failed = [t for t in tasks if t.get("startedBy") == deployment and not _was_asked_to(t)]
    if not failed:
        return ""
    task = max(failed, key=lambda task: str(task.get("stoppedAt", "")))
    codes = [f"{c['name']} exit code {c['exitCode']}" for c in task["containers"] if c.get("exitCode") is not None]
    said = f". Its last task stopped: {task['stoppedReason']}" + (f" ({', '.join(codes)})" if codes else "")
    lines = _log_end(session, ecs, task)
    return said + "".join(f"\n  {line}" for line in lines)


def _was_asked_to(task: dict[str, Any]) -> bool:
    return str(task.get("stoppedReason", "")).startswith("Scaling activity")


def _log_end(session: boto3.Session, ecs: Any, task: dict[str, Any]) -> list[str]:
    """The last lines that a task's containers wrote, where they write to CloudWatch Logs."""
    definition = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
    logs, task_id = session.client("logs"), task["taskArn"].rpartition("/")[2]
    lines: list[str] = []
    for container in definition["containerDefinitions"]:
        options = container.get("logConfiguration", {}).get("options", {})
        if "awslogs-stream-prefix" not in options:
            continue
        stream = f"{options['awslogs-stream-prefix']}/{container['name']}/{task_id}"
        try:
            events = logs.get_log_events(
                logGroupName=options["awslogs-group"], logStreamName=stream, limit=LOG_LINES, startFromHead=False
            )["events"]
        except logs.exceptions.ResourceNotFoundException:
            continue  # it stopped before it wrote anything
        lines += [f"{container['name']}: {event['message'].rstrip()}" for event in events]
    return lines
