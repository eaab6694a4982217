"""Blue/green deployments by CodeDeploy: new tasks beside the old ones, a shift of the traffic, and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, TypedDict

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components import types
from components.iam import delivery_policies, policies
from components.iam.roles import service_role
from components.pipeline.stages import CHOSEN_IMAGE, DEPLOYMENT, Action, aws_action, step_action
from components.service.revision import not_deployed
from components.service.strategies.strategy import Deployable, Deployer, Strategy
from components.service.task import Port
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Controller
from releases.service_state import ProviderShare, ServiceState
from releases.template import APPSPEC, IMAGE_PLACEHOLDER, TASK_DEFINITION

ALL_AT_ONCE = "CodeDeployDefault.ECSAllAtOnce"


LIFECYCLE_EVENTS = Literal[
    "BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"
]
"""Where CodeDeploy calls a hook of an ECS deployment, in their order (CodeDeploy, AppSpec hooks for ECS)."""
LONGEST_SHIFT = 2880
"""Minutes between the first and the last step of a shift (CodeDeploy quotas). With the wait and an hour for each
lifecycle event that is less than the five days that CodePipeline gives the action."""


class CodeDeployArgs(TypedDict):
    """Inputs of `CodeDeploy`."""

    service: Deployable
    strategy: CodeDeployStrategy


class CodeDeploy(pulumi.ComponentResource):
    """New tasks start beside the old ones, then the traffic shifts; it shifts back when something fails.

    Produces: a CodeDeploy application, a deployment group, its service role, and a deployment configuration for
    traffic that shifts in steps.
    """

    application_name: pulumi.Output[str]
    group_name: pulumi.Output[str]
    config_name: pulumi.Output[str]
    """The deployment configuration; AWS's own when all traffic shifts at once."""

    def __init__(self, name: str, args: CodeDeployArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        service, strategy = args["service"], args["strategy"]
        super().__init__("fargate-delivery:index:CodeDeploy", name, {"service": service.service}, opts)
        child, scope = pulumi.ResourceOptions(parent=self), service.platform.scope
        full_name, alarm_names = scope.name(service.service), service.alarm_names
        role, permissions = service_role(
            f"{name}-deploy", f"{full_name}-deploy", "codedeploy", _statements(service, strategy), scope, child
        )
        application = aws.codedeploy.Application(f"{name}-deploy", name=full_name, compute_platform="ECS", opts=child)
        self.config_name = _config(name, full_name, strategy, child)
        group = aws.codedeploy.DeploymentGroup(
            f"{name}-deploy-group",
            app_name=application.name,
            deployment_group_name=full_name,
            service_role_arn=role.arn,
            deployment_config_name=self.config_name,
            deployment_style={"deployment_option": "WITH_TRAFFIC_CONTROL", "deployment_type": "BLUE_GREEN"},
            blue_green_deployment_config={
                "deployment_ready_option": {"action_on_timeout": "CONTINUE_DEPLOYMENT"},
                "terminate_blue_instances_on_deployment_success": {
                    "action": "TERMINATE",
                    "termination_wait_time_in_minutes": strategy.wait,
                },
            },
            ecs_service={"cluster_name": service.platform.cluster.name, "service_name": service.name},
            load_balancer_info={"target_group_pair_info": _pair(service, strategy)},
            auto_rollback_configuration={
                "enabled": True,
                "events": [
                    "DEPLOYMENT_FAILURE",
                    "DEPLOYMENT_STOP_ON_REQUEST",
                    *(["DEPLOYMENT_STOP_ON_ALARM"] if alarm_names else []),
                ],
            },
            alarm_configuration={"enabled": True, "alarms": list(alarm_names)} if alarm_names else None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permissions]),
        )
        self.application_name, self.group_name = application.name, group.deployment_group_name
        self.register_outputs({"application_name": self.application_name, "group_name": self.group_name})


