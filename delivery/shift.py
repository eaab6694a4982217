"""The deployment in which ECS shifts a service's traffic: how far it is, and how to answer or end it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import boto3
import click
from botocore.exceptions import ClientError

from delivery.command_line import Address, service_command
from delivery.listener_rules import hosts
from releases import service_deployments
from releases.deployment_progress import minutes_left, shift_words
from releases.errors import PROGRAM, DeliveryError
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


def go_on(ecs: Any, state: ServiceState) -> str:
    """Let a deployment go on that waits; what goes on now, and what serves.

    Raises:
        DeliveryError: it waits for nobody.
        botocore.exceptions.ClientError: AWS refuses.
    """
    deployment = shifting(state)
    if not deployment.pause:
        raise DeliveryError(f"the deployment of {state.service} waits for nobody; it is {deployment.words}")
    ecs.continue_service_deployment(serviceDeploymentArn=deployment.arn, hookId=deployment.pause, action="CONTINUE")
    return f"goes on: {deployment.shift}. {_serving(state)} until then"


def go_back(ecs: Any, state: ServiceState) -> str:
    """Have a deployment go back, whether it waits or not; what goes on now, and what serves.

    Raises:
        DeliveryError: it goes back already, or has ended meanwhile.
        botocore.exceptions.ClientError: AWS refuses.
    """
    deployment = shifting(state)
    if deployment.goes_back:
        raise DeliveryError(f"the deployment of {state.service} goes back already; it is {deployment.words}")
    if deployment.pause:
        ecs.continue_service_deployment(serviceDeploymentArn=deployment.arn, hookId=deployment.pause, action="ROLLBACK")
    elif not service_deployments.roll_back(ecs, deployment.arn):
        raise DeliveryError(
            f"ECS does not go back: the deployment of {state.service} has ended meanwhile; "
            f"`{PROGRAM} status` says what runs{_way_back(state)}"
        )
    back = "goes back, as a failed one"
    if deployment.share:
        return f"{back}, with its {deployment.share:g} % of the traffic. {_serving(state)} all of it then"
    return f"{back}. {_serving(state)} as before"


def _serving(state: ServiceState) -> str:
    """What has the traffic beside what is deployed."""
    others = [each for each in state.deployments[1:] if each.running]
    return f"{revision_name(others[0].task_definition)} serves" if others else "Nothing serves"


ANSWERS: dict[Verb, Callable[[Any, ServiceState], str]] = {"continue": go_on, "abort": go_back}


def shift_command(verb: Verb, help_text: str) -> click.Command:
    """The command that answers or ends what ECS deploys."""

    @service_command(verb, help=help_text)
    def command(session: boto3.Session, service: str, stack: str) -> None:
        state = read_state(session, stack, service)
        goes_on = ANSWERS[verb](session.client("ecs"), state)
        primary = state.deployments[0]
        click.echo(
            f"Deployment {primary.id} of {revision_name(primary.task_definition)}, which was at "
            f"{shifting(state).stage or shifting(state).status}, {goes_on}.\n"
            f"`{PROGRAM} status {service} --stack {stack}` says how far it is."
        )

    return command
