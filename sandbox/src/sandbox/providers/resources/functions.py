"""Lambda functions, whose code is a zip in S3, who may call them, and how events that they fail on are tried again."""

from __future__ import annotations

import json
from typing import Any

from sandbox.providers.resources.base import AwsResource, Properties, Tagging, changed
from sandbox.providers.types import Aws, Resource

CODE = ("s3Bucket", "s3Key", "s3ObjectVersion")
UNREPORTED = (*CODE, "sourceCodeHash")
"""AWS tells a hash of the code, not where it came from."""


class Function(AwsResource):
    """A function; its id is its name."""

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        sent = {name: value for name, value in inputs.items() if name not in UNREPORTED}
        if operation == self.create_call:
            sent["code"] = _code(inputs)
        return super().arguments(aws, operation, sent, lenient=lenient)

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        super().change(aws, id, olds, news)
        if changed(olds, news, *UNREPORTED):
            arguments = super().arguments(aws, "UpdateFunctionCode", _code(news))
            self.call(aws, "UpdateFunctionCode", arguments, id)

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        unreported = {name: props[name] for name in UNREPORTED if name in props}
        return {**super().reported(aws, description, props), **unreported}


class Permission(AwsResource):
    """A statement of a function's policy; its id is the statement's."""

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        policy = super().find(aws, props["function"], props)
        statements = json.loads(policy)["Statement"] if policy else []
        return next((each for each in statements if each["Sid"] == id), None)

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        statement = {
            "function": description["Resource"] if props["function"].startswith("arn:") else props["function"],
            "action": description["Action"],
            "principal": description["Principal"]["Service"],
            "sourceArn": description.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn"),
            "statementId": description["Sid"],
        }
        return {name: value for name, value in statement.items() if name in props}

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        self.call(aws, self.delete_call, {"StatementId": id}, props["function"])


def _code(props: Properties) -> Properties:
    return {name: props[name] for name in CODE if name in props}


RESOURCES: dict[str, Resource] = {
    "aws:lambda/function:Function": Function(
        service="lambda",
        create_call="CreateFunction",
        read_call="GetFunction",
        update_call="UpdateFunctionConfiguration",
        delete_call="DeleteFunction",
        key="FunctionName",
        id="@name",
        element="Configuration",
        names={"name": "FunctionName"},
        outputs={
            "arn": "FunctionArn",
            "codeSha256": "CodeSha256",
            "lastModified": "LastModified",
            "sourceCodeSize": "CodeSize",
            "version": "Version",
        },
        tagging=Tagging(listing="ListTags", path="Tags"),
        refused_role=("InvalidParameterValueException", "cannot be assumed by Lambda"),
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": AwsResource(
        service="lambda",
        create_call="PutFunctionEventInvokeConfig",
        read_call="GetFunctionEventInvokeConfig",
        update_call="PutFunctionEventInvokeConfig",
        delete_call="DeleteFunctionEventInvokeConfig",
        key="FunctionName",
        id="@functionName",
        element="",
    ),
    "aws:lambda/permission:Permission": Permission(
        service="lambda",
        create_call="AddPermission",
        read_call="GetPolicy",
        delete_call="RemovePermission",
        key="FunctionName",
        id="@statementId",
        element="Policy",
        names={"function": "FunctionName"},
    ),
}
