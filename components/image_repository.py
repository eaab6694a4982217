"""Where a service's released images are."""

import json
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

KEPT_RELEASES = 100
KEPT_BUILDS = 50

LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": f"The last {KEPT_RELEASES} releases stay",
            "selection": {
                "tagStatus": "tagged",
                "tagPatternList": ["release-*"],
                "countType": "imageCountMoreThan",
                "countNumber": KEPT_RELEASES,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "description": f"Of what was built and not released, the last {KEPT_BUILDS}",
            "selection": {
                "tagStatus": "tagged",
                "tagPatternList": ["content-*"],
                "countType": "imageCountMoreThan",
                "countNumber": KEPT_BUILDS,
            },
            "action": {"type": "expire"},
        },
    ]
}
"""An image that fits a rule of higher priority is not touched by a later one (ECR, lifecycle policies), so a
released image is counted as a release only."""


class ImageRepositoryArgs(TypedDict):
    """Inputs of `ImageRepository`."""

    repository_name: pulumi.Input[str]
    protect: NotRequired[bool]
    """Deletion protection; without it the images are deleted with the stack."""


class ImageRepository(pulumi.ComponentResource):
    """The release repository of a service, written by the pipeline's Package and Release steps only.

    Made before the service that runs its images and the pipeline that pushes them.

    Produces: an `aws.ecr.Repository` with its lifecycle policy.
    """

    name: pulumi.Output[str]
    """The repository's name."""
    arn: pulumi.Output[str]
    """The repository's ARN."""
    url: pulumi.Output[str]
    """What an image's name starts with: `registry/repository`."""

    def __init__(self, name: str, args: ImageRepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:ImageRepository", name, dict(args), opts)
        protect = args.get("protect", False)
        repository = aws.ecr.Repository(
            f"{name}-images",
            name=args["repository_name"],
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
        self.name = repository.name
        self.arn = repository.arn
        self.url = repository.repository_url
        self.register_outputs({"url": self.url})
