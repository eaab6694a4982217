"""The operations on services, and the scheduling loop of each.

Clusters, task definitions and tags stay moto's. A service is also put into moto's own table, because
its tag and scaling calls look there; nothing is ever read back from that record but its tags.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sandbox.account.errors import AwsError
from sandbox.ecs import strategies
from sandbox.ecs.deployment import Deployment
from sandbox.ecs.deployments import Scheduler, begin
from sandbox.ecs.events import publish_deployment, publish_hook
from sandbox.ecs.hooks import caller
from sandbox.ecs.listener_rules import ListenerRules
from sandbox.ecs.model import Json, Service
from sandbox.ecs.moto_record import forget_service, record_service, service_tags
from sandbox.ecs.native import NativeScheduler, Surroundings
from sandbox.ecs.service_connect import check_service_connect, known_endpoints, register
from sandbox.ecs.shapes import service_shape
from sandbox.ecs.state import cluster_arn, find_service, short_name, state_of, task_definition
from sandbox.ecs.task_sets import TaskSetScheduler
from sandbox.ecs.tasks import Launcher
from sandbox.ecs.validation import (
    check_controller,
    check_deployment_configuration,
    check_launch,
    check_load_balancers,
    check_network,
    check_placement,
    check_sessions,
    check_update,
    invalid,
)

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

DEFAULTS: Json = {
    "schedulingStrategy": "REPLICA",
    "deploymentController": {"type": "ECS"},
    "propagateTags": "NONE",
    "enableECSManagedTags": False,
    "enableExecuteCommand": False,
    "availabilityZoneRebalancing": "ENABLED",
    "loadBalancers": [],
    "serviceRegistries": [],
    "placementConstraints": [],
    "placementStrategy": [],
}
DEPLOYMENT_DEFAULTS: Json = {
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "strategy": "ROLLING",
}
STARTS_DEPLOYMENT = (
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "volumeConfigurations",
    "serviceConnectConfiguration",
)
NOT_SETTINGS = ("cluster", "service", "serviceName", "taskDefinition", "desiredCount", "tags", "clientToken")
IDLE_SECONDS = 1.0


def create_service(account: Account, principal: Principal, params: Json) -> Json:
    cluster = cluster_arn(account, params.get("cluster"))
    name = params["serviceName"]
    if not params.get("taskDefinition"):
        raise invalid("TaskDefinition cannot be null or empty.")
    settings = {**DEFAULTS, **{k: v for k, v in params.items() if k not in NOT_SETTINGS}}
    _complete(settings)
    definition = task_definition(account, params["taskDefinition"])
    _check(account, settings, definition, params)
    check_service_connect(account, name, settings, definition)
    state = state_of(account)
    with state.lock:
        existing = state.service(cluster, name)
        if existing and existing.status != "INACTIVE":
            draining = existing.status == "DRAINING"
            message = "Unable to Start a service that is still Draining." if draining else None
            raise invalid(message or "Creation of service was not idempotent.")
        arn = record_service(account, cluster, name, settings["deploymentController"], params.get("tags") or [])
        deployment = Deployment(definition["taskDefinitionArn"], _inputs(settings))
        service = Service(
            name=name,
            arn=arn,
            cluster_arn=cluster,
            desired_count=int(params.get("desiredCount") or 0),
            settings=settings,
            deployments=[deployment],
            history=[deployment],
            created_by=principal.arn,
        )
        state.services[short_name(cluster), name] = service
    deployment.endpoints = known_endpoints(account, settings)
    register(account, service)
    if service.controller == "ECS":
        publish_deployment(account, service, deployment, "SERVICE_DEPLOYMENT_IN_PROGRESS", deployment.rollout_reason)
    account.spawn(f"ecs {name}", lambda: drive(account, service))
    return {"service": _shape(account, service)}


def update_service(account: Account, principal: Principal, params: Json) -> Json:
    service = find_service(account, params)
    check_update(service, params)
    changes = {k: v for k, v in params.items() if k not in NOT_SETTINGS and k != "forceNewDeployment"}
    with service.lock:
        service.stale = _shape(account, service) if account.readings.stale_services else None
        settings = {**service.settings, **changes}
        if changes.get("deploymentConfiguration"):
            configuration = service.settings["deploymentConfiguration"]
            settings["deploymentConfiguration"] = {**configuration, **changes["deploymentConfiguration"]}
        _complete(settings)
        current = service.primary
        definition = task_definition(account, params.get("taskDefinition") or current.task_definition)
        _check(account, settings, definition, params)
        check_service_connect(account, service.arn, settings, definition)
        revision: str = definition["taskDefinitionArn"]
        needed = service.controller == "ECS" and (
            bool(params.get("forceNewDeployment"))
            or revision != current.task_definition
            or any(settings.get(key) != service.settings.get(key) for key in STARTS_DEPLOYMENT)
        )
        service.settings = settings
        if params.get("desiredCount") is not None:
            service.desired_count = int(params["desiredCount"])
        if needed:
            deployment = Deployment(revision, _inputs(settings), endpoints=known_endpoints(account, settings))
            register(account, service)
            begin(service, deployment)
            publish_deployment(
                account, service, deployment, "SERVICE_DEPLOYMENT_IN_PROGRESS", deployment.rollout_reason
            )
        service.wake.set()
    return {"service": _shape(account, service)}


def delete_service(account: Account, principal: Principal, params: Json) -> Json:
    service = find_service(account, params)
    with service.lock:
        if service.status != "ACTIVE":
            raise AwsError("ServiceNotFoundException", "Service not found.", 400)
        if service.desired_count > 0 and not params.get("force"):
            raise invalid("The service cannot be stopped while it is scaled above 0.")
        service.desired_count = 0
        service.status = "DRAINING"
        service.wake.set()
        answer = _shape(account, service)
    register(account, service)
    forget_service(account, service.cluster_arn, service.name)
    return {"service": answer}


def describe_services(account: Account, principal: Principal, params: Json) -> Json:
    cluster = cluster_arn(account, params.get("cluster"))
    tags = "TAGS" in params.get("include", [])
    services, failures = [], []
    for name_or_arn in params["services"]:
        service = state_of(account).service(cluster, name_or_arn)
        if service:
            services.append(service.stale or _shape(account, service, tags))
            service.stale = None
        else:
            in_cluster = f"{cluster.replace(':cluster/', ':service/')}/{name_or_arn}"
            arn = name_or_arn if name_or_arn.startswith("arn:") else in_cluster
            failures.append({"arn": arn, "reason": "MISSING"})
    return {"services": services, "failures": failures}


def list_services(account: Account, principal: Principal, params: Json) -> Json:
    cluster = cluster_arn(account, params.get("cluster"))
    with state_of(account).lock:
        services = list(state_of(account).services.values())
    arns = [
        service.arn
        for service in services
        if service.cluster_arn == cluster
        and service.status != "INACTIVE"
        and params.get("launchType") in (None, service.settings.get("launchType"))
        and params.get("schedulingStrategy") in (None, service.settings["schedulingStrategy"])
    ]
    return {"serviceArns": sorted(arns)}


def drive(account: Account, service: Service) -> None:
    """The service's loop: ends when the service is gone."""
    scheduler = _scheduler(account, service)
    while service.status != "INACTIVE":
        service.wake.clear()
        scheduler.step(time.monotonic())
        under_way = len(service.deployments) > 1 or service.ongoing or service.primary.rollout_state == "IN_PROGRESS"
        busy = bool(under_way) or service.primary.not_before > time.monotonic()
        service.wake.wait(0.1 if busy else IDLE_SECONDS)


