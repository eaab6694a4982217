"""What ECS's own strategies have in common: new tasks beside the old ones, and a shift of the traffic between them.

ECS starts the tasks in the target group that has no traffic, shows them to the test listener, moves the weights of the
listener rule, waits, and then takes the old tasks away (ECS developer guide, blue/green, linear, canary deployments).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components import types
from components.iam import delivery_policies, policies
from components.pipeline.stages import EXECUTION, Action, step_action
from components.service.revision import waiting
from components.service.strategies.strategy import Deployable, Deployer, Strategy
from components.service.task import Port
from releases.service_state import ServiceState

LIFECYCLE_STAGES = Literal[
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
]
"""Where ECS calls a hook, in their order. ECS has PRE_PRODUCTION_TRAFFIC_SHIFT besides, which the provider refuses."""
PAUSES_AT = "POST_TEST_TRAFFIC_SHIFT"
LONGEST = 1380
"""Minutes of a whole deployment: CodePipeline gives a Lambda action 24 hours (CodePipeline, quotas), of which an hour
is for going back."""
BAKES = {"ge": 0, "le": 1440}
"""Minutes of each bake time (ECS, DeploymentConfiguration, LinearConfiguration, CanaryConfiguration)."""


class NativeDeployer(Deployer):
    """The pipeline's own step: it updates the service and waits for ECS, for as long as that takes.

    CodePipeline's ECS action gives up after an hour, and no document says that it waits for anything but a rolling
    deployment.
    """

    def actions(self, steps: pulumi.Input[str]) -> list[Action]:
        return [step_action("Deploy", steps, {"digest": "#{Package.IMAGE_DIGEST}", "execution": EXECUTION}, {})]

    def permissions(self) -> list[policies.Statement]:
        return []

    def step_permissions(self) -> list[policies.Statement]:
        service = self.service
        return delivery_policies.deploy_natively(service.arn, service.deployments_arn, service.revisions_arn)


class NativeStrategy(Strategy):
    """New tasks beside the old ones; ECS shifts the traffic, and back when an alarm goes off, a hook fails or somebody
    says so."""

    shifts: ClassVar[bool] = True
    rules: ClassVar[Sequence[Mapping[str, Any]]] = (
        {"properties": {"test_port": {"not": {"enum": [80, 443]}}}},
        {
            "if": {"required": ["pause"], "properties": {"pause": {"not": {"type": "null"}}}},
            "then": {"properties": {"test_port": {"not": {"type": "null"}}}},
        },
    )
    rules_of_service: ClassVar[Mapping[str, Any]] = {
        "properties": {"routes": {"minItems": 1, "maxItems": 1}},
    }

    bake: Annotated[int, Field(**BAKES)] = 5
    """Minutes that the old tasks stay after all traffic has shifted. During this time a rollback only shifts the
    traffic, and an alarm of the service triggers it."""
    test_port: Port | None = None
    """The port at which the load balancer serves the new tasks before the traffic shifts, to everyone who may
    connect to it (`cluster.allowed_cidrs`). Services may share a port."""
    pause: Annotated[int, Field(ge=1, le=LONGEST)] | None = None
    """Minutes that a deployment waits for `delivery continue` or `delivery abort`, with the new tasks on the test
    port and without traffic. After that time ECS rolls it back. Without this key it does not wait."""
    follow: Annotated[int, Field(ge=1, le=LONGEST)] | None = None
    """Minutes for which `up` follows the deployment of an edit, its pause included. Then `up` succeeds, prints what
    still runs and how to watch it, and the next `up` tells whether the edit stands. Without it, `up` follows the
    deployment to its end, or until it pauses."""
    hooks: dict[LIFECYCLE_STAGES, types.FunctionArn] = Field(default_factory=dict)
    """Lambda functions by stage of the deployment. ECS calls each and waits for its `hookStatus`: `SUCCEEDED`,
    `FAILED` or `IN_PROGRESS`. Their time counts towards `timeout`."""

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.test_port in (80, 443):
            raise ValueError(f"test_port {self.test_port} serves production traffic; use another port, such as 8443")
        if self.pause is not None and self.test_port is None:
            raise ValueError("pause needs test_port, where you can try the new tasks meanwhile, such as 8443")
        if (minutes := self.release_minutes) > LONGEST:
            raise ValueError(
                f"timeout, shift, bake and pause are {minutes} minutes together, and CodePipeline allows {LONGEST}; "
                "shorten one of them"
            )
        return self

    @property
    @abstractmethod
    def shift_minutes(self) -> int:
        """How long the traffic takes from the old tasks to the new ones."""

    @property
    def up_minutes(self) -> int:
        return self.timeout + self.shift_minutes + self.bake

    @property
    def follow_minutes(self) -> int | None:
        return self.follow

    @property
    def release_minutes(self) -> int:
        return self.up_minutes + (self.pause or 0)

    @property
    @abstractmethod
    def traffic(self) -> aws.ecs.ServiceDeploymentConfigurationArgsDict:
        """What ECS is told of the shift."""

    def problems(self, *, routes: int, sessions: bool) -> Iterator[str]:
        if routes != 1:
            yield (
                f"deploy.strategy {self.strategy} takes exactly one route, and there are {routes}: no document of "
                "AWS's says that ECS shifts the traffic of several target groups together"
            )

    @property
    def test_ports(self) -> Sequence[int]:
        return () if self.test_port is None else (self.test_port,)

    @property
    def hook_arns(self) -> Sequence[str]:
        return sorted(set(self.hooks.values()))

    def service_arguments(
        self, alarms: aws.ecs.ServiceAlarmsArgsDict | None, shift_role_arn: pulumi.Input[str] | None
    ) -> dict[str, Any]:
        """Whether the circuit breaker counts here too, AWS's documents do not agree (docs/aws-assumptions.md); who
        deploys looks for himself."""
        hooks: list[aws.ecs.ServiceDeploymentConfigurationLifecycleHookArgsDict] = [
            {
                "target_type": "AWS_LAMBDA",
                "hook_target_arn": arn,
                "role_arn": shift_role_arn,
                "lifecycle_stages": [str(stage)],
            }
            for stage, arn in self.hooks.items()
        ]
        if self.pause is not None:
            hooks.append(
                {
                    "target_type": "PAUSE",
                    "lifecycle_stages": [PAUSES_AT],
                    "timeout_configuration": {"timeout_in_minutes": str(self.pause), "action": "ROLLBACK"},
                }
            )
        return {
            "deployment_minimum_healthy_percent": 100,
            "deployment_maximum_percent": 200,
            "deployment_circuit_breaker": {"enable": True, "rollback": True},
            "deployment_configuration": {
                **self.traffic,
                "bake_time_in_minutes": str(self.bake),
                **({"lifecycle_hooks": hooks} if hooks else {}),
            },
            "alarms": alarms,
        }

    def waits(self, stack: str, state: ServiceState | None, fingerprint: str) -> str | None:
        return waiting(stack, state, fingerprint, to_the_end=self.follow is None)

    def deployer(self, name: str, service: Deployable, opts: pulumi.ResourceOptions | None = None) -> Deployer:
        return NativeDeployer(service, self)
