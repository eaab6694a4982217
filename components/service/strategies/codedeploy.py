"""Blue/green deployments by CodeDeploy: new tasks beside the old ones, a shift of the traffic, and back."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NotRequired, Self, TypedDict

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components import types
from components.iam import delivery_policies, policies
from components.iam.roles import service_role
from components.pipeline.stages import CHOSEN_IMAGE, DEPLOYMENT, Action, aws_action, step_action
from components.scope import Scope
from components.service.revision import not_deployed
from components.service.strategies.strategy import AppSpecArgs, Deployable, Deployer, Strategy, Template
from components.service.task import Port
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Controller
from releases.service_state import ServiceState
from releases.template import APPSPEC, IMAGE_PLACEHOLDER, TASK_DEFINITION

ALL_AT_ONCE = "CodeDeployDefault.ECSAllAtOnce"


LIFECYCLE_EVENTS = Literal[
    "BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"
]
"""Where CodeDeploy calls a hook of an ECS deployment, in their order (CodeDeploy, AppSpec hooks for ECS)."""
LONGEST_SHIFT = 2880
"""Minutes between the first and the last step of a shift (CodeDeploy quotas). With the wait and an hour for each
lifecycle event that is less than the five days that CodePipeline gives the action."""


class ShiftArgs(TypedDict):
    """Traffic that shifts in steps."""

    type: str
    """`canary`: a part, and after the interval the rest; `linear`: a part after each interval."""
    percent: int
    interval: int
    """Minutes."""


class TrafficArgs(TypedDict):
    """The two target groups, and who forwards to them."""

    target_group_names: Sequence[pulumi.Input[str]]
    listener_arn: pulumi.Input[str]
    test_listener_arn: NotRequired[pulumi.Input[str]]
    rule_arns: Sequence[pulumi.Input[str]]
    """The listeners' rules that CodeDeploy rewrites."""


class CodeDeployArgs(TypedDict):
    """Inputs of `CodeDeploy`."""

    scope: Scope
    service: str
    cluster_name: pulumi.Input[str]
    service_name: pulumi.Input[str]
    service_arn: pulumi.Input[str]
    role_arns: Sequence[pulumi.Input[str]]
    """The execution and task roles, to be passed with a task set."""
    traffic: TrafficArgs
    shift: NotRequired[ShiftArgs]
    """Without it all traffic shifts at once."""
    wait: int
    """Minutes that the old tasks stay after the shift."""
    alarm_names: Sequence[pulumi.Input[str]]
    """Alarms that end a deployment and take the traffic back."""
    hook_arns: Sequence[str]
    """The Lambda functions that the AppSpec names."""


class CodeDeploy(pulumi.ComponentResource):
    """New tasks beside the old ones, a shift of the traffic, and back when something fails.

    Produces: a CodeDeploy application, a deployment group, its service role, and a deployment configuration for
    traffic that shifts in steps.
    """

    application_name: pulumi.Output[str]
    group_name: pulumi.Output[str]
    config_name: pulumi.Output[str]
    """The deployment configuration; AWS's own when all traffic shifts at once."""

    def __init__(self, name: str, args: CodeDeployArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:CodeDeploy", name, {"service": args["service"]}, opts)
        child = pulumi.ResourceOptions(parent=self)
        full_name, traffic = args["scope"].name(args["service"]), args["traffic"]
        role, permissions = service_role(
            f"{name}-deploy", f"{full_name}-deploy", "codedeploy", _statements(args), args["scope"].account, child
        )
        application = aws.codedeploy.Application(f"{name}-deploy", name=full_name, compute_platform="ECS", opts=child)
        self.config_name = pulumi.Output.from_input(
            _config(name, full_name, args["shift"], child) if "shift" in args else ALL_AT_ONCE
        )
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
                    "termination_wait_time_in_minutes": args["wait"],
                },
            },
            ecs_service={"cluster_name": args["cluster_name"], "service_name": args["service_name"]},
            load_balancer_info={"target_group_pair_info": _pair(traffic)},
            auto_rollback_configuration={
                "enabled": True,
                "events": [
                    "DEPLOYMENT_FAILURE",
                    "DEPLOYMENT_STOP_ON_REQUEST",
                    *(["DEPLOYMENT_STOP_ON_ALARM"] if args["alarm_names"] else []),
                ],
            },
            alarm_configuration=(
                {"enabled": True, "alarms": list(args["alarm_names"])} if args["alarm_names"] else None
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permissions]),
        )
        self.application_name, self.group_name = application.name, group.deployment_group_name
        self.register_outputs({"application_name": self.application_name, "group_name": self.group_name})