def _scheduler(account: Account, service: Service) -> Scheduler:
    def publish(*event: Any) -> None:
        publish_deployment(account, *event)

    def alarms(names: Sequence[str]) -> list[Json]:
        return list(account.client("cloudwatch").describe_alarms(AlarmNames=list(names))["MetricAlarms"])

    common = (service, Launcher(account), publish, account.clock.scale, alarms)
    if service.controller == "CODE_DEPLOY":
        return TaskSetScheduler(*common)
    surroundings = Surroundings(
        ListenerRules(account),
        caller(account, service.wake.set),
        lambda *hook: publish_hook(account, *hook),
        breaker=not account.readings.rolling_breaker,
    )
    return NativeScheduler(*common, surroundings)


def _complete(settings: Json) -> None:
    """Fill in what ECS itself decides: percentages, launch type, platform."""
    settings["deploymentConfiguration"] = strategies.completed(
        {**DEPLOYMENT_DEFAULTS, **(settings.get("deploymentConfiguration") or {})}
    )
    check_placement(settings)
    if not settings.get("capacityProviderStrategy"):
        settings.setdefault("launchType", "EC2")
    else:
        settings.pop("launchType", None)
    settings.setdefault("platformVersion", "LATEST")
    settings.setdefault("platformFamily", "Linux")
    if settings["loadBalancers"]:
        settings.setdefault("healthCheckGracePeriodSeconds", 0)


def _check(account: Account, settings: Json, definition: Json, params: Json) -> None:
    check_launch(settings, definition)
    check_network(account, definition, settings.get("networkConfiguration"))
    check_load_balancers(account, settings["loadBalancers"], definition)
    check_deployment_configuration(settings, params.get("deploymentConfiguration") or {})
    check_controller(settings)
    check_sessions(settings, definition)


def _inputs(settings: Json) -> dict[str, Any]:
    names = (*STARTS_DEPLOYMENT, "capacityProviderStrategy", "launchType", "platformFamily")
    return {name: settings[name] for name in names if settings.get(name) is not None}


def _shape(account: Account, service: Service, tags: bool = True) -> Json:
    shape = service_shape(service, service_tags(account, service.arn) if tags else None)
    shifts = service.controller == "ECS" and service.settings["deploymentConfiguration"]["strategy"] != "ROLLING"
    if shifts and account.readings.unstated_rollouts:
        for deployment in shape["deployments"]:
            del deployment["rolloutState"], deployment["rolloutStateReason"]
    return shape
