"""The operations on service deployments and service revisions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.account.errors import AwsError
from sandbox.account.protocol import present
from sandbox.ecs.deployment import Deployment
from sandbox.ecs.deployments import breaker_threshold
from sandbox.ecs.hooks import HookRun
from sandbox.ecs.model import Json, Service
from sandbox.ecs.native import requested
from sandbox.ecs.service_deployment import ENDED, ServiceDeployment, revision_arn
from sandbox.ecs.shapes import counts, seconds
from sandbox.ecs.state import find_service, state_of
from sandbox.ecs.validation import invalid

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

PAGE = 20
REVISION_INPUTS = (
    *("capacityProviderStrategy", "launchType", "platformVersion", "platformFamily", "loadBalancers"),
    *("serviceRegistries", "networkConfiguration", "serviceConnectConfiguration", "volumeConfigurations"),
)
NOT_THERE = AwsError("ServiceDeploymentNotFoundException", "The service deployment does not exist.", 400)
HOOK_GONE = "Provided hookId is either completed, unavailable, or not associated with the given Resource ARN"


def list_service_deployments(account: Account, principal: Principal, params: Json) -> Json:
    """The newest first, in pages."""
    service = find_service(account, params)
    created, wanted = params.get("createdAt") or {}, params.get("status")
    found = [
        deployment
        for deployment in reversed(service.service_deployments)
        if (not wanted or deployment.status in wanted) and _within(deployment.created_at, created)
    ]
    start, size = int(params.get("nextToken") or 0), int(params.get("maxResults") or PAGE)
    page = [_brief(service, deployment) for deployment in found[start : start + size]]
    more = {"nextToken": str(start + size)} if start + size < len(found) else {}
    return {"serviceDeployments": page, **more}


def describe_service_deployments(account: Account, principal: Principal, params: Json) -> Json:
    described, failures = [], []
    for arn in params["serviceDeploymentArns"]:
        service, deployment = _find(account, arn)
        if service and deployment:
            with service.lock:
                described.append(_shape(service, deployment))
        else:
            failures.append({"arn": arn, "reason": "MISSING"})
    return {"serviceDeployments": described, "failures": failures}


def describe_service_revisions(account: Account, principal: Principal, params: Json) -> Json:
    revisions: dict[str, tuple[Service, Deployment]] = {
        revision_arn(service.arn, deployment): (service, deployment)
        for service in _services(account)
        for deployment in service.history
    }
    arns = params["serviceRevisionArns"]
    return {
        "serviceRevisions": [_revision(*revisions[arn]) for arn in arns if arn in revisions],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in revisions],
    }


def stop_service_deployment(account: Account, principal: Principal, params: Json) -> Json:
    """Roll back (stop-service-deployment.html). Of ABORT the API has the name and no page says what it does."""
    arn, aborts = params["serviceDeploymentArn"], params.get("stopType") == "ABORT"
    service, deployment = _find(account, arn)
    if service is None or deployment is None:
        raise NOT_THERE
    if aborts and not account.readings.aborted_deployments:
        raise invalid("Invalid stopType. The valid values are ROLLBACK.")  # wording not seen; API reference
    with service.lock:
        if deployment.ended:
            message = "Stopping a service deployment is not allowed for service deployment in terminal states."
            raise AwsError("ConflictException", message, 400)  # wording not seen; like ContinueServiceDeployment's
        if deployment is service.ongoing and deployment.rollback is None and deployment.asked is None:
            deployment.asked = "ABORT" if aborts else "ROLLBACK"
            deployment.move("STOP_REQUESTED" if aborts else "ROLLBACK_REQUESTED")
            service.wake.set()
    return {"serviceDeploymentArn": arn}


def continue_service_deployment(account: Account, principal: Principal, params: Json) -> Json:
    """Words: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/troubleshooting-blue-green.html"""
    arn, hook = params["serviceDeploymentArn"], params["hookId"]
    service, deployment = _find(account, arn)
    if service is None or deployment is None:
        raise NOT_THERE
    if not hook.startswith(("ecs-pause-", "ecs-lambda-")):
        raise invalid("Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}")
    with service.lock:
        if deployment.ended:
            raise invalid("Continuing a service deployment is not allowed for service deployment in terminal states.")
        run = next((each for each in deployment.hooks if each.id == hook), None)
        if run is None or run.status != "AWAITING_ACTION" or run.decision:
            raise invalid(HOOK_GONE)
        run.decision = params.get("action") or "CONTINUE"
        service.wake.set()
    return {"serviceDeploymentArn": arn}


def _services(account: Account) -> Iterator[Service]:
    state = state_of(account)
    with state.lock:
        services = list(state.services.values())
    yield from services


def _find(account: Account, arn: str) -> tuple[Service | None, ServiceDeployment | None]:
    for service in _services(account):
        for deployment in service.service_deployments:
            if deployment.arn == arn:
                return service, deployment
    return None, None


def _within(moment: datetime, created: Json) -> bool:
    after, before = created.get("after"), created.get("before")
    return (after is None or moment.timestamp() >= _epoch(after)) and (
        before is None or moment.timestamp() <= _epoch(before)
    )


def _epoch(moment: Any) -> float:
    return float(moment.timestamp() if isinstance(moment, datetime) else moment)


def _brief(service: Service, deployment: ServiceDeployment) -> Json:
    return present(
        {
            "serviceDeploymentArn": deployment.arn,
            "serviceArn": service.arn,
            "clusterArn": service.cluster_arn,
            "startedAt": seconds(deployment.started_at),
            "createdAt": seconds(deployment.created_at),
            "finishedAt": seconds(deployment.finished_at),
            "targetServiceRevisionArn": revision_arn(service.arn, deployment.target),
            "status": deployment.status,
            "statusReason": deployment.reason,
        }
    )


def _shape(service: Service, deployment: ServiceDeployment) -> Json:
    brief = {k: v for k, v in _brief(service, deployment).items() if k != "targetServiceRevisionArn"}
    configuration = deployment.configuration
    breaker, alarms = configuration.get("deploymentCircuitBreaker") or {}, configuration.get("alarms") or {}
    return present(
        {
            **brief,
            "stoppedAt": seconds(deployment.stopped_at),
            "updatedAt": seconds(deployment.updated_at),
            "sourceServiceRevisions": [_summary(service, deployment, each) for each in deployment.sources],
            "targetServiceRevision": _summary(service, deployment, deployment.target),
            "lifecycleStage": None if deployment.strategy == "ROLLING" else deployment.stage,
            "lifecycleHookDetails": [_hook(run) for run in deployment.hooks] or None,
            "deploymentConfiguration": configuration,
            "rollback": deployment.rollback,
            "deploymentCircuitBreaker": {
                "status": _monitor(deployment, breaker, "circuit breaker"),
                "failureCount": deployment.target.failed_tasks,
                "threshold": breaker_threshold(breaker, service.desired_count),
            },
            "alarms": {
                "status": _monitor(deployment, alarms, "alarm"),
                "alarmNames": list(alarms.get("alarmNames", [])),
                "triggeredAlarmNames": deployment.triggered_alarms,
            },
        }
    )


def _monitor(deployment: ServiceDeployment, declared: Json, by: str) -> str:
    if not declared.get("enable"):
        return "DISABLED"
    if deployment.failed_by == by:
        return "TRIGGERED"
    return "MONITORING_COMPLETE" if deployment.status in ENDED else "MONITORING"


def _summary(service: Service, deployment: ServiceDeployment, revision: Deployment) -> Json:
    running, pending = counts(service.tasks_of(revision))
    native = deployment.strategy != "ROLLING"
    wanted = requested(service, revision) if native or revision is deployment.target else 0
    return present(
        {
            "arn": revision_arn(service.arn, revision),
            "requestedTaskCount": wanted,
            "runningTaskCount": running,
            "pendingTaskCount": pending,
            "requestedTestTrafficWeight": deployment.test.get(revision.id) if native else None,
            "requestedProductionTrafficWeight": deployment.production.get(revision.id) if native else None,
        }
    )


def _hook(run: HookRun) -> Json:
    return present(
        {
            "hookId": run.id,
            "targetType": run.kind,
            "targetArn": run.declared.get("hookTargetArn"),
            "status": run.status,
            "expiresAt": seconds(run.expires_at),
            "timeoutAction": run.timeout_action,
        }
    )


def _revision(service: Service, deployment: Deployment) -> Json:
    resolved = [
        present(
            {
                "targetGroupArn": each.get("targetGroupArn"),
                "productionListenerRule": (each.get("advancedConfiguration") or {}).get("productionListenerRule"),
            }
        )
        for each in deployment.balancers
    ]
    inputs = deployment.inputs
    return present(
        {
            "serviceRevisionArn": revision_arn(service.arn, deployment),
            "serviceArn": service.arn,
            "clusterArn": service.cluster_arn,
            "taskDefinition": deployment.task_definition,
            "containerImages": _images(service, deployment),
            "createdAt": seconds(deployment.created_at),
            "resolvedConfiguration": {"loadBalancers": resolved} if resolved else None,
            **{name: inputs.get(name) for name in REVISION_INPUTS},
        }
    )


def _images(service: Service, deployment: Deployment) -> list[Json]:
    """Once the first task has resolved them."""
    task = next(iter(service.tasks_of(deployment)), None)
    if task is None:
        return []
    return [
        present({"containerName": each.name, "image": each.image, "imageDigest": each.digest})
        for each in task.containers
    ]
