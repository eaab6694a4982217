"""Canary deployments by ECS: a small part of the traffic shifts first, and the rest when that went well."""

from __future__ import annotations

from typing import Annotated, Literal

import pulumi_aws as aws
from pydantic import Field

from components.service.strategies.native import BAKES, NativeStrategy


class CanaryStrategy(NativeStrategy):
    """`percent` of the traffic shifts first, and the rest after `interval`."""

    strategy: Literal["canary"]
    percent: Annotated[int, Field(ge=1, le=99)] = 10
    """Per cent of the traffic that shifts first."""
    interval: Annotated[int, Field(**BAKES)] = 10
    """Minutes between the two shifts."""

    @property
    def shift_minutes(self) -> int:
        return self.interval

    @property
    def traffic(self) -> aws.ecs.ServiceDeploymentConfigurationArgsDict:
        canary: aws.ecs.ServiceDeploymentConfigurationCanaryConfigurationArgsDict = {
            "canary_percent": self.percent,
            "canary_bake_time_in_minutes": str(self.interval),
        }
        return {"strategy": "CANARY", "canary_configuration": canary}
