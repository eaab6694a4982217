"""The names that pulumi-aws gives to resources without one."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.providers.schema import Schema

RANDOM = 7
"""Hexadecimal digits after the logical name."""


@dataclass(frozen=True)
class Rule:
    """How a type is named (pulumi-aws, provider/resources.go: AutoName and AutoNameTransform)."""

    property: str = "name"
    longest: int = 255
    shape: Callable[[str], str] = str


RULES: Mapping[str, Rule] = {
    "aws:s3/bucket:Bucket": Rule("bucket", 63, str.lower),
    "aws:ecr/repository:Repository": Rule(shape=str.lower),
    "aws:iam/role:Role": Rule(longest=64),
    "aws:kms/alias:Alias": Rule(shape="alias/{}".format),
    "aws:lb/loadBalancer:LoadBalancer": Rule(longest=32),
    "aws:lb/targetGroup:TargetGroup": Rule(longest=32),
}
NOT_NAMED = frozenset({"aws:route53/record:Record", "aws:route53/zone:Zone"})


def with_name(
    schema: Schema, logical: str, seed: bytes, olds: Mapping[str, Any], news: dict[str, Any]
) -> dict[str, Any]:
    """The inputs with a name, where the program gives none: the old one, else `logical` and random digits.

    Raises:
        ValueError: the name would be longer than AWS allows.
    """
    rule = RULES.get(schema.token, Rule())
    has_name = rule.property in news or f"{rule.property}Prefix" in news
    if has_name or schema.token in NOT_NAMED or rule.property not in schema.inputs():
        return news
    if rule.property in olds:
        return {**news, rule.property: olds[rule.property]}
    digits = hashlib.sha256(seed + logical.encode()).hexdigest()[:RANDOM]
    name = rule.shape(f"{logical}-{digits}")
    if len(name) > rule.longest:
        raise ValueError(f"name '{logical}-' plus {RANDOM} random chars is longer than maximum length {rule.longest}")
    return {**news, rule.property: name}
