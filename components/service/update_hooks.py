"""What keeps `pulumi up` and the pipeline from changing a service at the same time (rule `update guards`).

`up` looks at all services once, before it starts: one with something in flight keeps its task definition. Hooks look
again right before a service is changed, and follow its deployment.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import boto3
import pulumi

from components.looks import looking_at
from components.scope import Scope
from components.service.revision import replacement_refusal
from components.service.routing import NOT_STICKY
from components.service.running_reads import RunningReads
from components.service.strategies.strategy import Strategy
from releases import service_deployments, update_guard, waiting
from releases.aws_session import Provider, connect
from releases.controllers.controller import Controller
from releases.ecs import STARTS_A_DEPLOYMENT
from releases.errors import DeliveryError, ReleaseError
from releases.service_state import ServiceState, read_states

T = TypeVar("T")
Reason = Callable[[ServiceState | None], str | None]
"""Why an edit of a service waits, by the service's state; None when it need not."""
SECONDS_BETWEEN_LINES, SECONDS_BETWEEN_CHANGES = 60.0, 15.0
_THREADS = ThreadPoolExecutor(256, "guard")
"""One for each service that is waited for; they are made when they are needed."""


@dataclass(frozen=True)
class Snapshot:
    """The stack's services as they are when the program starts, or when what was in flight is over.

    Attributes:
        session: AWS, as the provider reaches it.
        states: by name; a service that there is not yet has none.
        minutes: for how long an edit waits for what is in flight; 0 does not.
    """

    session: boto3.Session
    states: dict[str, ServiceState]
    minutes: float = 0

    async def settled(self, stack: str, service: str, why: Reason) -> ServiceState | None:
        """A service when nothing is in flight that an edit of it waits for.

        Args:
            stack: the Pulumi stack's name.
            service: its name.
            why: the edit's reason to wait, None when it has none.
        """
        state = self.states.get(service)
        if state is None or not self.minutes or pulumi.runtime.is_dry_run() or why(state) is None:
            return state

        def busy(now: ServiceState) -> bool:
            # A template is never in flight for long: an edit that failed there is not waited for.
            running = now.template.running if now.template else bool(now.in_flight)
            return running and why(now) is not None

        what = state.in_flight or "its pipeline"
        pulumi.log.info(f"{service}: its edit waits for {what}, at most {self.minutes:g} minutes")
        now = await _in_thread(
            waiting.wait_while_busy, self.session, stack, state, busy, _progress_logger(), self.minutes
        )
        if now is not None:
            self.states[service] = now
        return now


def read_service_states(provider: Provider, scope: Scope, services: Sequence[str]) -> Snapshot:
    """Look at all services, and say which are left alone because something is in flight.

    Raises:
        pulumi.RunError: AWS refuses, or its credentials are another account's; the message says what to do.
    """
    minutes = waiting.minutes()
    try:
        with looking_at("its services before it changes them"):
            session = connect(provider, scope.account)
            states = read_states(session, scope.stack, services)
        for state in states.values():
            if state.blocks_up and not minutes:
                left = f"{state.blocks_up} is in flight; its task definition is left alone in this run"
                if state.shifting is not None:
                    left = f"{left}; {state.shifting.how_to_wait(scope.stack, state.service)}"
                pulumi.log.warn(f"{state.service}: {left}")
            state.check_record()
    except ReleaseError as error:
        raise pulumi.RunError(str(error)) from None
    return Snapshot(session, states, minutes)


def fail_if_pending(reasons: Sequence[pulumi.Output[str | None]]) -> None:
    """Fail `up` when all else is done, if an edit waits. A preview warns.

    Raises:
        pulumi.RunError: in the program's end; a line for each service.
    """

    def check(lines: list[str | None]) -> None:
        pending = [line for line in lines if line]
        if pending and pulumi.runtime.is_dry_run():
            pulumi.log.warn("\n".join(pending))
        elif pending:
            raise pulumi.RunError("\n".join(pending))

    pulumi.Output.all(*reasons).apply(check)


