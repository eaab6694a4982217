"""Parameter Store parameters, KMS keys and aliases."""

from __future__ import annotations

from typing import Any

from sandbox.providers.resources.base import AwsResource, Properties, Tagging, changed
from sandbox.providers.resources.codec import reported, text
from sandbox.providers.resources.iam import document
from sandbox.providers.types import Aws, Resource

VALUES = ("value", "insecureValue", "valueWo")


class Parameter(AwsResource):
    """A parameter. `insecureValue` and `valueWo` are other ways to give its value."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Put it; without `overwrite` one of that name is an error."""
        self._put(aws, inputs, overwrite=text(inputs.get("overwrite", False)) == "true")
        if inputs.get("tags"):
            self.retag(aws, inputs["name"], inputs, inputs["tags"], {})
        return inputs["name"], self.computed(aws, inputs["name"], inputs)

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        if changed(olds, news, *VALUES, "type", "keyId", "description", "tier", "allowedPattern", "dataType"):
            self._put(aws, news, overwrite=True)

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        parameter = super().find(aws, id, props)
        if parameter is None:
            return None
        filters = [{"Key": "Name", "Option": "Equals", "Values": [id]}]
        described = aws.client("ssm").describe_parameters(ParameterFilters=filters)["Parameters"]
        return {**(described[0] if described else {}), **parameter}

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        state = super().reported(aws, description, {k: v for k, v in props.items() if k not in VALUES})
        name = "insecureValue" if "insecureValue" in props and description["Type"] != "SecureString" else "value"
        if "valueWo" not in props:
            same = text(props.get(name, "")) == description["Value"]
            state[name] = props.get(name, "") if same else description["Value"]
        return state

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        computed = super().computed_from(aws, id, description, inputs)
        if description["Type"] == "SecureString":
            computed.setdefault("keyId", description.get("KeyId", "alias/aws/ssm"))
        return {**computed, "hasValueWo": "valueWo" in inputs}

    def call(self, aws: Aws, operation: str, arguments: Properties, id: str | None = None) -> Any:
        extra = {"WithDecryption": True} if operation == "GetParameter" else {}
        return super().call(aws, operation, {**arguments, **extra}, id)

    def _put(self, aws: Aws, inputs: Properties, overwrite: bool) -> None:
        value = next(inputs[name] for name in VALUES if name in inputs)
        sent = {k: v for k, v in inputs.items() if k not in (*VALUES, "valueWoVersion", "arn", "tags")}
        arguments = self.arguments(aws, "PutParameter", {**sent, "value": value, "overwrite": overwrite})
        aws.client("ssm").put_parameter(**arguments)


class Key(AwsResource):
    """A KMS key; deleting it schedules the deletion."""

    def settle(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        client = aws.client("kms")
        if changed(olds, news, "enableKeyRotation"):
            rotating = text(news["enableKeyRotation"]) == "true"
            (client.enable_key_rotation if rotating else client.disable_key_rotation)(KeyId=id)
        if changed(olds, news, "isEnabled") and (olds or text(news["isEnabled"]) == "false"):
            enabled = text(news["isEnabled"]) == "true"
            (client.enable_key if enabled else client.disable_key)(KeyId=id)

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        if changed(olds, news, "description"):
            aws.client("kms").update_key_description(KeyId=id, Description=news["description"])
        if changed(olds, news, "policy"):
            aws.client("kms").put_key_policy(KeyId=id, PolicyName="default", Policy=document(news["policy"]))

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        key = super().find(aws, id, props)
        if key is None or key["KeyState"] in ("PendingDeletion", "PendingReplicaDeletion"):
            return None
        client = aws.client("kms")
        return {
            **key,
            "Policy": client.get_key_policy(KeyId=id, PolicyName="default")["Policy"],
            "EnableKeyRotation": client.get_key_rotation_status(KeyId=id)["KeyRotationEnabled"],
            "IsEnabled": key["Enabled"],
        }

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        return super().reported(aws, description, props) | declared_switches(description, props)

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        days = int(props.get("deletionWindowInDays", 30))
        aws.client("kms").schedule_key_deletion(KeyId=id, PendingWindowInDays=days)


class Alias(AwsResource):
    """Another name ("alias/…") of a key."""

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        client = aws.client("kms")
        pages = client.get_paginator("list_aliases").paginate()
        alias = next((a for page in pages for a in page["Aliases"] if a["AliasName"] == id), None)
        if alias is None:
            return None
        key = client.describe_key(KeyId=alias["TargetKeyId"])["KeyMetadata"]
        return {**alias, "TargetKeyArn": key["Arn"]}

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        by_arn = str(props.get("targetKeyId", "")).startswith("arn:")
        target = description["TargetKeyArn" if by_arn else "TargetKeyId"]
        return super().reported(aws, {**description, "TargetKeyId": target}, props)


def declared_switches(description: Properties, props: Properties) -> Properties:
    """The key's switches, which its description does not hold."""
    state = {"enableKeyRotation": "EnableKeyRotation", "isEnabled": "IsEnabled"}
    return {name: reported(description[key], props[name], {}) for name, key in state.items() if name in props}


RESOURCES: dict[str, Resource] = {
    "aws:ssm/parameter:Parameter": Parameter(
        service="ssm",
        create_call="PutParameter",
        read_call="GetParameter",
        delete_call="DeleteParameter",
        key="Name",
        id="@name",
        element="Parameter",
        outputs={
            "arn": "ARN",
            "version": "Version",
            "dataType": "DataType",
            "tier": "Tier",
            "type": "Type",
        },
        tagging=Tagging(
            "AddTagsToResource",
            "RemoveTagsFromResource",
            path="TagList",
            by="id",
            extra={"ResourceType": "Parameter"},
        ),
    ),
    "aws:kms/key:Key": Key(
        service="kms",
        create_call="CreateKey",
        read_call="DescribeKey",
        delete_call="ScheduleKeyDeletion",
        key="KeyId",
        id="KeyMetadata.KeyId",
        element="KeyMetadata",
        apart=frozenset({"deletionWindowInDays", "enableKeyRotation", "isEnabled", "rotationPeriodInDays"}),
        names={"bypassPolicyLockoutSafetyCheck": "BypassPolicyLockoutSafetyCheck"},
        defaults={"description": ""},
        outputs={
            "arn": "Arn",
            "keyId": "KeyId",
            "description": "Description",
            "policy": "Policy",
            "keyUsage": "KeyUsage",
            "multiRegion": "MultiRegion",
        },
        tagging=Tagging(listing="ListResourceTags", path="Tags", by="id"),
    ),
    "aws:kms/alias:Alias": Alias(
        service="kms",
        create_call="CreateAlias",
        read_call="ListAliases",
        update_call="UpdateAlias",
        delete_call="DeleteAlias",
        key="AliasName",
        id="@name",
        element="",
        names={"name": "AliasName"},
        outputs={"arn": "AliasArn", "targetKeyArn": "TargetKeyArn"},
    ),
}
