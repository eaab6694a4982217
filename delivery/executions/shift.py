"""The deployment in which ECS shifts a service's traffic: how far it is, and how to answer or end it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Literal

import boto3
import click
from botocore.exceptions import ClientError

from delivery.command_line import Address, service_command, wait_option
from delivery.executions.following import follow, follow_deployment, leave
from delivery.output.confirmation import UNCHANGED, agreed, yes_option
from delivery.services.listener_rules import hosts
from releases import service_deployments
from releases.deployment_progress import minutes_left, shift_words
from releases.errors import PROGRAM, DeliveryError
from releases.progress import Log
from releases.service_deployments import ServiceDeployment
from releases.service_state import ServiceState, read_state, revision_name

Verb = Literal["continue", "abort"]


@dataclass(frozen=True)
class Shift:
    """How far a deployment is in which ECS shifts a service's traffic.

    Attributes:
        deployment: its ARN.
        status: ECS's, such as `IN_PROGRESS` or `ROLLBACK_IN_PROGRESS`.
        stage: where in its life it is, such as `BAKE_TIME`; "" when ECS says nothing of it.
        percent: of the traffic, that its tasks have.
        waits_in: `pause`, `bake` or `step` (between two steps of the shift); "" when it waits in none.
        minutes_left: of that; None when it waits in none.
        words: all of it, for people.
        test_address: where its tasks answer before they have traffic; None without a test port.
    """

    deployment: str
    status: str
    stage: str
    percent: float
    waits_in: str
    minutes_left: int | None
    words: str
    test_address: str | None

    def lines(self) -> list[tuple[str, str]]:
        """For people: label and text."""
        return [
            ("shift", self.words),
            *([("test port", self.test_address)] if self.test_address else []),
        ]


def shift(
    session: boto3.Session, state: ServiceState, service: dict[str, Any], address: Address, now: datetime
) -> Shift | None:
    """How far ECS is with shifting a service's traffic; None when it does not.

    Args:
        session: AWS.
        state: the service.
        service: as DescribeServices has it.
        address: what opens a port of a host.
        now: the time, in UTC.
    """
    deployment = state.shifting
    if deployment is None:
        return None
    return Shift(
        deployment=deployment.arn,
        status=deployment.status,
        stage=deployment.stage,
        percent=deployment.share,
        waits_in=deployment.waits_in,
        minutes_left=minutes_left(deployment, now),
        words=shift_words(deployment, now),
        test_address=_test_address(session.client("elbv2"), service, address),
    )


def _test_address(elbv2: Any, service: dict[str, Any], address: Address) -> str | None:
    """Where the load balancer shows new tasks; None where it does not, or the credentials may not see it."""
    advanced = [each.get("advancedConfiguration", {}) for each in service.get("loadBalancers", [])]
    arn = next((each["testListenerRule"] for each in advanced if each.get("testListenerRule")), None)
    if arn is None:
        return None
    listener_arn = arn.rpartition("/")[0].replace(":listener-rule/", ":listener/")
    try:
        (rule,) = elbv2.describe_rules(RuleArns=[arn])["Rules"]
        (listener,) = elbv2.describe_listeners(ListenerArns=[listener_arn])["Listeners"]
    except ClientError:
        return None
    leading = hosts(rule)
    return address(listener["Protocol"].lower(), leading[0], listener["Port"]) if leading else None


def _way_back(state: ServiceState) -> str:
    """How the release that was live before is deployed again, after what is in flight."""
    if state.release is None:
        return ""
    return (
        f"; `{PROGRAM} rollback {state.service} --to {state.release.release}` deploys the last release again after it"
    )


def shifting(state: ServiceState) -> ServiceDeployment:
    """The deployment in which ECS shifts a service's traffic.

    Raises:
        DeliveryError: there is none; the message says what goes on instead.
    """
    if state.shifting is None:
        going_on = f"{state.in_flight} is in flight{_way_back(state)}" if state.in_flight else "nothing is in flight"
        raise DeliveryError(f"ECS does not shift the traffic of {state.service}: {going_on}")
    return state.shifting


def _serving(state: ServiceState) -> str:
    """What has the traffic beside what is deployed."""
    others = [each for each in state.deployments[1:] if each.running]
    return f"{revision_name(others[0].task_definition)} serves" if others else "Nothing serves"


def going_on(state: ServiceState) -> str:
    """What `go_on` makes of a service's deployment, in words.

    Raises:
        DeliveryError: there is none, or it does not wait for an answer.
    """
    deployment = shifting(state)
    if not deployment.pause:
        raise DeliveryError(f"the deployment of {state.service} does not wait for an answer; it is {deployment.words}")
    return f"goes on: {deployment.shift}. {_serving(state)} until then"


def going_back(state: ServiceState) -> str:
    """What `go_back` makes of a service's deployment, in words.

    Raises:
        DeliveryError: there is none, or it goes back already.
    """
    deployment = shifting(state)
    if deployment.goes_back:
        raise DeliveryError(f"the deployment of {state.service} already rolls back; it is {deployment.words}")
    if deployment.share:
        share = f"with its {deployment.share:g} % of the traffic"
        return f"goes back, as a failed one, {share}. {_serving(state)} all of it then"
    return f"goes back, as a failed one. {_serving(state)} as before"


def go_on(ecs: Any, state: ServiceState) -> None:
    """Let a deployment go on that waits, whether for its answer or not.

    Raises:
        DeliveryError: it does not wait for an answer.
        botocore.exceptions.ClientError: AWS refuses.
    """
    going_on(state)
    _answer(ecs, shifting(state), "CONTINUE")


def go_back(ecs: Any, state: ServiceState) -> None:
    """Have a deployment go back, whether it waits or not.

    Raises:
        DeliveryError: it goes back already, or has ended meanwhile.
        botocore.exceptions.ClientError: AWS refuses.
    """
    going_back(state)
    deployment = shifting(state)
    if deployment.pause:
        _answer(ecs, deployment, "ROLLBACK")
    elif not service_deployments.roll_back(ecs, deployment.arn):
        raise DeliveryError(
            f"ECS does not roll back, because the deployment of {state.service} has ended meanwhile; "
            f"`{PROGRAM} status` says what runs{_way_back(state)}"
        )


def _answer(ecs: Any, deployment: ServiceDeployment, action: str) -> None:
    ecs.continue_service_deployment(serviceDeploymentArn=deployment.arn, hookId=deployment.pause, action=action)


ANSWERS: Mapping[Verb, tuple[str, Callable[[ServiceState], str], Callable[[Any, ServiceState], None]]] = {
    "continue": ("Let it go on?", going_on, go_on),
    "abort": ("Have it go back?", going_back, go_back),
}
"""Verb → the question, what will happen, and what is done."""


@dataclass(frozen=True)
class Answer:
    """What a deployment is about to be told in which ECS shifts a service's traffic.

    Attributes:
        verb: what it is told.
        deployment: its ARN.
        state: the service.
        will: what will happen, in a line.
    """

    verb: Verb
    deployment: str
    state: ServiceState = field(compare=False)  # the traffic shifts while somebody thinks
    will: str = field(compare=False)

    def lines(self) -> list[str]:
        """What will happen, for people."""
        return [self.will]


def answer(session: boto3.Session, stack: str, service: str, verb: Verb) -> Answer:
    """What the deployment of a service would be told now.

    Raises:
        DeliveryError: there is none, or it cannot be told that.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    state = read_state(session, stack, service)
    will, deployment = ANSWERS[verb][1](state), shifting(state)
    primary = state.deployments[0]
    return Answer(
        verb,
        deployment.arn,
        state,
        f"Deployment {primary.id} of {revision_name(primary.task_definition)}, which is at "
        f"{deployment.stage or deployment.status}, {will}.",
    )


