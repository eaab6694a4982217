"""What keeps `pulumi up` and the pipeline from changing a service at the same time (design rule 9).

`up` looks at all services once, before it starts: one with something in flight keeps its task definition. Hooks look
again right before a service is changed, and follow its deployment.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import boto3
import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from components.naming import Scope
from delivery import guard
from delivery.errors import DeliveryError, explained
from delivery.record import RecordError
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
            if state.in_flight:
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


def guards(session: boto3.Session, stack: str, state: ServiceState | None) -> pulumi.ResourceHookBinding | None:
    """The hooks for an `aws.ecs.Service`: refuse to change it at the wrong time, and follow its deployment.

    In a preview nothing is refused: it warns of what `up` would say now.

    Args:
        session: AWS, with the credentials and the region of the provider.
        stack: the Pulumi stack's name.
        state: the service as the program has read it; None when there is none yet, and so nothing to guard.
    """
    if state is None:
        return None

    async def before(_: pulumi.ResourceHookArgs) -> None:
        refusal = await asyncio.to_thread(guard.check, session, stack, state)
        if refusal and pulumi.runtime.is_dry_run():
            pulumi.log.warn(f"{state.service}: {refusal}")
        elif refusal:
            raise DeliveryError(f"{state.service} is left as it is: {refusal}")

    async def after(args: pulumi.ResourceHookArgs) -> None:
        revision = (args.new_inputs or {})["taskDefinition"]
        loop = asyncio.get_running_loop()

        def tell(progress: str) -> None:
            loop.call_soon_threadsafe(lambda: pulumi.log.info(progress, ephemeral=True))

        await asyncio.to_thread(guard.follow, session, stack, state.service, revision, tell)
        await asyncio.to_thread(guard.confirm, session, stack, state)

    return pulumi.ResourceHookBinding(
        before_update=[
            pulumi.ResourceHook(f"{state.service}-guard", before, pulumi.ResourceHookOptions(on_dry_run=True))
        ],
        after_update=[pulumi.ResourceHook(f"{state.service}-follow", after)],
    )