class CodeDeployer(Deployer):
    """CodeDeploy: starts the tasks of the template beside the service's, and shifts the traffic."""

    def __init__(self, service: Deployable, strategy: Strategy, code_deploy: CodeDeploy) -> None:
        super().__init__(service, strategy)
        self._code_deploy = code_deploy

    @property
    def template(self) -> Template | None:
        return self.service.template

    def actions(self, steps: pulumi.Input[str]) -> list[Action]:
        files = {f"{purpose}TemplateArtifact": DEPLOYMENT for purpose in ("TaskDefinition", "AppSpec")}
        paths = {"TaskDefinitionTemplatePath": TASK_DEFINITION, "AppSpecTemplatePath": APPSPEC}
        deployment: dict[str, pulumi.Input[str]] = {
            "ApplicationName": self._code_deploy.application_name,
            "DeploymentGroupName": self._code_deploy.group_name,
            "Image1ArtifactName": DEPLOYMENT,
            "Image1ContainerName": IMAGE_PLACEHOLDER,
            **files,
            **paths,
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
        scope, made = self.service.platform.scope, self._code_deploy
        group = pulumi.Output.concat(made.application_name, "/", made.group_name)
        return delivery_policies.start_blue_green(
            application_arn=pulumi.Output.concat(scope.arn("codedeploy", "application:"), made.application_name),
            group_arn=pulumi.Output.concat(scope.arn("codedeploy", "deploymentgroup:"), group),
            config_arn=pulumi.Output.concat(scope.arn("codedeploy", "deploymentconfig:"), made.config_name),
            task_definition_arn=self.service.revisions_arn,
            role_arns=self.service.role_arns,
        )


class CodeDeployStrategy(Strategy):
    """New tasks beside the old ones, then the traffic shifts, and back when something fails."""

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
            "if": {"required": ["shift"], "properties": {"shift": {"enum": ["canary", "linear"]}}},
            "then": {
                "required": ["percent", "interval"],
                "properties": {key: {"not": {"type": "null"}} for key in ("percent", "interval")},
            },
            "else": {"properties": {"percent": {"type": "null"}, "interval": {"type": "null"}}},
        },
        {"properties": {"test_port": {"not": {"enum": [80, 443]}}}},
    )
    rules_of_service: ClassVar[Mapping[str, Any]] = {
        "required": ["routes"],
        "properties": {"routes": {"minItems": 1, "maxItems": 1}, "exec": {"const": False}},
    }

    strategy: Literal["codedeploy"]
    shift: Literal["all_at_once", "canary", "linear"] = "all_at_once"
    """How traffic shifts: at once, `percent` and after `interval` the rest, or `percent` every `interval`."""
    percent: Annotated[int, Field(ge=1, le=99)] | None = None
    """Of the traffic, for canary and linear."""
    interval: Annotated[int, Field(ge=1, le=LONGEST_SHIFT)] | None = None
    """Minutes, for canary and linear; the whole shift takes two days at most."""
    wait: Annotated[int, Field(ge=0, le=2880)] = 5
    """Minutes that the old tasks stay after the shift; until they are over, going back is a shift of traffic."""
    test_port: Port | None = None
    """Where the load balancer shows the new tasks before the traffic shifts, to whoever may connect to it
    (`cluster.allowed_cidrs`). Services may share one."""
    hooks: dict[LIFECYCLE_EVENTS, types.FunctionArn] = Field(default_factory=dict)
    """Lambda functions that CodeDeploy calls and waits for, at most an hour each; not in the first release, whose tasks
    start when it is over."""

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        in_steps = self.percent is not None and self.interval is not None
        if self.shift == "all_at_once" and (self.percent is not None or self.interval is not None):
            raise ValueError("percent and interval go with shift canary or linear")
        if self.shift != "all_at_once" and not in_steps:
            raise ValueError(f"shift {self.shift} needs percent and interval")
        if self.percent is not None and self.interval is not None and self.shift == "linear":
            minutes = (math.ceil(100 / self.percent) - 1) * self.interval
            if minutes > LONGEST_SHIFT:
                raise ValueError(
                    f"{self.percent} % every {self.interval} minutes take {minutes} minutes; CodeDeploy allows "
                    f"{LONGEST_SHIFT} between the first step and the last"
                )
        if self.test_port in (80, 443):
            raise ValueError(
                f"test_port {self.test_port} is a port of production traffic; choose another, such as 8443"
            )
        return self

    def problems(self, *, routes: int, sessions: bool) -> Iterator[str]:
        if routes != 1:
            yield (
                f"deploy.strategy codedeploy takes exactly one route, and there are {routes}: CodeDeploy shifts the "
                "traffic of one target group"
            )
        if sessions:
            yield "exec is not with deploy.strategy codedeploy: ECS switches it on when it makes the service"

    @property
    def test_ports(self) -> Sequence[int]:
        return () if self.test_port is None else (self.test_port,)

    def service_arguments(self, alarms: aws.ecs.ServiceAlarmsArgsDict | None) -> dict[str, Any]:
        return {
            "deployment_controller": {"type": "CODE_DEPLOY"},
            "deployment_minimum_healthy_percent": 100,
            "deployment_maximum_percent": 200,
        }

    def waits(self, stack: str, state: ServiceState | None, fingerprint: str) -> str | None:
        return not_deployed(stack, state, fingerprint)

    def app_spec(self, args: AppSpecArgs) -> dict[str, Any]:
        return app_spec(args, {str(event): arn for event, arn in self.hooks.items()})

    def deployer(self, name: str, service: Deployable, opts: pulumi.ResourceOptions | None = None) -> Deployer:
        return CodeDeployer(service, self, CodeDeploy(name, self._arguments(service), opts))

    def _arguments(self, service: Deployable) -> CodeDeployArgs:
        load_balancer = service.platform.load_balancer
        traffic: TrafficArgs = {
            "target_group_names": [group.name for group in service.target_groups],
            "listener_arn": load_balancer.https_listener_arn,
            "rule_arns": [rule.arn for rule in service.rules],
        }
        if self.test_port is not None:
            traffic["test_listener_arn"] = load_balancer.test_listener_arns[self.test_port]
        args: CodeDeployArgs = {
            "scope": service.platform.scope,
            "service": service.service,
            "cluster_name": service.platform.cluster.name,
            "service_name": service.name,
            "service_arn": service.arn,
            "role_arns": service.role_arns,
            "traffic": traffic,
            "wait": self.wait,
            "alarm_names": service.alarm_names,
            "hook_arns": sorted(set(self.hooks.values())),
        }
        if self.percent is not None and self.interval is not None:
            args["shift"] = {"type": self.shift, "percent": self.percent, "interval": self.interval}
        return args


