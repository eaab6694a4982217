"""Following a release to its end: how far its deployment is, what to do after Ctrl-C, and why it has failed."""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from delivery.output.durations import span
from delivery.output.terminal import StatusLine
from delivery.services.history import seconds_of, service_history
from delivery.services.in_flight import deployment_words
from releases import stopped_tasks
from releases.errors import EXPECTED, PROGRAM, DeliveryError
from releases.failure import CODEBUILD_LINE, MARK, build_log, one_line
from releases.health_check import asked
from releases.names import aws_name, migration_family, release_tag
from releases.pipeline import Pipeline, Until
from releases.progress import Log
from releases.service_state import ServiceState, images, read_state

PAUSE = 5.0
"""Seconds between two looks at a deployment."""
SETTLES = 30
"""Minutes for which ECS is followed after a release has failed: it starts what ran before, waits until that is healthy,
and drains the targets of what failed, for 5 minutes by default (ELB, deregistration_delay.timeout_seconds)."""
LAST = 5
"""Of so many releases the time is the usual one."""
BAR = 20
"""Characters of the bar."""
LINES = 10
"""Of a failed task's log."""
BUILD_LINES = 20
"""Of a failed build's log: BuildKit prints about twelve lines of the Dockerfile below what a failed command printed."""


class Following:
    """How far a service's deployment is, on a line below what is logged.

    Args:
        session: AWS.
        stack: the stack.
        service: the service's name in the stack file.
        log_progress: takes what is logged.
        usual: for how many seconds it usually goes on; None where that is not known.
        err: whether that line goes to standard error.
    """

    def __init__(
        self,
        session: boto3.Session,
        stack: str,
        service: str,
        log_progress: Log,
        usual: float | None = None,
        *,
        err: bool = False,
    ) -> None:
        self._session, self._stack, self._service, self._usual = session, stack, service, usual
        self._log_progress, self._line = log_progress, StatusLine(err=err)
        self.began, self._clock = datetime.now(UTC), time.monotonic()

    def log(self, text: str) -> None:
        """Log a line."""
        self._line.clear()
        self._log_progress(text)

    def look(self) -> None:
        """Show how far it is, if AWS says it."""
        with suppress(*EXPECTED):  # the release is followed all the same
            self.show(read_state(self._session, self._stack, self._service))

    def show(self, state: ServiceState) -> None:
        """Show how far it is."""
        words = progress(self._session, state, datetime.now(UTC))
        self._line.show(words, bar(time.monotonic() - self._clock, self._usual))

    @contextmanager
    def until_interrupted(self, what: str, more: Sequence[str] = (), execution: str = "") -> Iterator[None]:
        """Ctrl-C ends the following only, and tells so; a failure has what serves, a log's end and what to do below it.

        Args:
            what: what goes on then.
            more: what else to do then.
            execution: of the pipeline; "" where it is none that goes on.
        """
        try:
            yield
        except KeyboardInterrupt:
            leave(self._session, self._stack, self._service, what, self.log)
            for text in more:
                self.log(text)
            raise
        except DeliveryError as error:
            try:
                self._until_settled(str(error), execution)
                below = list(after_failure(self._session, self._stack, self._service, self.began, execution))
            except KeyboardInterrupt:
                self.log(str(error))
                raise
            raise DeliveryError(str(error), [line for line in below if line not in str(error)]) from None
        finally:
            self._line.clear()

    def _until_settled(self, failure: str, execution: str) -> None:
        """Follow what ECS still deploys or brings back after a release has failed, for SETTLES minutes at most.

        Args:
            failure: why it has failed.
            execution: as in `until_interrupted`.
        """
        session, stack, service = self._session, self._stack, self._service
        with suppress(*EXPECTED):  # the failure is told all the same
            if execution and not Pipeline(session, aws_name(stack, service)).deployed(execution):
                return
            state, end = read_state(session, stack, service), time.monotonic() + SETTLES * 60
            deployment = state.deployments[0].id
            if _settles(state):
                self.log(failure)  # what follows takes long
                may = f"{state.in_flight} is in flight, and may bring back what ran before"
                self.log(f"{may}. It is followed to its end, for {SETTLES} min at most.")
            try:
                while _settles(state) and time.monotonic() < end:
                    self.show(state)
                    time.sleep(PAUSE)
                    state = read_state(session, stack, service)
            except KeyboardInterrupt:
                leave(session, stack, service, f"Deployment {deployment}", self.log)
                raise


