"""Tags by which costs and owners are found."""

import json
from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from rule import rule, stack_of

WANTED = ("project", "stack")


def _provider(args: ResourceValidationArgs) -> Iterator[str]:
    """The provider puts its default tags on whatever takes tags."""
    given = args.props.get("defaultTags") or {}
    tags = (json.loads(given) if isinstance(given, str) else given).get("tags") or {}
    missing = [tag for tag in WANTED if not tags.get(tag)]
    if missing:
        yield (
            f"what it makes has no tag {' and no tag '.join(missing)}. Set `aws:defaultTags` in "
            f"Pulumi.{stack_of(args.urn)}.yaml to {{tags: {{project: …, stack: …}}}}, or default_tags of this provider."
        )


def _service(args: ResourceValidationArgs) -> Iterator[str]:
    """Tasks are made by ECS, out of the provider's reach."""
    if args.props.get("propagateTags") not in ("SERVICE", "TASK_DEFINITION"):
        yield 'its tasks have no tags. Set propagate_tags="SERVICE", in components/service/ecs_service.py.'


RULES = [
    rule(
        "tags",
        f"Everything that takes tags has {' and '.join(WANTED)}.",
        {"pulumi:providers:aws": _provider, "aws:ecs/service:Service": _service},
    )
]
