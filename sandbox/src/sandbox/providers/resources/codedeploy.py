"""CodeDeploy applications, deployment configurations and deployment groups, of the ECS platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from sandbox.providers.resources.base import AwsResource, Properties, Tagging
from sandbox.providers.resources.codec import reported
from sandbox.providers.types import Aws, Resource

SHIFTS = {"timeBasedCanary": "canary", "timeBasedLinear": "linear"}
SAME = (
    "deploymentConfigName", "serviceRoleArn", "deploymentStyle", "autoRollbackConfiguration",
    "outdatedInstancesStrategy",
)  # fmt: skip
"""A group's properties that the API has just so."""


def _arn(aws: Aws, resource: str) -> str:
    return f"arn:{aws.partition}:codedeploy:{aws.region}:{aws.account}:{resource}"


@dataclass(frozen=True, kw_only=True)
class CodeDeployResource(AwsResource):
    """Something of CodeDeploy's, whose descriptions have no ARN."""

    service: str = "codedeploy"

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        try:
            return super().find(aws, id, props)
        except ClientError as error:
            if "DoesNotExist" in error.response["Error"]["Code"]:
                return None
            raise


class Application(CodeDeployResource):
    """An application; its id is `applicationId:name`."""

    def identify(self, aws: Aws, inputs: Properties, response: Any) -> str:
        return f"{response['applicationId']}:{inputs['name']}"

    def call(self, aws: Aws, operation: str, arguments: Properties, id: str | None = None) -> Any:
        return super().call(aws, operation, arguments, id and id.partition(":")[2])

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        arn = _arn(aws, f"application:{description['applicationName']}")
        return {**super().computed_from(aws, id, description, inputs), "arn": arn}

    def tags(self, aws: Aws, id: str, props: Properties, description: Any) -> dict[str, str]:
        return _tags(aws, _arn(aws, f"application:{description['applicationName']}"))

    def retag(self, aws: Aws, id: str, props: Properties, tags: Any, had: Any) -> None:
        _retag(aws, _arn(aws, f"application:{id.partition(':')[2]}"), tags, had)


class DeploymentConfig(CodeDeployResource):
    """A configuration; its id is its name."""

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        routing = dict(inputs["trafficRoutingConfig"])
        for name, kind in SHIFTS.items():
            if name in routing:
                shift = routing[name]
                routing[name] = {f"{kind}Percentage": shift["percentage"], f"{kind}Interval": shift["interval"]}
        return super().arguments(aws, operation, {**inputs, "trafficRoutingConfig": routing}, lenient=lenient)

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        routing = dict(description["trafficRoutingConfig"])
        for name, kind in SHIFTS.items():
            if name in routing:
                shift = routing[name]
                routing[name] = {"percentage": shift[f"{kind}Percentage"], "interval": shift[f"{kind}Interval"]}
        return super().reported(aws, {**description, "trafficRoutingConfig": routing}, props)

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        return {
            **super().computed_from(aws, id, description, inputs),
            "arn": _arn(aws, f"deploymentconfig:{description['deploymentConfigName']}"),
        }


