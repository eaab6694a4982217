"""Rolling deployments by ECS: tasks are replaced a few at a time, and back by the circuit breaker or an alarm."""

from __future__ import annotations

from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from components.service.revision import waiting
from components.service.strategies.strategy import Strategy
from releases.service_state import ServiceState


class RollingStrategy(Strategy):
    """ECS replaces tasks a few at a time."""

    strategy: Literal["rolling"] = "rolling"
    """`rolling`: ECS replaces tasks a few at a time. `blue_green`, `canary`, `linear`: new tasks start beside the
    old ones, then ECS shifts the traffic at once, in two steps or in many, and shifts it back when something
    fails. `codedeploy`: the same by CodeDeploy."""

    def service_arguments(
        self, alarms: aws.ecs.ServiceAlarmsArgsDict | None, shift_role_arn: pulumi.Input[str] | None
    ) -> dict[str, Any]:
        """A service that ECS has shifted before is told that it does no longer: the provider keeps what is left out."""
        return {
            **({"deployment_configuration": {"strategy": "ROLLING"}} if shift_role_arn is not None else {}),
            "deployment_minimum_healthy_percent": 100,
            "deployment_maximum_percent": 200,
            "deployment_circuit_breaker": {"enable": True, "rollback": True},
            "alarms": alarms,
        }

    def waits(self, stack: str, state: ServiceState | None, fingerprint: str) -> str | None:
        return waiting(stack, state, fingerprint)
