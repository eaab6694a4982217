"""Image repositories and what is deleted from them in time."""

from __future__ import annotations

from typing import Any

from sandbox.providers.resources.base import AwsResource, Properties, Tagging, changed, dig
from sandbox.providers.resources.codec import text
from sandbox.providers.types import Aws, Resource


class Repository(AwsResource):
    """A repository; one that holds images is deleted with `forceDelete` only."""

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        if changed(olds, news, "imageTagMutability", "imageTagMutabilityExclusionFilters"):
            sent = {k: v for k, v in news.items() if k.startswith("imageTagMutability")}
            self.call(aws, "PutImageTagMutability", self.arguments(aws, "PutImageTagMutability", sent), id)
        if changed(olds, news, "imageScanningConfiguration"):
            sent = {"imageScanningConfiguration": news["imageScanningConfiguration"]}
            arguments = self.arguments(aws, "PutImageScanningConfiguration", sent)
            self.call(aws, "PutImageScanningConfiguration", arguments, id)

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        force = text(props.get("forceDelete", False)) == "true"
        self.call(aws, "DeleteRepository", {"force": force}, id)


class LifecyclePolicy(AwsResource):
    """The lifecycle policy of a repository; id = the repository's name."""

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        description = super().find(aws, id, props)
        return None if description is None else {**description, "policy": description["lifecyclePolicyText"]}

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        return {"registryId": dig(description, "registryId") or aws.account}


class RepositoryPolicy(AwsResource):
    """Who may use a repository besides its own account; id = the repository's name."""

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        description = super().find(aws, id, props)
        return None if description is None else {**description, "policy": description["policyText"]}

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        return {"registryId": dig(description, "registryId") or aws.account}


RESOURCES: dict[str, Resource] = {
    "aws:ecr/repository:Repository": Repository(
        service="ecr",
        create_call="CreateRepository",
        read_call="DescribeRepositories",
        delete_call="DeleteRepository",
        key="repositoryName",
        id="repository.repositoryName",
        element="repositories.0",
        names={"name": "repositoryName"},
        apart=frozenset({"forceDelete"}),
        defaults={"imageTagMutability": "MUTABLE"},
        outputs={"arn": "repositoryArn", "registryId": "registryId", "repositoryUrl": "repositoryUri"},
        tagging=Tagging(),
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": LifecyclePolicy(
        service="ecr",
        create_call="PutLifecyclePolicy",
        read_call="GetLifecyclePolicy",
        update_call="PutLifecyclePolicy",
        delete_call="DeleteLifecyclePolicy",
        key="repositoryName",
        id="repositoryName",
        element="",
        names={"repository": "repositoryName", "policy": "lifecyclePolicyText"},
    ),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": RepositoryPolicy(
        service="ecr",
        create_call="SetRepositoryPolicy",
        read_call="GetRepositoryPolicy",
        update_call="SetRepositoryPolicy",
        delete_call="DeleteRepositoryPolicy",
        key="repositoryName",
        id="repositoryName",
        element="",
        names={"repository": "repositoryName", "policy": "policyText"},
    ),
}
