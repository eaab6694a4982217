"""Tags of a service's own, on all that it is made of and that takes tags, beside those that the provider gives."""

from collections.abc import Iterable, Mapping

import pulumi

MOST = 10
"""Of an object (S3, PutObjectTagging), which takes fewest of all that there is."""


def alike(keys: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of keys that differ in case only, which are one key of a role's (IAM, Rules for tagging)."""
    first: dict[str, str] = {}
    return [(first[same], key) for key in keys if first.setdefault(same := key.casefold(), key) != key]


def tagged(tags: Mapping[str, str]) -> pulumi.ResourceOptions:
    """Options of a component by which all that it is made of has these tags.

    ECS gives a service's to its tasks (`propagate_tags`), so that costs and owners are found by them.
    """
    if not tags:
        return pulumi.ResourceOptions()

    def tag(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not hasattr(type(args.resource), "tags"):
            return None
        return pulumi.ResourceTransformationResult({**args.props, "tags": dict(tags)}, args.opts)

    return pulumi.ResourceOptions(transformations=[tag])