class CodeDeployer(Deployer):
    """CodeDeploy: starts the tasks of the template beside the service's, and shifts the traffic."""

    def __init__(self, service: Deployable, strategy: Strategy, code_deploy: CodeDeploy) -> None:
        super().__init__(service, strategy)
        self._code_deploy = code_deploy

    def actions(self, steps: pulumi.Input[str]) -> list[Action]:
        deployment: dict[str, pulumi.Input[str]] = {
            "ApplicationName": self._code_deploy.application_name,
            "DeploymentGroupName": self._code_deploy.group_name,
            "Image1ArtifactName": DEPLOYMENT,
            "Image1ContainerName": IMAGE_PLACEHOLDER,
            "TaskDefinitionTemplateArtifact": DEPLOYMENT,
            "TaskDefinitionTemplatePath": TASK_DEFINITION,
            "AppSpecTemplateArtifact": DEPLOYMENT,
            "AppSpecTemplatePath": APPSPEC,
        }
        chosen = {
            "image": CHOSEN_IMAGE,
            "digest": "#{Package.IMAGE_DIGEST}",
            "source": "#{Package.SOURCE}",
            "commit": "#{Package.COMMIT}",
            "repository": "#{Package.COMMIT_REPOSITORY}",
        }
        return [
            step_action("Template", steps, chosen, {"namespace": "Template", "output_artifacts": [DEPLOYMENT]}),
            aws_action("Deploy", "Deploy", "CodeDeployToECS", deployment, {"input_artifacts": [DEPLOYMENT]}),
        ]

    def permissions(self) -> list[policies.Statement]:
        scope, code_deploy = self.service.platform.scope, self._code_deploy
        application, config = code_deploy.application_name, code_deploy.config_name
        group = scope.arn("codedeploy", "deploymentgroup:")
        return delivery_policies.start_blue_green(
            application_arn=pulumi.Output.concat(scope.arn("codedeploy", "application:"), application),
            group_arn=pulumi.Output.concat(group, application, "/", code_deploy.group_name),
            config_arn=pulumi.Output.concat(scope.arn("codedeploy", "deploymentconfig:"), config),
            task_definition_arn=self.service.revisions_arn,
            role_arns=self.service.role_arns,
        )


