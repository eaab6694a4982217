"""Blue/green deployments by ECS: all traffic shifts at once, to new tasks that are healthy."""

from __future__ import annotations

from typing import Literal

import pulumi_aws as aws

from components.service.strategies.native import NativeStrategy


class BlueGreenStrategy(NativeStrategy):
    """All traffic shifts at once."""

    strategy: Literal["blue_green"]

    @property
    def shift_minutes(self) -> int:
        return 0

    @property
    def traffic(self) -> aws.ecs.ServiceDeploymentConfigurationArgsDict:
        return {"strategy": "BLUE_GREEN"}
