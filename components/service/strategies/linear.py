"""Linear deployments by ECS: the traffic shifts in equal steps."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import pulumi_aws as aws
from pydantic import Field

from components.service.strategies.native import BAKES, NativeStrategy


class LinearStrategy(NativeStrategy):
    """`percent` of the traffic shifts every `interval`."""

    strategy: Literal["linear"]
    percent: Annotated[int, Field(ge=3, le=99)] = 20
    """Per cent of the traffic in each step."""
    interval: Annotated[int, Field(**BAKES)] = 3
    """Minutes between two steps."""

    @property
    def shift_minutes(self) -> int:
        return (math.ceil(100 / self.percent) - 1) * self.interval

    @property
    def traffic(self) -> aws.ecs.ServiceDeploymentConfigurationArgsDict:
        linear: aws.ecs.ServiceDeploymentConfigurationLinearConfigurationArgsDict = {
            "step_percent": self.percent,
            "step_bake_time_in_minutes": str(self.interval),
        }
        return {"strategy": "LINEAR", "linear_configuration": linear}