class DeploymentGroup(CodeDeployResource):
    """A group; its id is the one that CodeDeploy gives it, and calls name it by application and name."""

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        sent = {name: inputs[name] for name in SAME if name in inputs}
        sent["applicationName"] = inputs["appName"]
        if "ecsService" in inputs:
            sent["ecsServices"] = [inputs["ecsService"]]
        if "blueGreenDeploymentConfig" in inputs:
            sent["blueGreenDeploymentConfiguration"] = inputs["blueGreenDeploymentConfig"]
        if "loadBalancerInfo" in inputs:
            sent["loadBalancerInfo"] = {"targetGroupPairInfoList": [inputs["loadBalancerInfo"]["targetGroupPairInfo"]]}
        alarms = inputs.get("alarmConfiguration", {"alarms": [], "enabled": False})
        sent["alarmConfiguration"] = {**alarms, "alarms": [{"name": name} for name in alarms.get("alarms", [])]}
        if operation == "CreateDeploymentGroup":
            sent |= {name: inputs[name] for name in ("deploymentGroupName", "tags") if name in inputs}
        return super().arguments(aws, operation, sent, lenient=lenient)

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        arguments = self.arguments(aws, "UpdateDeploymentGroup", news)
        aws.client("codedeploy").update_deployment_group(
            **arguments,
            currentDeploymentGroupName=olds["deploymentGroupName"],
            newDeploymentGroupName=news["deploymentGroupName"],
        )

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        try:
            return aws.client("codedeploy").get_deployment_group(**_group_names(props))["deploymentGroupInfo"]
        except ClientError as error:
            if "DoesNotExist" in error.response["Error"]["Code"]:
                return None
            raise

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        actual = {
            **{name: description[name] for name in (*SAME, "deploymentGroupName") if name in description},
            "appName": description["applicationName"],
            "ecsService": (description.get("ecsServices") or [None])[0],
            "blueGreenDeploymentConfig": description.get("blueGreenDeploymentConfiguration"),
            "alarmConfiguration": {
                **description["alarmConfiguration"],
                "alarms": [alarm["name"] for alarm in description["alarmConfiguration"].get("alarms", [])],
            },
            "loadBalancerInfo": {
                "targetGroupPairInfo": (
                    (description.get("loadBalancerInfo") or {}).get("targetGroupPairInfoList") or [None]
                )[0]
            },
        }
        return {
            name: reported(actual[name], value, {}) for name, value in props.items() if actual.get(name) is not None
        }

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        arn = _arn(aws, f"deploymentgroup:{description['applicationName']}/{description['deploymentGroupName']}")
        return {**super().computed_from(aws, id, description, inputs), "arn": arn}

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        aws.client("codedeploy").delete_deployment_group(**_group_names(props))

    def tags(self, aws: Aws, id: str, props: Properties, description: Any) -> dict[str, str]:
        return _tags(
            aws, _arn(aws, f"deploymentgroup:{description['applicationName']}/{description['deploymentGroupName']}")
        )

    def retag(self, aws: Aws, id: str, props: Properties, tags: Any, had: Any) -> None:
        names = _group_names(props)
        _retag(
            aws,
            _arn(aws, f"deploymentgroup:{names['applicationName']}/{names['deploymentGroupName']}"),
            tags,
            had,
        )


def _group_names(props: Properties) -> dict[str, str]:
    return {"applicationName": props["appName"], "deploymentGroupName": props["deploymentGroupName"]}


def _tags(aws: Aws, arn: str) -> dict[str, str]:
    tags = aws.client("codedeploy").list_tags_for_resource(ResourceArn=arn)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in tags}


def _retag(aws: Aws, arn: str, tags: dict[str, str], had: dict[str, str]) -> None:
    client = aws.client("codedeploy")
    if stale := [key for key in had if key not in tags]:
        client.untag_resource(ResourceArn=arn, TagKeys=stale)
    if tags:
        client.tag_resource(ResourceArn=arn, Tags=[{"Key": key, "Value": value} for key, value in tags.items()])


RESOURCES: dict[str, Resource] = {
    "aws:codedeploy/application:Application": Application(
        create_call="CreateApplication",
        read_call="GetApplication",
        delete_call="DeleteApplication",
        key="applicationName",
        id="applicationId",
        element="application",
        names={"name": "applicationName"},
        defaults={"computePlatform": "Server"},
        outputs={"applicationId": "applicationId", "linkedToGithub": "linkedToGitHub"},
        tagging=Tagging(),
    ),
    "aws:codedeploy/deploymentConfig:DeploymentConfig": DeploymentConfig(
        create_call="CreateDeploymentConfig",
        read_call="GetDeploymentConfig",
        delete_call="DeleteDeploymentConfig",
        key="deploymentConfigName",
        id="@deploymentConfigName",
        element="deploymentConfigInfo",
        defaults={"computePlatform": "Server"},
        outputs={"deploymentConfigId": "deploymentConfigId"},
    ),
    "aws:codedeploy/deploymentGroup:DeploymentGroup": DeploymentGroup(
        create_call="CreateDeploymentGroup",
        read_call="GetDeploymentGroup",
        delete_call="DeleteDeploymentGroup",
        key="deploymentGroupName",
        id="deploymentGroupId",
        element="deploymentGroupInfo",
        outputs={"deploymentGroupId": "deploymentGroupId", "computePlatform": "computePlatform"},
        # Whatever its words, terraform-provider-aws tries again (internal/service/deploy/deployment_group.go).
        refused_role=("InvalidRoleException", ""),
        tagging=Tagging(),
    ),
}
