"""Where a service's tasks run: on demand, on Spot, or shared between both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import pulumi_aws as aws
from pydantic import Field

from components.model import Model
from releases.service_state import ProviderShare

ON_DEMAND, ON_SPOT = "FARGATE", "FARGATE_SPOT"


class Capacity(Model):
    """How a service's tasks are shared between Fargate on demand and Spot, which costs less and may stop a task two
    minutes after a warning."""

    spot: Annotated[int, Field(ge=0, le=1000)]
    """How many of the further tasks are on Spot for each one on demand; 0 for none (ECS API,
    CapacityProviderStrategyItem: weight)."""
    on_demand_base: Annotated[int, Field(ge=0, le=1000)] = 0
    """How many tasks are on demand before any is on Spot (base). A release starts new tasks beside the old ones, and
    applies the base and the shares to them separately."""


def shares(capacity: Capacity | None, *, spot: bool) -> tuple[ProviderShare, ...]:
    """The capacity provider strategy of a service.

    Args:
        capacity: what the service says; None for nothing.
        spot: whether the stack's tasks run on Spot, where their service says nothing.
    """
    if capacity is None:
        return (ProviderShare(ON_SPOT if spot else ON_DEMAND),)
    on_demand = ProviderShare(ON_DEMAND, 1, capacity.on_demand_base)
    return (on_demand, ProviderShare(ON_SPOT, capacity.spot)) if capacity.spot else (ProviderShare(ON_DEMAND),)


def provider_strategies(of: Sequence[ProviderShare]) -> list[aws.ecs.ServiceCapacityProviderStrategyArgsDict]:
    """The shares as `aws.ecs.Service` takes them."""
    strategies: list[aws.ecs.ServiceCapacityProviderStrategyArgsDict] = []
    for share in of:
        strategies.append({"capacity_provider": share.provider, "weight": share.weight})
        if share.base:
            strategies[-1]["base"] = share.base
    return strategies
