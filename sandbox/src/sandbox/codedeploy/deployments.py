"""The operations on deployments; `run` has the steps of one."""

from __future__ import annotations

import hashlib
import secrets
import string
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

from moto.codedeploy.models import codedeploy_backends

from sandbox.account.errors import AwsError
from sandbox.codedeploy.appspec import AppSpecError, parse
from sandbox.codedeploy.run import Run
from sandbox.codedeploy.state import Json, state_of

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

UNFINISHED = ("Created", "Queued", "InProgress", "Ready")
LETTERS = string.ascii_uppercase + string.digits


def create_deployment(account: Account, principal: Principal, params: Json) -> Json:
    state = state_of(account)
    application, name = params["applicationName"], params.get("deploymentGroupName", "")
    with state.lock:
        if application not in state.applications:
            raise AwsError("ApplicationDoesNotExistException", f"No application found for name: {application}")
        group = state.groups.get((application, name))
        if group is None:
            raise AwsError("DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}")
        for other in state.deployments.values():
            if (other["applicationName"], other["deploymentGroupName"]) == (application, name) and (
                other["status"] in UNFINISHED
            ):
                raise AwsError(
                    "DeploymentLimitExceededException",
                    f"The Deployment Group '{name}' already has an active Deployment '{other['deploymentId']}'",
                )
        config = params.get("deploymentConfigName") or group["deploymentConfigName"]
        if config not in state.configs:
            raise AwsError("DeploymentConfigDoesNotExistException", f"No Deployment Configuration found for {config}")
        try:
            spec = parse(_content(params.get("revision")))
        except AppSpecError as error:
            raise AwsError("InvalidRevisionException", str(error)) from error
        info = _info(group, params, config)
        run = Run(account, info, dict(group), dict(state.configs[config]), spec)
        _keep(account, info)
        state.runs[info["deploymentId"]] = run
    account.spawn(f"codedeploy {info['deploymentId']}", lambda: run.run(lambda r, event: _rollback(account, r, event)))
    return {"deploymentId": info["deploymentId"]}


def _content(revision: Json | None) -> str:
    if not revision:
        raise AwsError("RevisionRequiredException", "The revision ID was not specified.")
    content = revision.get("appSpecContent") or revision.get("string")
    if revision.get("revisionType") not in ("AppSpecContent", "String") or not content:
        raise AwsError(
            "InvalidRevisionException", "This sandbox takes the AppSpec within the revision only (AppSpecContent)."
        )
    text = str(content["content"])
    if content.get("sha256") and content["sha256"] != hashlib.sha256(text.encode()).hexdigest():
        raise AwsError("InvalidRevisionException", "The AppSpec's content does not have this sha256.")
    return text


def _info(group: Json, params: Json, config: str) -> Json:
    return {
        "deploymentId": _new_id(),
        "applicationName": group["applicationName"],
        "deploymentGroupName": group["deploymentGroupName"],
        "deploymentConfigName": config,
        "revision": params["revision"],
        "status": "Created",
        "createTime": time.time(),
        "description": params.get("description", ""),
        "creator": "user",
        "autoRollbackConfiguration": params.get("autoRollbackConfiguration")
        or group.get("autoRollbackConfiguration", {"enabled": False}),
        "deploymentStyle": group["deploymentStyle"],
        "blueGreenDeploymentConfiguration": group["blueGreenDeploymentConfiguration"],
        "loadBalancerInfo": group["loadBalancerInfo"],
        "computePlatform": "ECS",
    }


def _new_id() -> str:
    return "d-" + "".join(secrets.choice(LETTERS) for _ in range(9))


def _rollback(account: Account, run: Run, event: str) -> str:
    """CodeDeploy shows a rollback as a deployment of its own; the traffic is back when it is recorded."""
    failed = run.info
    message = {
        "DEPLOYMENT_FAILURE": "Rollback was triggered because the deployment failed.",
        "DEPLOYMENT_STOP_ON_ALARM": "Rollback was triggered by an alarm.",
    }.get(event, "Rollback was triggered because the deployment was stopped.")
    info = {
        **{name: value for name, value in failed.items() if name not in ("errorInformation", "rollbackInfo")},
        "deploymentId": _new_id(),
        "creator": "codeDeployRollback",
        "status": "Succeeded",
        "createTime": time.time(),
        "startTime": time.time(),
        "completeTime": time.time(),
        "rollbackInfo": {"rollbackTriggeringDeploymentId": failed["deploymentId"], "rollbackMessage": message},
    }
    with state_of(account).lock:
        _keep(account, info)
    return str(info["deploymentId"])