def _settles(state: ServiceState) -> bool:
    """Whether ECS is about to end what it deploys: it waits for nobody, and no other release has begun."""
    asks = state.shifting is not None and state.shifting.pause
    return bool(state.in_flight and not state.execution and not asks)


def follow(
    session: boto3.Session,
    stack: str,
    service: str,
    execution: str,
    log_progress: Log,
    *,
    wait: bool = True,
    until: Until = lambda _: False,
    err: bool = False,
) -> None:
    """Follow an execution to its end, with the progress of its deployment; or say how to, where nobody waits.

    Args:
        session: AWS.
        stack: the stack.
        service: the service's name in the stack file.
        execution: the execution's id.
        log_progress: takes a line.
        wait: whether it is followed.
        until: says whether to leave it before its end.
        err: whether the deployment's progress goes to standard error, as the output is something else's.

    Raises:
        DeliveryError: it did not succeed; below the message is what serves, the end of the failed task's log, and what
            to do. Or AWS tells no more of it.
        KeyboardInterrupt: somebody does not want to follow it any more, and was told how to go on.
    """
    what = f"Execution {execution}"
    if not wait:
        leave(session, stack, service, what, log_progress)
        return
    pipeline = Pipeline(session, aws_name(stack, service))
    usual = usual_seconds(session, stack, service, pipeline)
    line = Following(session, stack, service, log_progress, usual, err=err)
    with _while_aws_tells(session, stack, service, what), line.until_interrupted(what, execution=execution):
        pipeline.follow(execution, line.log, line.look, until)


def follow_deployment(
    session: boto3.Session, stack: str, state: ServiceState, log_progress: Log, judge: Callable[[ServiceState], str]
) -> None:
    """Follow what changes a service until nothing does.

    Args:
        session: AWS.
        stack: the stack.
        state: the service.
        log_progress: is told how far it is.
        judge: says what has come of it, or raises a DeliveryError.

    Raises:
        DeliveryError: of `judge`, with the lines that `follow` adds.
        KeyboardInterrupt: as `follow` does.
    """
    line, what = Following(session, stack, state.service, log_progress), f"Deployment {state.deployments[0].id}"
    with _while_aws_tells(session, stack, state.service, what), line.until_interrupted(what):
        while state.in_flight:
            line.show(state)
            time.sleep(PAUSE)
            state = read_state(session, stack, state.service)
        line.log(judge(state))


@contextmanager
def _while_aws_tells(session: boto3.Session, stack: str, service: str, what: str) -> Iterator[None]:
    """When AWS tells no more, as credentials have expired, what was started goes on: to start it again is no mend."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        below = list(how_to_go_on(session, stack, service, what))
        why = f"{what[0].lower()}{what[1:]} is followed no longer: {one_line(str(error))}"
        raise DeliveryError(why, below) from None


def usual_seconds(session: boto3.Session, stack: str, service: str, pipeline: Pipeline) -> float | None:
    """How long the last releases took; None where it is not known."""
    with suppress(*EXPECTED):
        last = service_history(session, stack, service).releases[:LAST]
        if took := seconds_of(pipeline, last):
            return statistics.median(took.values())
    return None


def progress(session: boto3.Session, state: ServiceState, now: datetime) -> str:
    """How far the deployment is, and what the load balancer says of the targets; "" when none goes on."""
    words = "; ".join(deployment_words(state, now))
    targets = _targets(session.client("elbv2"), state) if words else ""
    return f"{words}; {targets}" if targets else words


def _targets(elbv2: Any, state: ServiceState) -> str:
    """`2 targets healthy, 1 initial`, in ELB's words; "" where the credentials may not see it."""
    counts = Counter[str]()
    with suppress(ClientError):
        for group in state.target_groups:
            described = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            counts.update(target["TargetHealth"]["State"] for target in described)
    return f"targets: {', '.join(f'{count} {word}' for word, count in sorted(counts.items()))}" if counts else ""


