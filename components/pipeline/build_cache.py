"""What the steps of a service's builds have made, for the next build: each has a new machine, which has none of it."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from components.platform.image_lifecycle import expire_untagged
from releases.names import build_cache

LIFECYCLE = {"rules": [expire_untagged(1, "What a later build has taken the tag of", 1)]}


def cache_repository(name: str, full_name: str, opts: pulumi.ResourceOptions) -> aws.ecr.Repository:
    """The repository `{name}-cache`, with its lifecycle policy. Nothing is lost with it but time.

    It is not scanned: ECR scans images, and what BuildKit keeps there is none that runs.

    Args:
        name: what the names of both begin with.
        full_name: the service's name in AWS.
        opts: of both.
    """
    repository = aws.ecr.Repository(
        f"{name}-cache",
        name=build_cache(full_name),
        image_tag_mutability="MUTABLE",  # each build moves the tag
        force_delete=True,
        opts=opts,
    )
    aws.ecr.LifecyclePolicy(
        f"{name}-cache-lifecycle", repository=repository.name, policy=json.dumps(LIFECYCLE), opts=opts
    )
    return repository