def _keep(account: Account, info: Json) -> None:
    """Also record it in moto, which authorisation asks for a deployment's group."""
    id = info["deploymentId"]
    state_of(account).deployments[id] = info
    codedeploy_backends[account.id][account.region].deployments[id] = SimpleNamespace(  # type: ignore[assignment]
        application_name=info["applicationName"], deployment_group_name=info["deploymentGroupName"]
    )


def get_deployment(account: Account, principal: Principal, params: Json) -> Json:
    return {"deploymentInfo": _find(account, params["deploymentId"])}


def batch_get_deployments(account: Account, principal: Principal, params: Json) -> Json:
    deployments = state_of(account).deployments
    return {"deploymentsInfo": [deployments[id] for id in params["deploymentIds"] if id in deployments]}


def list_deployments(account: Account, principal: Principal, params: Json) -> Json:
    """The newest first."""
    filters = {name: params[name] for name in ("applicationName", "deploymentGroupName") if params.get(name)}
    statuses = params.get("includeOnlyStatuses")
    return {
        "deployments": [
            id
            for id, info in reversed(state_of(account).deployments.items())
            if all(info[name] == value for name, value in filters.items())
            and (not statuses or info["status"] in statuses)
        ]
    }


def stop_deployment(account: Account, principal: Principal, params: Json) -> Json:
    info = _find(account, params["deploymentId"])
    if info["status"] not in UNFINISHED:
        raise AwsError("DeploymentAlreadyCompletedException", "The deployment is completed already.")
    run = state_of(account).runs[info["deploymentId"]]
    run.rolls_back_when_stopped = params.get("autoRollbackEnabled", True)
    run.stop.set()
    return {"status": "Pending", "statusMessage": "The deployment is being stopped."}


def continue_deployment(account: Account, principal: Principal, params: Json) -> Json:
    info = _find(account, params["deploymentId"])
    if info["status"] != "Ready" or params.get("deploymentWaitType", "READY_WAIT") != "READY_WAIT":
        raise AwsError("DeploymentIsNotInReadyStateException", "The deployment does not wait to be continued.")
    state_of(account).runs[info["deploymentId"]].go_on.set()
    return {}


def put_hook_status(account: Account, principal: Principal, params: Json) -> Json:
    _find(account, params["deploymentId"])
    hooks, id = state_of(account).runs[params["deploymentId"]].hooks, params["lifecycleEventHookExecutionId"]
    if id not in hooks:
        raise AwsError("InvalidLifecycleEventHookExecutionIdException", "There is no such hook execution.")
    hooks[id] = params["status"]
    return {"lifecycleEventHookExecutionId": id}


def list_targets(account: Account, principal: Principal, params: Json) -> Json:
    return {"targetIds": [_target(account, params["deploymentId"])["ecsTarget"]["targetId"]]}


def get_target(account: Account, principal: Principal, params: Json) -> Json:
    return {"deploymentTarget": _target(account, params["deploymentId"])}


def batch_get_targets(account: Account, principal: Principal, params: Json) -> Json:
    return {"deploymentTargets": [_target(account, params["deploymentId"])]}


def _target(account: Account, id: str) -> Json:
    info, run = _find(account, id), state_of(account).runs.get(id)
    (service,) = state_of(account).groups[info["applicationName"], info["deploymentGroupName"]]["ecsServices"]
    sets = [("Blue", run.blue), ("Green", run.green)] if run else []
    statuses = {"Succeeded": "Succeeded", "Failed": "Failed", "Stopped": "Failed", "Ready": "Ready"}
    return {
        "deploymentTargetType": "ECSTarget",
        "ecsTarget": {
            "deploymentId": id,
            "targetId": f"{service['clusterName']}:{service['serviceName']}",
            "status": statuses.get(info["status"], "InProgress"),
            "lifecycleEvents": list(run.events.values()) if run else [],
            "taskSetsInfo": [
                {
                    "identifer": task_set["id"],
                    "status": task_set["status"],
                    "taskSetLabel": label,
                    "desiredCount": task_set["computedDesiredCount"],
                    "trafficWeight": float(run.weights.get(task_set["loadBalancers"][0]["targetGroupArn"], 0)),
                    "targetGroup": {"name": task_set["loadBalancers"][0]["targetGroupArn"].split("/")[-2]},
                }
                for label, task_set in sets
                if run and task_set
            ],
        },
    }


def _find(account: Account, id: str) -> Json:
    info = state_of(account).deployments.get(id)
    if info is None:
        raise AwsError("DeploymentDoesNotExistException", f"The deployment {id} could not be found")
    return info
