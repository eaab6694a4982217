"""Blue/green deployments of an ECS service by CodeDeploy."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import policies
from components.naming import Scope
from components.roles import service_role

ALL_AT_ONCE = "CodeDeployDefault.ECSAllAtOnce"
IMAGE_PLACEHOLDER = "IMAGE1_NAME"
"""Stands, in angle brackets, for the image in the task definition (CodePipeline, CodeDeployToECS action reference)."""


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


class StrategyArgs(TypedDict):
    """How traffic shifts."""

    traffic: TrafficArgs
    shift: NotRequired[ShiftArgs]
    """Without it all traffic shifts at once."""
    wait: int
    """Minutes that the old tasks stay after the shift."""
    alarm_names: Sequence[pulumi.Input[str]]
    """Alarms that end a deployment and take the traffic back."""
    hook_arns: Sequence[str]
    """The Lambda functions that the AppSpec names."""


class CodeDeployArgs(StrategyArgs):
    """Inputs of `CodeDeploy`."""

    scope: Scope
    service: str
    cluster_name: pulumi.Input[str]
    service_name: pulumi.Input[str]
    service_arn: pulumi.Input[str]
    role_arns: Sequence[pulumi.Input[str]]
    """The execution and task roles, to be passed with a task set."""


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
        self.config_name = _config(name, full_name, args["shift"], child) if "shift" in args else _own(ALL_AT_ONCE)
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


def app_spec(
    *,
    container: str,
    port: int,
    subnet_ids: Sequence[str],
    security_group_ids: Sequence[str],
    assign_public_ip: bool,
    capacity_provider: str,
    hooks: Mapping[str, str],
) -> dict[str, Any]:
    """The AppSpec of an ECS deployment; what the controller refuses in UpdateService travels in it.

    Args:
        container: the container that the load balancer reaches.
        port: where it listens.
        subnet_ids: where the tasks run.
        security_group_ids: of the tasks.
        assign_public_ip: whether tasks have public addresses.
        capacity_provider: `FARGATE` or `FARGATE_SPOT`.
        hooks: lifecycle event → Lambda function's ARN.
    """
    properties = {
        "TaskDefinition": "<TASK_DEFINITION>",
        "LoadBalancerInfo": {"ContainerName": container, "ContainerPort": port},
        "PlatformVersion": "LATEST",
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "Subnets": list(subnet_ids),
                "SecurityGroups": list(security_group_ids),
                "AssignPublicIp": "ENABLED" if assign_public_ip else "DISABLED",
            }
        },
        "CapacityProviderStrategy": [{"CapacityProvider": capacity_provider, "Weight": 1, "Base": 0}],
    }
    resource = {"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}
    in_order = [{event: arn} for event, arn in hooks.items()]
    # The hooks first: the first release takes them out by their lines (buildspecs/template.yaml).
    return {"version": 0.0, **({"Hooks": in_order} if in_order else {}), "Resources": [resource]}


def _statements(args: CodeDeployArgs) -> list[policies.Statement]:
    cluster_and_service = pulumi.Output.concat(args["cluster_name"], "/", args["service_name"])
    return policies.shift_traffic(
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


def _own(config: str) -> pulumi.Output[str]:
    return pulumi.Output.from_input(config)


def _pair(traffic: TrafficArgs) -> aws.codedeploy.DeploymentGroupLoadBalancerInfoTargetGroupPairInfoArgsDict:
    pair: aws.codedeploy.DeploymentGroupLoadBalancerInfoTargetGroupPairInfoArgsDict = {
        "prod_traffic_route": {"listener_arns": [traffic["listener_arn"]]},
        "target_groups": [{"name": name} for name in traffic["target_group_names"]],
    }
    if "test_listener_arn" in traffic:
        pair["test_traffic_route"] = {"listener_arns": [traffic["test_listener_arn"]]}
    return pair
