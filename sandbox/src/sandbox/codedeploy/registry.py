"""The operations on applications, deployment configurations, groups and revisions."""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import TYPE_CHECKING

from sandbox.account.errors import AwsError
from sandbox.codedeploy.checks import check_config, check_group
from sandbox.codedeploy.state import Json, state_of

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal


def create_application(account: Account, principal: Principal, params: Json) -> Json:
    state, name = state_of(account), params["applicationName"]
    if params.get("computePlatform") != "ECS":
        raise AwsError("InvalidComputePlatformException", "This sandbox simulates the compute platform ECS only.")
    with state.lock:
        if name in state.applications:
            raise AwsError("ApplicationAlreadyExistsException", f"Application already exists: {name}")
        id = str(uuid.uuid4())
        state.applications[name] = {
            "applicationId": id,
            "applicationName": name,
            "createTime": time.time(),
            "linkedToGitHub": False,
            "computePlatform": "ECS",
        }
        _tag(account, f"application:{name}", params)
    return {"applicationId": id}


def get_application(account: Account, principal: Principal, params: Json) -> Json:
    return {"application": _application(account, params["applicationName"])}


def update_application(account: Account, principal: Principal, params: Json) -> Json:
    state, new = state_of(account), params["newApplicationName"]
    with state.lock:
        application = _application(account, params["applicationName"])
        if new in state.applications:
            raise AwsError("ApplicationAlreadyExistsException", f"Application already exists: {new}")
        old = application["applicationName"]
        state.applications[new] = {**state.applications.pop(old), "applicationName": new}
        for _, name in [key for key in state.groups if key[0] == old]:
            state.groups[new, name] = {**state.groups.pop((old, name)), "applicationName": new}
            _move_tags(account, f"deploymentgroup:{old}/{name}", f"deploymentgroup:{new}/{name}")
        _move_tags(account, f"application:{old}", f"application:{new}")
    return {}


def list_applications(account: Account, principal: Principal, params: Json) -> Json:
    return {"applications": sorted(state_of(account).applications)}


def delete_application(account: Account, principal: Principal, params: Json) -> Json:
    """With its groups; one that is not there is no error."""
    state, name = state_of(account), params["applicationName"]
    with state.lock:
        state.applications.pop(name, None)
        for key in [key for key in state.groups if key[0] == name]:
            del state.groups[key]
    return {}


def create_deployment_config(account: Account, principal: Principal, params: Json) -> Json:
    state, name = state_of(account), params["deploymentConfigName"]
    check_config(params)
    with state.lock:
        if name in state.configs:
            raise AwsError("DeploymentConfigAlreadyExistsException", f"Deployment Config already exists: {name}")
        id = str(uuid.uuid4())
        state.configs[name] = {
            "deploymentConfigId": id,
            "deploymentConfigName": name,
            "createTime": time.time(),
            "computePlatform": "ECS",
            "trafficRoutingConfig": params["trafficRoutingConfig"],
        }
    return {"deploymentConfigId": id}


def get_deployment_config(account: Account, principal: Principal, params: Json) -> Json:
    config = state_of(account).configs.get(params["deploymentConfigName"])
    if config is None:
        name = params["deploymentConfigName"]
        raise AwsError("DeploymentConfigDoesNotExistException", f"No Deployment Configuration found for {name}")
    return {"deploymentConfigInfo": config}


def list_deployment_configs(account: Account, principal: Principal, params: Json) -> Json:
    return {"deploymentConfigsList": sorted(state_of(account).configs)}


def delete_deployment_config(account: Account, principal: Principal, params: Json) -> Json:
    state, name = state_of(account), params["deploymentConfigName"]
    with state.lock:
        if any(group["deploymentConfigName"] == name for group in state.groups.values()):
            raise AwsError("DeploymentConfigInUseException", f"The deployment configuration {name} is in use")
        state.configs.pop(name, None)
    return {}


def create_deployment_group(account: Account, principal: Principal, params: Json) -> Json:
    state = state_of(account)
    application, name = params["applicationName"], params["deploymentGroupName"]
    _application(account, application)
    with state.lock:
        if (application, name) in state.groups:
            raise AwsError("DeploymentGroupAlreadyExistsException", f"Deployment group already exists: {name}")
        group = _group_info(params, {})
        check_group(account, group)
        group["deploymentGroupId"] = str(uuid.uuid4())
        state.groups[application, name] = group
        _tag(account, f"deploymentgroup:{application}/{name}", params)
    return {"deploymentGroupId": group["deploymentGroupId"]}


