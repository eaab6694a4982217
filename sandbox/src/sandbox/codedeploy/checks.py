"""What CodeDeploy refuses in a deployment group or configuration of the ECS platform.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeploymentGroup.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from sandbox.account.errors import AwsError
from sandbox.codedeploy.state import Json, state_of

if TYPE_CHECKING:
    from sandbox.account.account import Account

MOST_ALARMS, LONGEST_WAIT = 10, 2880
ROLLBACK_EVENTS = {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"}
BLUE_GREEN = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
SHIFTS = {
    "TimeBasedCanary": ("timeBasedCanary", "canaryPercentage", "canaryInterval"),
    "TimeBasedLinear": ("timeBasedLinear", "linearPercentage", "linearInterval"),
}


def check_config(params: Json) -> None:
    """A configuration of the ECS platform."""
    if params.get("computePlatform") != "ECS":
        raise AwsError("InvalidComputePlatformException", "This sandbox simulates the compute platform ECS only.")
    routing = params.get("trafficRoutingConfig") or {}
    if routing.get("type") == "AllAtOnce":
        return
    if routing.get("type") not in SHIFTS:
        raise AwsError("InvalidTrafficRoutingConfigurationException", "A traffic routing configuration is needed.")
    name, percentage, interval = SHIFTS[routing["type"]]
    shift = routing.get(name) or {}
    if not 1 <= shift.get(percentage, 0) <= 99 or not 1 <= shift.get(interval, 0) <= LONGEST_WAIT:
        raise AwsError(
            "InvalidTrafficRoutingConfigurationException",
            f"{percentage} must be 1 to 99, and {interval} 1 to {LONGEST_WAIT} minutes.",
        )


def check_group(account: Account, group: Json) -> None:
    """Check a group of the ECS platform and what it refers to."""
    if group.get("deploymentStyle") != BLUE_GREEN:
        raise AwsError(
            "InvalidDeploymentStyleException",
            "For ECS deployment group, deployment style must be BLUE_GREEN and WITH_TRAFFIC_CONTROL.",
        )
    if group["deploymentConfigName"] not in state_of(account).configs:
        name = group["deploymentConfigName"]
        raise AwsError("DeploymentConfigDoesNotExistException", f"No Deployment Configuration found for {name}")
    _check_service(account, group)
    _check_pair(account, group.get("loadBalancerInfo") or {})
    _check_blue_green(group["blueGreenDeploymentConfiguration"])
    if len(group["alarmConfiguration"].get("alarms", [])) > MOST_ALARMS:
        raise AwsError("AlarmsLimitExceededException", f"A deployment group has at most {MOST_ALARMS} alarms.")
    unknown = set(group["autoRollbackConfiguration"].get("events", [])) - ROLLBACK_EVENTS
    if unknown:
        raise AwsError("InvalidAutoRollbackConfigException", f"Unknown events: {', '.join(sorted(unknown))}")
    role = str(group.get("serviceRoleArn", ""))
    try:
        account.validate_role(role, "codedeploy.amazonaws.com")
    except AwsError as error:
        # The words as many have met them: public reports of InvalidRoleException.
        message = f"AWS CodeDeploy does not have the permissions required to assume the role {role}."
        raise AwsError("InvalidRoleException", message) from error


def _check_service(account: Account, group: Json) -> None:
    services = group.get("ecsServices") or []
    if len(services) != 1:
        raise AwsError("InvalidECSServiceException", "Exactly one ECS service is needed.")
    (service,) = services
    try:
        described = account.client("ecs").describe_services(
            cluster=service["clusterName"], services=[service["serviceName"]]
        )["services"]
    except ClientError:
        described = []
    if not described or described[0]["status"] != "ACTIVE":
        raise AwsError("InvalidECSServiceException", f"The ECS service {service['serviceName']} is not there.")
    if described[0].get("deploymentController", {}).get("type") != "CODE_DEPLOY":
        raise AwsError(
            "InvalidECSServiceException",
            f"Deployment controller of service {service['serviceName']} is not CODE_DEPLOY",
        )
    this_group = (group["applicationName"], group.get("deploymentGroupId"))
    for other in state_of(account).groups.values():
        if _names(services) == _names(other["ecsServices"]) and this_group != (
            other["applicationName"],
            other["deploymentGroupId"],
        ):
            raise AwsError("ECSServiceMappingLimitExceededException", "The ECS service is in another group already.")


def _names(services: list[Json]) -> list[tuple[str, ...]]:
    """Clusters and services by name, where an ARN is given too."""
    return [tuple(service[key].rpartition("/")[2] for key in ("clusterName", "serviceName")) for service in services]


def _check_pair(account: Account, balancer: Json) -> None:
    pairs = balancer.get("targetGroupPairInfoList") or []
    if len(pairs) != 1:
        raise AwsError("InvalidLoadBalancerInfoException", "Exactly one target group pair is needed.")
    (pair,) = pairs
    groups = [group["name"] for group in pair.get("targetGroups", [])]
    routes = [pair.get(route) for route in ("prodTrafficRoute", "testTrafficRoute") if pair.get(route)]
    if len(groups) != 2 or not pair.get("prodTrafficRoute"):
        raise AwsError("InvalidTargetGroupPairException", "Two target groups and a prodTrafficRoute are needed.")
    if any(len(route.get("listenerArns", [])) != 1 for route in routes if route):
        raise AwsError("InvalidTargetGroupPairException", "A traffic route has exactly one listener.")
    try:
        account.client("elbv2").describe_target_groups(Names=groups)
    except ClientError as error:
        raise AwsError("InvalidTargetGroupPairException", error.response["Error"]["Message"]) from error


def _check_blue_green(declared: Json) -> None:
    ready = declared.get("deploymentReadyOption") or {}
    if ready.get("actionOnTimeout", "CONTINUE_DEPLOYMENT") == "CONTINUE_DEPLOYMENT" and ready.get("waitTimeInMinutes"):
        raise AwsError(
            "InvalidBlueGreenDeploymentConfigurationException",
            "waitTimeInMinutes cannot be set when the deployment continues by itself.",
        )
    terminate = declared.get("terminateBlueInstancesOnDeploymentSuccess") or {}
    if not 0 <= terminate.get("terminationWaitTimeInMinutes", 0) <= LONGEST_WAIT:
        raise AwsError(
            "InvalidBlueGreenDeploymentConfigurationException",
            f"terminationWaitTimeInMinutes must be 0 to {LONGEST_WAIT}.",
        )