class CodeDeployStrategy(Strategy):
    """New tasks start beside the old ones, then the traffic shifts; it shifts back when something fails."""

    controller: ClassVar[Controller] = CONTROLLERS["CODE_DEPLOY"]
    shifts: ClassVar[bool] = True
    changed_by_deployments: ClassVar[Sequence[str]] = (
        "task_definition",
        "load_balancers",
        "network_configuration",
        "capacity_provider_strategies",
    )

    rules: ClassVar[Sequence[Mapping[str, Any]]] = (
        {
            "if": {"required": ["shift"], "properties": {"shift": {"const": "all_at_once"}}},
            "then": {"properties": {"percent": {"type": "null"}, "interval": {"type": "null"}}},
        },
        {"properties": {"test_port": {"not": {"enum": [80, 443]}}}},
    )
    rules_of_service: ClassVar[Mapping[str, Any]] = {
        "properties": {
            "routes": {"minItems": 1, "maxItems": 1},
            "exec": {"const": False},
            "connects_to": {"items": {"properties": {"service": {"type": "null"}}}},
        },
    }

    strategy: Literal["codedeploy"]
    shift: Literal["all_at_once", "canary", "linear"] = "all_at_once"
    """How traffic shifts: all at once; `percent` first and the rest after `interval`; or `percent` every `interval`."""
    percent: Annotated[int, Field(ge=1, le=99)] | None = None
    """Per cent of the traffic, for canary and linear."""
    interval: Annotated[int, Field(ge=1, le=LONGEST_SHIFT)] | None = None
    """Minutes, for canary and linear; the whole shift may take at most two days."""
    wait: Annotated[int, Field(ge=0, le=2880)] = 5
    """Minutes that the old tasks stay after the shift. During this time a rollback only shifts the traffic."""
    test_port: Port | None = None
    """The port at which the load balancer serves the new tasks before the traffic shifts, to everyone who may
    connect to it (`cluster.allowed_cidrs`). Services may share a port."""
    hooks: dict[LIFECYCLE_EVENTS, types.FunctionArn] = Field(default_factory=dict)
    """Lambda functions that CodeDeploy calls and waits for, at most an hour each. The first release calls none,
    because its tasks start only after it."""

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        in_steps = self.percent is not None and self.interval is not None
        if self.shift == "all_at_once" and (self.percent is not None or self.interval is not None):
            raise ValueError("percent and interval: only with shift canary or linear")
        if self.shift != "all_at_once" and not in_steps:
            raise ValueError(f"shift {self.shift} needs percent and interval")
        if self.percent is not None and self.interval is not None and self.shift == "linear":
            minutes = (math.ceil(100 / self.percent) - 1) * self.interval
            if minutes > LONGEST_SHIFT:
                raise ValueError(
                    f"{self.percent} % every {self.interval} minutes take {minutes} minutes, and CodeDeploy allows "
                    f"{LONGEST_SHIFT} between the first step and the last"
                )
        if self.test_port in (80, 443):
            raise ValueError(f"test_port {self.test_port} serves production traffic; use another port, such as 8443")
        return self

    def problems(self, *, routes: int, sessions: bool) -> Iterator[str]:
        if routes != 1:
            yield (
                f"deploy.strategy codedeploy takes exactly one route, and there are {routes}: CodeDeploy shifts the "
                "traffic of one target group"
            )
        if sessions:
            yield "exec: not with deploy.strategy codedeploy, because ECS turns it on only when it creates a service"

    @property
    def test_ports(self) -> Sequence[int]:
        return () if self.test_port is None else (self.test_port,)

    def service_arguments(
        self, alarms: aws.ecs.ServiceAlarmsArgsDict | None, shift_role_arn: pulumi.Input[str] | None
    ) -> dict[str, Any]:
        return {
            "deployment_controller": {"type": "CODE_DEPLOY"},
            "deployment_minimum_healthy_percent": 100,
            "deployment_maximum_percent": 200,
        }

    def waits(self, stack: str, state: ServiceState | None, fingerprint: str) -> str | None:
        return not_deployed(stack, state, fingerprint)

    def app_spec(
        self,
        container: str,
        port: int,
        capacity: Sequence[ProviderShare],
        subnet_ids: Sequence[str],
        security_group_id: str,
        assign_public_ip: bool,
    ) -> dict[str, Any]:
        """What the controller refuses in UpdateService travels in it."""
        properties = {
            "TaskDefinition": "<TASK_DEFINITION>",
            "LoadBalancerInfo": {"ContainerName": container, "ContainerPort": port},
            "PlatformVersion": "LATEST",
            "NetworkConfiguration": {
                "AwsvpcConfiguration": {
                    "Subnets": list(subnet_ids),
                    "SecurityGroups": [security_group_id],
                    "AssignPublicIp": "ENABLED" if assign_public_ip else "DISABLED",
                }
            },
            "CapacityProviderStrategy": [
                {"CapacityProvider": each.provider, "Weight": each.weight, "Base": each.base} for each in capacity
            ],
        }
        resource = {"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}
        hooks = [{str(event): arn} for event, arn in self.hooks.items()]
        # The hooks first: the first release takes them out by their lines (pipeline_steps/template.py).
        return {"version": 0.0, **({"Hooks": hooks} if hooks else {}), "Resources": [resource]}

    def deployer(self, name: str, service: Deployable, opts: pulumi.ResourceOptions | None = None) -> Deployer:
        return CodeDeployer(service, self, CodeDeploy(name, {"service": service, "strategy": self}, opts))


def _statements(service: Deployable, strategy: CodeDeployStrategy) -> list[policies.Statement]:
    cluster_and_service = pulumi.Output.concat(service.platform.cluster.name, "/", service.name)
    return delivery_policies.shift_traffic(
        service_arn=service.arn,
        task_sets_arn=pulumi.Output.concat(service.platform.scope.arn("ecs", "task-set/"), cluster_and_service, "/*"),
        rule_arns=[rule.arn for rule in service.rules],
        role_arns=service.role_arns,
        watches=bool(service.alarm_names),
        hook_arns=sorted(set(strategy.hooks.values())),
    )


def _config(
    name: str, full_name: str, strategy: CodeDeployStrategy, child: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """A configuration cannot change: another shift is another one, so its name says what it does."""
    shift, percent, interval = strategy.shift, strategy.percent, strategy.interval
    if percent is None or interval is None:
        return pulumi.Output.from_input(ALL_AT_ONCE)
    routing: aws.codedeploy.DeploymentConfigTrafficRoutingConfigArgsDict
    if shift == "canary":
        routing = {"type": "TimeBasedCanary", "time_based_canary": {"percentage": percent, "interval": interval}}
    else:
        routing = {"type": "TimeBasedLinear", "time_based_linear": {"percentage": percent, "interval": interval}}
    config = aws.codedeploy.DeploymentConfig(
        f"{name}-deploy-config",
        deployment_config_name=f"{full_name}-{shift}-{percent}-{interval}",
        compute_platform="ECS",
        traffic_routing_config=routing,
        opts=child,
    )
    return config.deployment_config_name


def _pair(
    service: Deployable, strategy: CodeDeployStrategy
) -> aws.codedeploy.DeploymentGroupLoadBalancerInfoTargetGroupPairInfoArgsDict:
    load_balancer = service.platform.load_balancer
    pair: aws.codedeploy.DeploymentGroupLoadBalancerInfoTargetGroupPairInfoArgsDict = {
        "prod_traffic_route": {"listener_arns": [load_balancer.https_listener_arn]},
        "target_groups": [{"name": group.name} for group in service.target_groups],
    }
    if strategy.test_port is not None:
        pair["test_traffic_route"] = {"listener_arns": [load_balancer.test_listener_arns[strategy.test_port]]}
    return pair