def get_deployment_group(account: Account, principal: Principal, params: Json) -> Json:
    return {"deploymentGroupInfo": _group(account, params["applicationName"], params["deploymentGroupName"])}


def list_deployment_groups(account: Account, principal: Principal, params: Json) -> Json:
    application = _application(account, params["applicationName"])["applicationName"]
    names = sorted(name for app, name in state_of(account).groups if app == application)
    return {"applicationName": application, "deploymentGroups": names}


def update_deployment_group(account: Account, principal: Principal, params: Json) -> Json:
    state, application, name = state_of(account), params["applicationName"], params["currentDeploymentGroupName"]
    with state.lock:
        old = _group(account, application, name)
        new_name = params.get("newDeploymentGroupName") or name
        group = _group_info({**params, "deploymentGroupName": new_name}, old)
        check_group(account, group)
        del state.groups[application, name]
        state.groups[application, new_name] = group
    return {"hooksNotCleanedUp": []}


def delete_deployment_group(account: Account, principal: Principal, params: Json) -> Json:
    state_of(account).groups.pop((params["applicationName"], params["deploymentGroupName"]), None)
    return {"hooksNotCleanedUp": []}


GROUP_DEFAULTS: Json = {
    "deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce",
    "alarmConfiguration": {"enabled": False, "ignorePollAlarmFailure": False, "alarms": []},
    "autoRollbackConfiguration": {"enabled": False, "events": []},
    "blueGreenDeploymentConfiguration": {},
    "outdatedInstancesStrategy": "UPDATE",
}
GROUP_INPUTS = (
    "applicationName", "deploymentGroupName", "deploymentConfigName", "serviceRoleArn", "deploymentStyle",
    "blueGreenDeploymentConfiguration", "loadBalancerInfo", "ecsServices", "alarmConfiguration",
    "autoRollbackConfiguration", "outdatedInstancesStrategy", "triggerConfigurations", "terminationHookEnabled",
)  # fmt: skip


def _group_info(params: Json, old: Json) -> Json:
    inputs = {name: params[name] for name in GROUP_INPUTS if params.get(name) is not None}
    return {**GROUP_DEFAULTS, **old, **inputs, "computePlatform": "ECS"}


def register_application_revision(account: Account, principal: Principal, params: Json) -> Json:
    application = _application(account, params["applicationName"])
    state_of(account).revisions[application["applicationName"], _revision_key(params["revision"])] = {
        "registerTime": time.time(),
        "description": params.get("description", ""),
    }
    return {}


def get_application_revision(account: Account, principal: Principal, params: Json) -> Json:
    application = _application(account, params["applicationName"])["applicationName"]
    revision = state_of(account).revisions.get((application, _revision_key(params["revision"])))
    if revision is None:
        raise AwsError("RevisionDoesNotExistException", "There is no such revision of the application.")
    return {"applicationName": application, "revision": params["revision"], "revisionInfo": revision}


def _revision_key(revision: Json) -> str:
    content = revision.get("appSpecContent") or revision.get("string") or {}
    if "content" in content:
        return hashlib.sha256(str(content["content"]).encode()).hexdigest()
    return str(content.get("sha256") or sorted((revision.get("s3Location") or {}).items()))


def tag_resource(account: Account, principal: Principal, params: Json) -> Json:
    tags = {tag["Key"]: tag["Value"] for tag in params["Tags"]}
    state_of(account).tags.setdefault(params["ResourceArn"], {}).update(tags)
    return {}


def untag_resource(account: Account, principal: Principal, params: Json) -> Json:
    for key in params["TagKeys"]:
        state_of(account).tags.get(params["ResourceArn"], {}).pop(key, None)
    return {}


def list_tags(account: Account, principal: Principal, params: Json) -> Json:
    tags = state_of(account).tags.get(params["ResourceArn"], {})
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _tag(account: Account, resource: str, params: Json) -> None:
    state_of(account).tags[_arn(account, resource)] = {tag["Key"]: tag["Value"] for tag in params.get("tags") or []}


def _move_tags(account: Account, old: str, new: str) -> None:
    state_of(account).tags[_arn(account, new)] = state_of(account).tags.pop(_arn(account, old), {})


def _arn(account: Account, resource: str) -> str:
    return f"arn:aws:codedeploy:{account.region}:{account.id}:{resource}"


def _application(account: Account, name: str) -> Json:
    application = state_of(account).applications.get(name)
    if application is None:
        raise AwsError("ApplicationDoesNotExistException", f"No application found for name: {name}")
    return application


def _group(account: Account, application: str, name: str) -> Json:
    _application(account, application)
    group = state_of(account).groups.get((application, name))
    if group is None:
        raise AwsError("DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}")
    return group
