"""The repository that an app team pushes images to, and that nothing is deployed from."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from components.platform.image_lifecycle import expire_untagged, keep_last
from releases.names import content_tag, inbox

DAYS_UNTAGGED, KEPT_CONTENTS = 14, 100
LIFECYCLE = {
    "rules": [
        expire_untagged(1, "What a later push has taken the tag of; Package has copied it long ago", DAYS_UNTAGGED),
        keep_last(2, f"Of what pull requests have built, the last {KEPT_CONTENTS}", content_tag("*"), KEPT_CONTENTS),
    ]
}
"""Other tags are the app team's to keep; what is released is in the service's own repository."""


def inbox_repository(name: str, full_name: str, *, protect: bool, opts: pulumi.ResourceOptions) -> aws.ecr.Repository:
    """The inbox `{name}-inbox`, with its lifecycle policy.

    Args:
        name: what the names of both begin with.
        full_name: the service's name in AWS.
        protect: whether it may not be deleted; without it the images go with it.
        opts: of both.
    """
    repository = aws.ecr.Repository(
        f"{name}-inbox",
        name=inbox(full_name),
        image_tag_mutability="MUTABLE",  # each push moves the tag
        image_scanning_configuration={"scan_on_push": True},
        force_delete=not protect,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=protect)),
    )
    aws.ecr.LifecyclePolicy(
        f"{name}-inbox-lifecycle", repository=repository.name, policy=json.dumps(LIFECYCLE), opts=opts
    )
    return repository
