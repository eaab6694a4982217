"""Images that a tag could exchange under a task."""

import json
from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from image_names import may_change
from rule import rule


def _task_definition(args: ResourceValidationArgs) -> Iterator[str]:
    yield from _containers(args.props["containerDefinitions"])


def _template(args: ResourceValidationArgs) -> Iterator[str]:
    """CodeDeploy's task definition is an object in S3."""
    if str(args.props["key"]).endswith("/taskdef.json"):
        yield from _containers(json.dumps(json.loads(args.props["content"])["containerDefinitions"]))


def _containers(definitions: str) -> Iterator[str]:
    for container in json.loads(definitions):
        image = container["image"]
        if may_change(image):
            yield (
                f"container {container['name']} runs {image}, and a tag may be another image tomorrow. In the "
                "template in task_templates/, write ${image} for the service's own image and NAME@sha256:… for any "
                "other."
            )


RULES = [
    rule(
        "no-mutable-image-tags",
        "A task's images are named by digest, or by the tag `live` of a service's own repository.",
        {
            "aws:ecs/taskDefinition:TaskDefinition": _task_definition,
            "aws:s3/bucketObjectv2:BucketObjectv2": _template,
        },
    )
]
