"""What goes on with a service, and what waits for whom, in words."""

from collections.abc import Iterator
from datetime import datetime

from delivery.output.durations import since, span
from delivery.output.who import who
from releases.deployment_progress import shift_words, task_words
from releases.errors import PROGRAM
from releases.pipeline_state import DEPLOY_STAGE
from releases.service_deployments import answers
from releases.service_state import ServiceState, revision_name


def going_on(state: ServiceState, now: datetime) -> list[str]:
    """What changes a service or is about to, with its progress.

    Args:
        state: the service.
        now: the time, in UTC.
    """
    executions = [
        f"execution {each.execution} is in {each.place} {since(each.since, now)}".rstrip()
        for each in state.pipeline.running
        if not each.approval
    ]
    return [*executions, *deployment_words(state, now)]


def deployment_words(state: ServiceState, now: datetime) -> Iterator[str]:
    """How far the deployment of a service is, if one goes on.

    Args:
        state: the service.
        now: the time, in UTC.
    """
    primary, *others = state.deployments
    if state.shifting is not None:
        yield f"deployment of {revision_name(primary.task_definition)}: {shift_words(state.shifting, now)}"
    elif primary.state == "IN_PROGRESS" or any(other.tasks for other in others):
        revision = revision_name(primary.task_definition)
        yield f"deployment of {revision}: {task_words(state.deployments, state.desired)}"


def waits(state: ServiceState, stack: str, now: datetime) -> list[str]:
    """What waits for whom, with the command that ends it.

    Args:
        state: the service.
        stack: the stack.
        now: the time, in UTC.
    """
    return list(_waits(state, stack, now))


def _waits(state: ServiceState, stack: str, now: datetime) -> Iterator[str]:
    target = f"{state.service} --stack {stack}"
    for each in state.pipeline.running:
        if each.approval:
            decide = f"`{PROGRAM} approve {target}` or `{PROGRAM} reject {target}`"
            yield f"execution {each.execution} waits for {decide} {since(each.since, now)}".rstrip()
    if state.shifting is not None and state.shifting.pause:
        yield f"its deployment waits for {answers(stack, state.service)}"
    for queued in state.pipeline.queued:
        ahead = f"{queued.ahead}, which is in {queued.stage}" if queued.ahead else f"{queued.stage} to open"
        yield f"execution {queued.execution} waits for {ahead}"
    for closed in state.pipeline.closed:
        by = f" by {who(closed.by)}" if closed.by else ""
        opens = f"; `{PROGRAM} unfreeze {target}` opens it" if closed.stage == DEPLOY_STAGE else ""
        ago = f" {span((now - closed.since).total_seconds())} ago" if closed.since else ""
        yield f"no release enters {closed.stage}, closed{ago}{by}: {closed.reason}{opens}"
