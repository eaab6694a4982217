"""A change of what the load balancer speaks with a service's tasks, which is refused while the service is up.

A target group keeps its protocol (ELB: ModifyTargetGroup takes none), so there would be another one, and the rule would
forward to it before any task is in it.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import boto3
import pulumi

from components.looks import looking_at
from components.service.routing import Protocol
from releases.ecs import AT_ONCE
from releases.service_state import ServiceState


def check_protocols(session: boto3.Session, states: Mapping[str, ServiceState], wanted: Mapping[str, Protocol]) -> None:
    """Look at what is spoken with the services that are up.

    Args:
        session: AWS, as the provider reaches it.
        states: the services as they are, by name.
        wanted: what is declared of those that have routes.

    Raises:
        pulumi.RunError: another protocol is declared for one; the message says what to do. Or AWS refuses to tell.
    """
    with looking_at("its target groups before it changes them"):
        spoken = read_protocols(session, [state for name, state in states.items() if name in wanted])
    refusals = [
        f"{name}: {refusal}"
        for name, protocol in wanted.items()
        if name in spoken and (refusal := protocol_refusal(states[name], spoken[name], protocol))
    ]
    if refusals:
        raise pulumi.RunError("\n".join(refusals))


def read_protocols(session: boto3.Session, states: Iterable[ServiceState]) -> dict[str, str]:
    """What is spoken with the tasks of each service that is in a target group.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    elbv2 = session.client("elbv2")

    def spoken(state: ServiceState) -> str | None:
        try:
            groups = elbv2.describe_target_groups(TargetGroupArns=list(state.target_groups))["TargetGroups"]
        except elbv2.exceptions.TargetGroupNotFoundException:
            return None  # somebody has deleted it: no task is reached by it any more
        return next((group.get("ProtocolVersion", "HTTP1").lower() for group in groups), None)

    routed = [state for state in states if state.target_groups]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = zip(routed, pool.map(spoken, routed), strict=True)
        return {state.service: protocol for state, protocol in found if protocol is not None}


def protocol_refusal(state: ServiceState, spoken: str, wanted: Protocol) -> str | None:
    """Why a service does not get another protocol, and what to do; None when it may, or has it.

    Args:
        state: the service as it is.
        spoken: what the load balancer speaks with its tasks.
        wanted: what is declared.

    Raises:
        RecordError: the release record is none.
    """
    if spoken == wanted or (state.release is None and not state.desired):
        return None
    return (
        f"protocol {wanted} instead of {spoken} is refused, because it is another target group, which no task is in "
        "until its deployment has ended, and every request would fail; declare another service with it, and give that "
        f"one the routes when it is released, or say protocol: {spoken} again"
    )
