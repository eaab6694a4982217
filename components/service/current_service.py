"""A service as it is before this run, and what guards a change of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import pulumi

from components.service import update_hooks
from components.service.strategies.strategy import Strategy
from components.service.update_hooks import Snapshot, UpdateHooks
from releases.controllers.controller import Controller
from releases.service_state import ServiceState

Reason = Callable[[ServiceState | None], str | None]
"""Why an edit of a service waits, by the service's state; None when it need not."""


@dataclass(frozen=True)
class CurrentService:
    """A service as it is before this run, and the resource hooks that guard a change of it.

    Attributes:
        state: what AWS says of it; None when there is none yet.
        settled: its state once nothing is in flight that an edit waits for; None does not wait.
        service_hooks: of the ECS service.
        template_hooks: of the template, where one is deployed.
        rule_hooks: of its listener rules.
    """

    state: ServiceState | None = None
    settled: Callable[[Reason], Awaitable[ServiceState | None]] | None = None
    service_hooks: pulumi.ResourceHookBinding | None = None
    template_hooks: pulumi.ResourceHookBinding | None = None
    rule_hooks: pulumi.ResourceHookBinding | None = None

    def is_replaced(self, controller: Controller) -> bool:
        """Whether the ECS service is replaced, because another controller is declared."""
        return self.state is not None and self.state.controller != controller


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
        replacement = update_hooks.replacement_hooks(snapshot.session, stack, service, strategy.timeout)
        hooks = UpdateHooks(service=replacement)
    else:
        hooks = update_hooks.update_hooks(snapshot, stack, service, strategy.timeout)
    return CurrentService(state, partial(snapshot.settled, stack, service), hooks.service, hooks.template, rule_hooks)