def app_spec(args: AppSpecArgs, hooks: Mapping[str, str]) -> dict[str, Any]:
    """The AppSpec of an ECS deployment; what the controller refuses in UpdateService travels in it.

    Args:
        args: what it says.
        hooks: lifecycle event → Lambda function's ARN.
    """
    properties = {
        "TaskDefinition": "<TASK_DEFINITION>",
        "LoadBalancerInfo": {"ContainerName": args["container"], "ContainerPort": args["port"]},
        "PlatformVersion": "LATEST",
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "Subnets": list(args["subnet_ids"]),
                "SecurityGroups": list(args["security_group_ids"]),
                "AssignPublicIp": "ENABLED" if args["assign_public_ip"] else "DISABLED",
            }
        },
        "CapacityProviderStrategy": [{"CapacityProvider": args["capacity_provider"], "Weight": 1, "Base": 0}],
    }
    resource = {"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}
    in_order = [{event: arn} for event, arn in hooks.items()]
    # The hooks first: the first release takes them out by their lines (pipeline_steps/template.py).
    return {"version": 0.0, **({"Hooks": in_order} if in_order else {}), "Resources": [resource]}


def _statements(args: CodeDeployArgs) -> list[policies.Statement]:
    cluster_and_service = pulumi.Output.concat(args["cluster_name"], "/", args["service_name"])
    return delivery_policies.shift_traffic(
        service_arn=args["service_arn"],
        task_sets_arn=pulumi.Output.concat(args["scope"].arn("ecs", "task-set/"), cluster_and_service, "/*"),
        rule_arns=args["traffic"]["rule_arns"],
        role_arns=args["role_arns"],
        watches=bool(args["alarm_names"]),
        hook_arns=args["hook_arns"],
    )


def _config(name: str, full_name: str, shift: ShiftArgs, child: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """A configuration cannot change: another shift is another one, so its name says what it does."""
    kind, percent, interval = shift["type"], shift["percent"], shift["interval"]
    routing: aws.codedeploy.DeploymentConfigTrafficRoutingConfigArgsDict
    if kind == "canary":
        routing = {"type": "TimeBasedCanary", "time_based_canary": {"percentage": percent, "interval": interval}}
    else:
        routing = {"type": "TimeBasedLinear", "time_based_linear": {"percentage": percent, "interval": interval}}
    config = aws.codedeploy.DeploymentConfig(
        f"{name}-deploy-config",
        deployment_config_name=f"{full_name}-{kind}-{percent}-{interval}",
        compute_platform="ECS",
        traffic_routing_config=routing,
        opts=child,
    )
    return config.deployment_config_name


def _pair(traffic: TrafficArgs) -> aws.codedeploy.DeploymentGroupLoadBalancerInfoTargetGroupPairInfoArgsDict:
    pair: aws.codedeploy.DeploymentGroupLoadBalancerInfoTargetGroupPairInfoArgsDict = {
        "prod_traffic_route": {"listener_arns": [traffic["listener_arn"]]},
        "target_groups": [{"name": name} for name in traffic["target_group_names"]],
    }
    if "test_listener_arn" in traffic:
        pair["test_traffic_route"] = {"listener_arns": [traffic["test_listener_arn"]]}
    return pair
