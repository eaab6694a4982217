"""The checks that ECS makes before it starts anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from sandbox.account.errors import AwsError
from sandbox.ecs import strategies
from sandbox.ecs.model import Json, Service

if TYPE_CHECKING:
    from sandbox.account.account import Account

CODE_DEPLOY_REFUSED = {
    "taskDefinition": "Unable to update task definition on services with a CODE_DEPLOY deployment controller.",
    "networkConfiguration": (
        "Unable to update network parameters on services with a CODE_DEPLOY deployment controller."
    ),
    "platformVersion": ("Unable to update platform version on services with a CODE_DEPLOY deployment controller."),
    "loadBalancers": "Unable to update load balancers on services with a CODE_DEPLOY deployment controller.",
    "serviceRegistries": ("Unable to update service registries on services with a CODE_DEPLOY deployment controller."),
    "forceNewDeployment": ("Cannot force a new deployment on services with a CODE_DEPLOY deployment controller."),
}


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message, 400)


def check_load_balancers(account: Account, balancers: list[Json], definition: Json) -> None:
    """Each entry names an existing target group, a container of the task and one of its ports."""
    containers = {container["name"]: container for container in definition["containerDefinitions"]}
    for balancer in [*balancers, *_alternates(balancers)]:
        arn = balancer.get("targetGroupArn")
        if not arn:
            raise invalid("Either loadBalancerName or targetGroupArn must be specified.")
        name, port = balancer.get("containerName"), balancer.get("containerPort")
        if name not in containers:
            raise invalid(f"The container {name} does not exist in the task definition.")
        ports = {mapping.get("containerPort") for mapping in containers[name].get("portMappings", [])}
        if port not in ports:
            raise invalid(f"The container {name} did not have a container port {port} defined.")
        group = target_group(account, arn)
        if definition.get("networkMode") == "awsvpc" and group.get("TargetType") != "ip":
            raise invalid(
                f"The provided target group {arn} has target type {group.get('TargetType')}, which is"
                " incompatible with the awsvpc network mode specified in the task definition."
            )
        if not group.get("LoadBalancerArns"):
            raise invalid(f"The target group with targetGroupArn {arn} does not have an associated load balancer.")


def _alternates(balancers: list[Json]) -> list[Json]:
    return [
        {**balancer, "targetGroupArn": balancer["advancedConfiguration"]["alternateTargetGroupArn"]}
        for balancer in balancers
        if (balancer.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")
    ]


def target_group(account: Account, arn: str) -> Json:
    try:
        groups = account.client("elbv2").describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    except ClientError:
        groups = []
    if not groups:
        raise invalid(f"Unable to assume role and validate the specified targetGroupArn: {arn} not found.")
    return dict(groups[0])


def check_network(account: Account, definition: Json, network: Json | None) -> None:
    """A task of the awsvpc network mode needs existing subnets, and no other mode may have them."""
    declared = (network or {}).get("awsvpcConfiguration")
    if definition.get("networkMode") == "awsvpc":
        if not declared:
            raise invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
        if not declared.get("subnets"):
            raise invalid("subnets can not be empty.")
        _check_exists(account, declared)
    elif declared:
        raise invalid("Network Configuration is not valid for the given networkMode of this task definition.")


def _check_exists(account: Account, declared: Json) -> None:
    ec2 = account.client("ec2")
    try:
        ec2.describe_subnets(SubnetIds=declared["subnets"])
        if declared.get("securityGroups"):
            ec2.describe_security_groups(GroupIds=declared["securityGroups"])
    except ClientError as error:
        answer = error.response["Error"]
        kind = "subnet" if "Subnet" in answer["Code"] else "security group"
        raise invalid(
            f"Error retrieving {kind} information: {answer['Message']} (ErrorCode: {answer['Code']})"
        ) from error


def check_deployment_configuration(settings: Json, sent: Json) -> None:
    """What ECS refuses of a deploymentConfiguration; `sent` is what the request has of it."""
    configuration = settings["deploymentConfiguration"]
    for problem in strategies.problems(configuration, sent, settings["loadBalancers"]):
        raise invalid(problem)
    fewest = configuration.get("minimumHealthyPercent", 100)
    most = configuration.get("maximumPercent", 200)
    if most < 100 or fewest > most or (fewest >= 100 and most <= 100):
        raise invalid(
            f"The specified deployment configuration (minimumHealthyPercent={fewest},"
            f" maximumPercent={most}) would block deployments."
        )


def check_controller(settings: Json) -> None:
    """What does not go with a deployment controller (API reference, CreateService)."""
    controller = settings["deploymentController"]["type"]
    if controller == "EXTERNAL":
        raise invalid("The deployment controller EXTERNAL is not simulated by this sandbox.")
    if controller != "CODE_DEPLOY":
        return
    if settings["deploymentConfiguration"].get("strategy", "ROLLING") != "ROLLING":
        strategy = settings["deploymentConfiguration"]["strategy"]
        raise invalid(f"The deployment strategy {strategy} needs the ECS deployment controller.")  # wording not seen
    if len(settings["loadBalancers"]) != 1:
        raise invalid("Services with a CODE_DEPLOY deployment controller need exactly one target group.")
    if settings["deploymentConfiguration"].get("deploymentCircuitBreaker", {}).get("enable"):
        raise invalid("DeploymentCircuitBreaker feature can be configured with ECS deployment controller only.")
    if settings["deploymentConfiguration"].get("alarms", {}).get("enable"):
        raise invalid("Deployment alarms can be configured with ECS deployment controller only.")


def check_placement(settings: Json) -> None:
    if settings.get("launchType") and settings.get("capacityProviderStrategy"):
        raise invalid("Specifying both a launch type and capacity provider strategy is not supported.")
    strategy = settings.get("capacityProviderStrategy") or []
    # API reference, CapacityProviderStrategyItem; the wording was not seen.
    if len(strategy) > 1 and not any(item.get("weight") for item in strategy):
        raise invalid("At least one capacity provider must have a weight value greater than zero.")
    if sum(bool(item.get("base")) for item in strategy) > 1:
        raise invalid("Only one capacity provider in a capacity provider strategy can have a base defined.")


def check_launch(settings: Json, definition: Json) -> None:
    """Fargate runs what was registered for it (fabfuel/ecs-deploy#50 and others)."""
    providers = [each["capacityProvider"] for each in settings.get("capacityProviderStrategy") or []]
    on_fargate = settings.get("launchType") == "FARGATE" or any(name.startswith("FARGATE") for name in providers)
    if on_fargate and "FARGATE" not in definition.get("compatibilities", ["FARGATE"]):
        raise invalid("Task definition does not support launch_type FARGATE.")


def check_sessions(settings: Json, definition: Json) -> None:
    """ECS Exec's agent needs a role to be."""
    if settings.get("enableExecuteCommand") and not definition.get("taskRoleArn"):
        raise invalid(
            "The service couldn't be updated because a valid taskRoleArn is not being used. Specify a valid task role"
            " in your task definition and try again."
        )


def check_update(service: Service, params: Json) -> None:
    """Refuse updates of what is gone, what takes a new deployment, and what CodeDeploy alone may change."""
    if service.status != "ACTIVE":
        raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.", 400)
    strategy = params.get("capacityProviderStrategy")
    moves = strategy is not None and strategy != service.settings.get("capacityProviderStrategy", [])
    if moves and not params.get("forceNewDeployment"):
        raise invalid(
            "When switching from launch type to capacity provider strategy on an existing service, or making a change"
            " to a capacity provider strategy on a service that is already using one, you must force a new deployment."
        )
    strategy_now = service.settings["deploymentConfiguration"].get("strategy", "ROLLING")
    strategy_then = (params.get("deploymentConfiguration") or {}).get("strategy") or strategy_now
    if service.ongoing and strategy_then != strategy_now:
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/update-bluegreen-to-rolling.html; wording not seen
        raise invalid(
            f"Unable to change the deployment strategy from {strategy_now} to {strategy_then} while a service"
            f" deployment is in progress: {service.ongoing.arn}"
        )
    if service.controller != "CODE_DEPLOY":
        return
    for name, message in CODE_DEPLOY_REFUSED.items():
        if params.get(name):
            raise invalid(f"{message} Use AWS CodeDeploy to trigger a new deployment.")
