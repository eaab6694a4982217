"""Which task definition a service runs: Pulumi's own revision, or the one that the pipeline released."""

from typing import TypeVar

import pulumi

from components.service.route_names import OTHER_GROUP
from releases.errors import PROGRAM
from releases.service_state import ServiceState, Settings

Arn = TypeVar("Arn", str, pulumi.Output[str])


def task_definition(state: ServiceState | None, fingerprint: str, declared_arn: Arn) -> str | Arn:
    """The task definition for the service; the one it has while something is in flight (rule `update guards`)."""
    if state is not None and state.in_flight:
        return state.task_definition
    return released_or_declared(state, fingerprint, declared_arn)


def released_or_declared(state: ServiceState | None, fingerprint: str, declared_arn: Arn) -> str | Arn:
    """The task definition for the service (rule `template fingerprint` of docs/explanation/delivery-contract.md).

    The released revision when it was made of the program's template: then it differs from Pulumi's own in the
    image only, which is the pipeline's to choose. Else Pulumi's own, whose image is `:live`: so an edit ships
    with the image that runs. Unlike `max(own, newest)` this neither loses an edit that was registered but
    never deployed nor picks up a revision that failed. Before the first release, whatever revision of the
    program's template the service has is left to it.

    Args:
        state: the service as it is; None when there is none yet.
        fingerprint: the fingerprint of the program's template.
        declared_arn: the revision that Pulumi registered; a preview does not know that of an edit.

    Raises:
        RecordError: the release record is none.
    """
    if state is None:
        return declared_arn
    if state.release is None:
        return state.task_definition if state.fingerprint == fingerprint else declared_arn
    return state.release.task_definition if state.release.template_fingerprint == fingerprint else declared_arn


def force_new_deployment(now: Settings | None, wanted: Settings) -> bool | None:
    """Whether the update of a service is told to start a new deployment; None leaves it as the last update was told.

    Another capacity provider is refused without a new deployment, by ECS and by the provider's plan; ECS Exec reaches
    new tasks only. `force_new_deployment` set for good would deploy at every change that needs none, such as an
    alarm's; taken back by the next run, it would be a change of its own with nothing edited.

    Args:
        now: what the service has; None when there is none yet.
        wanted: what the program declares.
    """
    if now == wanted:
        return None
    return now is not None and (now.capacity_providers, now.execute_command) != (
        wanted.capacity_providers,
        wanted.execute_command,
    )


def waiting(stack: str, state: ServiceState | None, fingerprint: str, *, to_the_end: bool = True) -> str | None:
    """Why the program's template does not run for good yet, and what to do; None when it does.

    It waits when something else is being deployed, and when ECS may still go back to something else. A release of an
    edit that has been deployed before does neither. What pauses is nobody's to wait for: it goes on or back when
    somebody has answered, and then the next run tells whether it stands.

    Args:
        stack: the Pulumi stack's name.
        state: the service as it is; None when there is none yet.
        fingerprint: the fingerprint of the program's template.
        to_the_end: whether a run follows its deployment to the end, where that does not pause.
    """
    if state is None or not state.in_flight:
        return None
    if state.fingerprint == fingerprint and (
        _goes_on_by_itself(state, to_the_end) or not _may_be_lost(state, fingerprint)
    ):
        return None
    return (
        f"{state.service}: what is declared does not run yet or may still be rolled back, because "
        f"{state.in_flight} is in flight; {state.how_to_wait(stack)}, then run this again"
    )


def not_deployed(stack: str, state: ServiceState | None, fingerprint: str) -> str | None:
    """Why the program's template does not run under CodeDeploy, and what to do; None when it does, or soon will.

    A template that this run writes starts the pipeline. One that was there before has been tried: the pipeline is
    still at it, or it has failed and is not tried again by itself (rule `deployed template`).
    """
    if state is None or state.template is None or state.release is None:
        return None
    template = state.template
    if template.fingerprint != fingerprint or state.release.template_fingerprint == fingerprint:
        return None
    if template.running:
        return (
            f"{state.service}: what is declared does not run yet, because execution {template.execution} of the "
            f"pipeline goes on; follow it with `{PROGRAM} status {state.service} --stack {stack}`, then run this again"
        )
    command = f"`{PROGRAM} redeploy {state.service} --stack {stack}`"
    if template.execution is None:
        return (
            f"{state.service}: what is declared does not run, and no execution of the pipeline has begun since it was "
            f"written; run this again in a minute, or deploy it with {command}"
        )
    return (
        f"{state.service}: what is declared does not run, because its deployment has failed: execution "
        f"{template.execution} {template.reason}; change the template, or try it again with {command}"
    )


def replacement_refusal(stack: str, state: ServiceState, *, allowed: bool) -> str | None:
    """Why an ECS service is not replaced by one with another controller, and what to do; None when it may be.

    The new one's tasks join the first target group, so the traffic has to be there.
    """
    if not allowed:
        return (
            "that is refused unless the stack file says deploy.replace: true, beside the strategy; remove it again "
            "when it is done"
        )
    if state.in_flight:
        return f"{state.in_flight} is in flight; wait until it is over, then run this again"
    if state.alternates:
        return (
            "ECS may have its traffic on the second target group, where the new one's tasks would not be; declare "
            "another service with the new strategy, and give it the route when it is released"
        )
    if any(f"/{state.service}{OTHER_GROUP}-" in group for group in state.target_groups):
        return (
            "its traffic is on the second target group; deploy once more, which shifts it back, with "
            f"`{PROGRAM} redeploy {state.service} --stack {stack}`, then run this again"
        )
    return None


def _goes_on_by_itself(state: ServiceState, to_the_end: bool) -> bool:
    shifting = state.shifting
    return shifting is not None and not shifting.goes_back and (bool(shifting.pause) or not to_the_end)


def _may_be_lost(state: ServiceState, fingerprint: str) -> bool:
    """Whether ECS, when it rolls back what is being deployed, would run another template.

    It goes back to what completed last. That is listed as long as it has tasks; afterwards, of what runs in its bake
    time alone, the record tells at best what was released.
    """
    release, (primary, *others) = state.release, state.deployments
    if release is None or primary.state == "COMPLETED":
        return False
    completed = [other for other in others if other.state == "COMPLETED"]
    if primary.state == "IN_PROGRESS" and completed:
        return any(other.fingerprint != fingerprint for other in completed)
    if release.template_fingerprint != fingerprint:
        return True
    others = [other for other in others if other.state != "FAILED"]
    return primary.state == "IN_PROGRESS" and (
        primary.task_definition == release.task_definition
        or any(other.task_definition != release.task_definition for other in others)
    )