def check_controller_change(
    stack: str, state: ServiceState | None, service: str, wanted: Controller, *, allowed: bool
) -> bool:
    """Whether an ECS service is replaced, with a warning, because another controller is wanted.

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


def say_strategy_change(state: ServiceState | None, service: str, wanted: Strategy) -> None:
    """Say that ECS deploys a service another way from now on, for which nothing is replaced."""
    if state is None or state.controller != wanted.controller or wanted.controller.deploys_template:
        return
    before, now = state.strategy.lower(), wanted.strategy if wanted.shifts else "rolling"
    if before == now:
        return
    if now == "rolling":
        beside = "it keeps its second target group, where its tasks may be, and the role that ECS shifts traffic with"
    elif state.alternates:
        beside = "it has the second target group, and the role that ECS shifts traffic with"
    else:
        beside = "its route gets a second target group, and the service a role that ECS shifts traffic with"
    pulumi.log.info(
        f"{service}: {wanted.strategy} deployments by ECS instead of {before}: an update of the ECS service "
        f"{state.name} that replaces nothing; {beside}"
    )


def check_stickiness(state: ServiceState | None, service: str, wanted: Strategy) -> None:
    """Stop where a service is to be sticky that rolls now, and keeps the second target group of another strategy.

    Raises:
        pulumi.RunError: it has one; the message says what to do.
    """
    if state is not None and state.alternates and state.controller == wanted.controller:
        raise pulumi.RunError(
            f"{service}: stickiness is refused for a service that has had a strategy which shifts traffic, "
            f"{NOT_STICKY}; declare another service with it, and give that one the routes when it is released"
        )


@dataclass(frozen=True)
class UpdateHooks:
    """What guards a service against a change at the wrong time.

    Attributes:
        service: the hooks of the ECS service.
        template: those of the template that is deployed.
    """

    service: pulumi.ResourceHookBinding | None = None
    template: pulumi.ResourceHookBinding | None = None


@dataclass(frozen=True)
class CurrentService:
    """A service as it is before this run, and the resource hooks that guard a change of it.

    Attributes:
        state: what AWS says of it; None when there is none yet.
        settled: its state once nothing is in flight that an edit waits for; None does not wait.
        hooks: of the ECS service, or of the template that is deployed.
        rule_hooks: of its listener rules.
    """

    state: ServiceState | None = None
    settled: Callable[[Reason], Awaitable[ServiceState | None]] | None = None
    hooks: UpdateHooks = UpdateHooks()
    rule_hooks: pulumi.ResourceHookBinding | None = None

    def reads(self, scope: Scope, service: str, granted: Set[str]) -> RunningReads:
        """What the revisions read that run (`RunningReads.of`)."""
        return RunningReads.of(self.state.revisions if self.state is not None else (), scope, service, granted)

    def is_replaced(self, controller: Controller) -> bool:
        """Whether the ECS service is replaced, because another controller is declared."""
        return self.state is not None and self.state.controller != controller

    def shifts_by_ecs(self, strategy: Strategy) -> bool:
        """Whether ECS can shift the service's traffic: by its strategy, or by one that it had.

        A rolling service keeps the second target group, which its tasks may be in, and the weights (ECS, update from
        blue/green to rolling: the load balancer's configuration is kept).
        """
        if strategy.controller.deploys_template:
            return False
        return strategy.shifts or (
            self.state is not None and not self.is_replaced(strategy.controller) and self.state.shifts
        )


def current_service(
    snapshot: Snapshot, stack: str, service: str, strategy: Strategy, rule_hooks: pulumi.ResourceHookBinding
) -> CurrentService:
    """A service of those that were read when the program started.

    Args:
        snapshot: all services.
        stack: the Pulumi stack's name.
        service: the service's name.
        strategy: how it is deployed from now on.
        rule_hooks: of all listener rules of the stack.
    """
    state = snapshot.states.get(service)
    if CurrentService(state).is_replaced(strategy.controller):
        hooks = UpdateHooks(service=replacement_hooks(snapshot.session, stack, service, strategy.up_minutes))
    else:
        hooks = update_hooks(snapshot, stack, service, strategy.up_minutes, strategy.follow_minutes)
    return CurrentService(state, partial(snapshot.settled, stack, service), hooks, rule_hooks)


def update_hooks(snapshot: Snapshot, stack: str, service: str, timeout: int, follow: int | None = None) -> UpdateHooks:
    """The hooks that refuse a change at the wrong time, and that follow the deployment which a change starts.

    They are those of the ECS service; where a template is deployed, of the template, which is refused when it would
    ship with an image that was not released. In a preview nothing is refused: it warns of what `up` would say now.

    Args:
        snapshot: the services as the program has read them. One that there is not yet has nothing to guard.
        stack: the Pulumi stack's name.
        service: its name.
        timeout: minutes that its deployment may take.
        follow: minutes for which it is followed; None to its end, or until it pauses.
    """
    state = snapshot.states.get(service)
    if state is None:
        return UpdateHooks()
    if state.controller.deploys_template:
        return UpdateHooks(
            template=pulumi.ResourceHookBinding(before_update=[_before(snapshot, stack, service, follow)])
        )

    async def after(args: pulumi.ResourceHookArgs) -> None:
        revision = (args.new_inputs or {})["taskDefinition"]
        session, tell = snapshot.session, _progress_logger()
        followed = await _in_thread(
            update_guard.follow_deployment, session, stack, service, revision, tell, timeout, follow
        )
        if followed.goes_on:
            pulumi.log.info(followed.goes_on)
        await _in_thread(
            update_guard.check_release_stands, session, stack, snapshot.states[service], taken_over=followed.taken_over
        )

    return UpdateHooks(
        service=pulumi.ResourceHookBinding(
            before_update=[_before(snapshot, stack, service, follow)],
            after_update=[pulumi.ResourceHook(f"{service}-follow", after)],
        )
    )


def pause_minutes(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """For how long the deployment pauses that an update of a service starts; None when it does not, or there is none.

    Args:
        old: the service's inputs before the update.
        new: those after it.
    """
    if not new.get("forceNewDeployment") and all(old.get(name) == new.get(name) for name in STARTS_A_DEPLOYMENT):
        return None
    hooks = (new.get("deploymentConfiguration") or {}).get("lifecycleHooks") or []
    pauses = [each["timeoutConfiguration"]["timeoutInMinutes"] for each in hooks if each["targetType"] == "PAUSE"]
    return str(pauses[0]) if pauses else None


def _before(snapshot: Snapshot, stack: str, service: str, follow: int | None) -> pulumi.ResourceHook:
    async def before(args: pulumi.ResourceHookArgs) -> None:
        preview = pulumi.runtime.is_dry_run()
        wanted = (args.new_inputs or {}).get("taskDefinition")
        minutes = 0 if preview else snapshot.minutes
        refusal = await _in_thread(
            update_guard.check, snapshot.session, stack, snapshot.states[service], wanted, _progress_logger(), minutes
        )
        if refusal and preview:
            pulumi.log.warn(f"{service}: {refusal}")
        elif refusal:
            raise DeliveryError(f"{service} is left as it is: {refusal}")
        elif pauses := pause_minutes(args.old_inputs or {}, args.new_inputs or {}):
            pulumi.log.info(
                f"{service}: its deployment pauses with its new tasks on the test port, for {pauses} minutes at most, "
                f"until {service_deployments.answers(stack, service)}; without an answer it goes back. "
                + (f"`up` follows it for {follow} minutes" if follow is not None else "`up` ends when it pauses")
            )
        state, deployment = snapshot.states[service], (args.new_inputs or {}).get("deploymentConfiguration") or {}
        if state.alternates and not deployment.get("lifecycleHooks") and not preview:
            ecs = snapshot.session.client("ecs")
            await _in_thread(service_deployments.drop_hooks, ecs, state.cluster, state.name)

    return pulumi.ResourceHook(f"{service}-guard", before, pulumi.ResourceHookOptions(on_dry_run=True))


def replacement_hooks(session: boto3.Session, stack: str, service: str, timeout: int) -> pulumi.ResourceHookBinding:
    """The hook for a service that replaces another: it serves, within `timeout` minutes, before the other one goes."""

    async def after(_: pulumi.ResourceHookArgs) -> None:
        await _in_thread(update_guard.wait_until_serving, session, stack, service, _progress_logger(), timeout)

    return pulumi.ResourceHookBinding(after_create=[pulumi.ResourceHook(f"{service}-take-over", after)])


async def _in_thread(work: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Run what waits for AWS beside everything else.

    `asyncio.to_thread` has six threads on a machine of two cores: with thirty services, the others would wait for one
    without a word, while ECS has long done what they are to follow.
    """
    return await asyncio.get_running_loop().run_in_executor(_THREADS, partial(work, *arguments, **options))


def _progress_logger() -> Callable[[str], None]:
    """Logs progress from another thread: at once on a terminal; in a log, which keeps each line, what is new four times
    a minute, and the same once."""
    loop, kept, last = asyncio.get_running_loop(), time.monotonic(), ""

    def log_progress(progress: str) -> None:
        nonlocal kept, last
        pause = SECONDS_BETWEEN_LINES if progress == last else SECONDS_BETWEEN_CHANGES
        ephemeral = time.monotonic() < kept + pause
        if not ephemeral:
            kept, last = time.monotonic(), progress
        loop.call_soon_threadsafe(lambda: pulumi.log.info(progress, ephemeral=ephemeral))

    return log_progress