def tell(session: boto3.Session, stack: str, chosen: Answer, log_progress: Log, *, wait: bool) -> None:
    """Tell a deployment what was agreed, and follow it when asked.

    Raises:
        DeliveryError: it has ended meanwhile, though another one may have begun; or otherwise than it was told.
        KeyboardInterrupt: somebody does not want to follow it any more, and was told how to go on.
    """
    service = chosen.state.service
    now = read_state(session, stack, service)
    if now.shifting is None or now.shifting.arn != chosen.deployment:
        raise DeliveryError(
            f"{UNCHANGED}, because the deployment of {service} that was shown has ended; "
            f"`{PROGRAM} status {service} --stack {stack}` says what runs"
        )
    ANSWERS[chosen.verb][2](session.client("ecs"), now)
    if wait:
        _follow(session, stack, chosen, log_progress)
    elif chosen.verb == "abort":
        log_progress(f"It goes back. Watch it: `{PROGRAM} status {service} --stack {stack} --watch`")
    else:
        leave(session, stack, service, f"Deployment {chosen.state.deployments[0].id}", log_progress)


def _follow(session: boto3.Session, stack: str, chosen: Answer, log_progress: Log) -> None:
    """Follow a deployment that was told something to its end, and a release that goes on with its pipeline."""
    before = chosen.state
    if chosen.verb == "continue" and before.execution:
        follow(session, stack, before.service, before.execution, log_progress)
        return

    def judge(after: ServiceState) -> str:
        primary, revision = after.deployments[0], revision_name(before.task_definition)
        same = after.task_definition == before.task_definition and primary.state != "FAILED" and primary.running > 0
        if same and chosen.verb == "abort":
            again = f"`{PROGRAM} rollback {before.service} --stack {stack}` deploys the previous release"
            raise DeliveryError(f"{revision} was not rolled back, and serves; {again}")
        if not same and chosen.verb == "continue":
            raise DeliveryError(f"{revision} does not serve: ECS has rolled back to what ran before")
        return f"{revision_name(after.task_definition)} serves alone." if primary.running else "No task runs."

    follow_deployment(session, stack, read_state(session, stack, before.service), log_progress, judge)


def shift_command(verb: Verb, help_text: str) -> click.Command:
    """The command that answers or ends what ECS deploys."""

    @service_command(verb, help=help_text)
    @yes_option
    @wait_option
    def command(session: boto3.Session, service: str, stack: str, yes: bool, wait: bool) -> None:
        look = partial(answer, session, stack, service, verb)
        tell(session, stack, agreed(look, ANSWERS[verb][0], yes=yes), click.echo, wait=wait)

    return command