def bar(seconds: float, usual: float | None) -> str:
    """How much of the usual time is over."""
    if not usual:
        return span(seconds)
    full = min(BAR, round(BAR * seconds / usual))
    return f"[{'#' * full}{'.' * (BAR - full)}] {span(seconds)} of usually {span(usual)}"


def leave(session: boto3.Session, stack: str, service: str, what: str, log_progress: Log) -> None:
    """Say how to watch and how to end what goes on; see `how_to_go_on`."""
    for line in how_to_go_on(session, stack, service, what):
        log_progress(line)


def how_to_go_on(session: boto3.Session, stack: str, service: str, what: str) -> Iterator[str]:
    """What somebody is told who does not follow a release any more: how to watch it, and how to end it.

    Args:
        session: AWS.
        stack: the stack.
        service: the service's name in the stack file.
        what: what goes on.
    """
    target = f"{service} --stack {stack}"
    yield f"{what} goes on. Watch it: `{PROGRAM} status {target} --watch`"
    with suppress(*EXPECTED):
        state = read_state(session, stack, service)
        if state.shifting is not None and state.shifting.goes_back:
            return
        if state.shifting is not None:
            yield f"To have it go back: `{PROGRAM} abort {target}`"
        elif state.release is not None:
            number = state.release.release
            yield f"To return to {release_tag(number)} after it: `{PROGRAM} rollback {target} --to {number}`"


def after_failure(
    session: boto3.Session, stack: str, service: str, began: datetime, execution: str = ""
) -> Iterator[str]:
    """What serves after a release that has failed, the end of the failed build's or task's log, and what to do."""
    which = "--since 1h"
    with suppress(*EXPECTED):
        state = read_state(session, stack, service)
        yield _serving(session, stack, state)
        name = aws_name(stack, service)
        if build := _failed_build(session, name, execution):
            which = "--delivery"
            yield from (f"  | {line}" for line in build)
        ecs = session.client("ecs")
        task = stopped_tasks.last_failed(ecs, state.cluster, state.name, migration_family(name), began)
        if task is not None:
            which = "--delivery" if build else f"--task {task['taskArn'].rpartition('/')[2][:8]}"
            yield f"Its last task stopped: {stopped_tasks.why(task)}"
            yield from filter(None, [asked(session, state.cluster, state.name, began)])
            yield from (f"  | {line}" for line in stopped_tasks.log_end(session, task)[-LINES:])
    yield (
        f"All of its log: `{PROGRAM} logs {service} --stack {stack} {which}`. Fix it and release again; "
        f"`{PROGRAM} status {service} --stack {stack}` says what runs."
    )


def _serving(session: boto3.Session, stack: str, state: ServiceState) -> str:
    """What has the traffic."""
    release, found = state.release, images(session, stack, state)
    if state.in_flight:
        may = "so ECS may be about to bring back what ran before"
        return f"{state.in_flight} is still in flight, {may}; {state.how_to_wait(stack)}."
    if found.running is None:
        return "No task runs, so nothing serves."
    if release is not None and found.running == release.image_digest:
        return f"{release_tag(release.release)} still serves."
    return f"{found.running[:19]} serves."


def _failed_build(session: boto3.Session, name: str, execution: str) -> list[str]:
    """The end of what the commands of an execution's failed build have printed; nothing where none has failed."""
    if not execution:
        return []
    failed = [action for action in Pipeline(session, name).actions(execution) if action["status"] == "Failed"]
    lines = [line for action in failed for line in build_log(session, action)]
    return [line for line in lines if line.strip() and not line.startswith((CODEBUILD_LINE, MARK))][-BUILD_LINES:]
