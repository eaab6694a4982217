"""Where a service's released images are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.iam import policies
from components.platform.image_lifecycle import keep_last
from components.platform.platform import Platform
from releases.names import LIVE, content_tag, release_tag

KEPT_RELEASES = 100
KEPT_BUILDS = 50


LIFECYCLE = {
    "rules": [
        keep_last(1, "What is live stays, however long ago it was pushed", LIVE, 1),
        keep_last(2, f"The last {KEPT_RELEASES} releases stay", release_tag("*"), KEPT_RELEASES),
        keep_last(3, f"Of what was built and not released, the last {KEPT_BUILDS}", content_tag("*"), KEPT_BUILDS),
    ]
}
"""An image that fits a rule is not touched by one of higher number, whether or not the first lets it expire (ECR, "How
lifecycle policies work"). So a released image is counted as a release only, and what is live, which is one image at
most, as that only: ECR goes by when an image was pushed, and not by when a tag was put on it (containers-roadmap#2746),
so an old one that is deployed again by its digest would be the oldest release."""


class ImageRepositoryArgs(TypedDict):
    """Inputs of `ImageRepository`."""

    platform: Platform
    """The platform, with its deletion protection; without protection the images are deleted with the stack."""
    readers: NotRequired[Sequence[str]]
    """The ARNs of roles of other accounts that pull from it."""


class ImageRepository(pulumi.ComponentResource):
    """The release repository of a service, to which only the pipeline's Build, Package and Release write.

    It is created before the service that runs its images and the pipeline that pushes them.

    Produces: an `aws.ecr.Repository` with its lifecycle policy and, for readers, its policy.
    """

    name: pulumi.Output[str]
    """The repository's name."""
    arn: pulumi.Output[str]
    """The repository's ARN."""
    url: pulumi.Output[str]
    """The beginning of its images' names: `registry/repository`."""

    def __init__(self, name: str, args: ImageRepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        repository_name, protect = args["platform"].scope.name(name), args["platform"].protect
        inputs = {"repository_name": repository_name, "protect": protect}
        super().__init__("fargate-delivery:index:ImageRepository", name, inputs, opts)
        repository = aws.ecr.Repository(
            f"{name}-images",
            name=repository_name,
            image_tag_mutability="MUTABLE",  # `live` moves; see docs/decisions/0003-tags.md
            image_scanning_configuration={"scan_on_push": True},
            force_delete=not protect,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        aws.ecr.LifecyclePolicy(
            f"{name}-images-lifecycle",
            repository=repository.name,
            policy=json.dumps(LIFECYCLE),
            opts=pulumi.ResourceOptions(parent=self),
        )
        if readers := args.get("readers"):
            aws.ecr.RepositoryPolicy(
                f"{name}-images-policy",
                repository=repository.name,
                policy=json.dumps(policies.let_pull(readers)),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.name = repository.name
        self.arn = repository.arn
        self.url = repository.repository_url
        self.register_outputs({"url": self.url})
