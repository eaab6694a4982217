"""Namespaces of Cloud Map."""

from __future__ import annotations

from typing import Any

from sandbox.providers.resources.base import AwsResource, Properties, Tagging
from sandbox.providers.types import Aws, Resource


class HttpNamespace(AwsResource):
    """A namespace without DNS; its id is what the operation that creates it has made."""

    def identify(self, aws: Aws, inputs: Properties, response: Any) -> str:
        operation = aws.client("servicediscovery").get_operation(OperationId=response["OperationId"])["Operation"]
        return str(operation["Targets"]["NAMESPACE"])


RESOURCES: dict[str, Resource] = {
    "aws:servicediscovery/httpNamespace:HttpNamespace": HttpNamespace(
        service="servicediscovery",
        create_call="CreateHttpNamespace",
        read_call="GetNamespace",
        delete_call="DeleteNamespace",
        key="Id",
        id="Id",
        element="Namespace",
        outputs={"arn": "Arn", "httpName": "Properties.HttpProperties.HttpName"},
        tagging=Tagging(path="Tags"),
    ),
}
