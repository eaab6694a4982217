"""What keeps `pulumi up` and the pipeline from changing a service at the same time (design rule 9).

`up` looks at all services once, before it starts: one with something in flight keeps its task definition. Hooks look
again right before a service is changed, and follow its deployment.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import boto3
import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from components.naming import Scope
from components.release import replacement_refusal
from delivery import guard
from delivery.errors import DeliveryError, explained
from delivery.record import RecordError
from delivery.services import Controller
from delivery.session import Provider, connect
from delivery.state import ServiceState, look


@dataclass(frozen=True)
class Seen:
    """The stack's services as they are when the program starts.

    Attributes:
        session: AWS, as the provider reaches it.
        states: by name; a service that there is not yet has none.
    """

    session: boto3.Session
    states: Mapping[str, ServiceState]


def look_once(provider: Provider, scope: Scope, services: Sequence[str]) -> Seen:
    """Look at all services, and say which are left alone because something is in flight.

    Raises:
        pulumi.RunError: AWS refuses, or its credentials are another account's; the message says what to do.
    """
    try:
        session = connect(provider, scope.account)
        states = look(session, scope.stack, services)
        for state in states.values():
            if state.in_flight and state.controller == "ECS":
                waiting = f"{state.in_flight} is in flight; its task definition is left alone in this run"
                pulumi.log.warn(f"{state.service}: {waiting}")
            state.check_record()
    except (DeliveryError, RecordError) as error:
        raise pulumi.RunError(str(error)) from None
    except (BotoCoreError, ClientError) as error:
        raise pulumi.RunError(f"the program looks at its services before it changes them: {explained(error)}") from None
    return Seen(session, states)


def end_with(waiting: Sequence[pulumi.Output[str | None]]) -> None:
    """Fail `up` when all else is done, if an edit waits. A preview warns.

    Raises:
        pulumi.RunError: in the program's end; a line for each service.
    """

    def check(lines: list[str | None]) -> None:
        found = [line for line in lines if line]
        if found and pulumi.runtime.is_dry_run():
            pulumi.log.warn("\n".join(found))
        elif found:
            raise pulumi.RunError("\n".join(found))

    pulumi.Output.all(*waiting).apply(check)


def replaced(stack: str, state: ServiceState | None, service: str, wanted: Controller, *, allowed: bool) -> bool:
    """Whether an ECS service is replaced because another controller is wanted; said plainly.

    Raises:
        pulumi.RunError: it may not be replaced, or not now; the message says what to do.
    """
    if state is None or state.controller == wanted:
        return False
    pulumi.log.warn(
        f"{service}: the ECS service {state.name} is replaced, because AWS cannot change the controller of one: a new "
        f"one takes over its image and its {state.desired} task(s), and serves before it goes"
    )
    if refusal := replacement_refusal(stack, state, allowed=allowed):
        raise pulumi.RunError(f"{service}: {refusal}")
    return True


def guards(
    session: boto3.Session, stack: str, state: ServiceState | None, timeout: int
) -> pulumi.ResourceHookBinding | None:
    """The hooks for a service that ECS deploys: refuse to change it at the wrong time, and follow its deployment.

    In a preview nothing is refused: it warns of what `up` would say now.

    Args:
        session: AWS, with the credentials and the region of the provider.
        stack: the Pulumi stack's name.
        state: the service as the program has read it; None when there is none yet, and so nothing to guard.
        timeout: minutes that its deployment may take.
    """
    if state is None or state.controller != "ECS":
        return None

    async def after(args: pulumi.ResourceHookArgs) -> None:
        revision = (args.new_inputs or {})["taskDefinition"]
        await asyncio.to_thread(guard.follow, session, stack, state.service, revision, _teller(), timeout)
        await asyncio.to_thread(guard.confirm, session, stack, state)

    return pulumi.ResourceHookBinding(
        before_update=[_before(session, stack, state)],
        after_update=[pulumi.ResourceHook(f"{state.service}-follow", after)],
    )


def template_guard(session: boto3.Session, stack: str, state: ServiceState | None) -> pulumi.ResourceHookBinding | None:
    """The hook for what CodeDeploy deploys next: refuse it when it would ship with an image that was not released."""
    if state is None or state.controller != "CODE_DEPLOY":
        return None
    return pulumi.ResourceHookBinding(before_update=[_before(session, stack, state)])


def _before(session: boto3.Session, stack: str, state: ServiceState) -> pulumi.ResourceHook:
    async def before(_: pulumi.ResourceHookArgs) -> None:
        refusal = await asyncio.to_thread(guard.check, session, stack, state)
        if refusal and pulumi.runtime.is_dry_run():
            pulumi.log.warn(f"{state.service}: {refusal}")
        elif refusal:
            raise DeliveryError(f"{state.service} is left as it is: {refusal}")

    return pulumi.ResourceHook(f"{state.service}-guard", before, pulumi.ResourceHookOptions(on_dry_run=True))


def take_over(session: boto3.Session, stack: str, service: str, timeout: int) -> pulumi.ResourceHookBinding:
    """The hook for a service that replaces another: it serves, within `timeout` minutes, before the other one goes."""

    async def after(_: pulumi.ResourceHookArgs) -> None:
        await asyncio.to_thread(guard.serve, session, stack, service, _teller(), timeout)

    return pulumi.ResourceHookBinding(after_create=[pulumi.ResourceHook(f"{service}-take-over", after)])


def _teller() -> Callable[[str], None]:
    """Tells progress from another thread."""
    loop = asyncio.get_running_loop()

    def tell(progress: str) -> None:
        loop.call_soon_threadsafe(lambda: pulumi.log.info(progress, ephemeral=True))

    return tell
