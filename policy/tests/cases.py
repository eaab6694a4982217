"""A rule asked about a resource, as the engine asks it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from rules import RULES

UNKNOWN = UNKNOWN_STRING_VALUE
"""A value that a preview does not know yet."""


def violations(
    name: str,
    token: str,
    properties: Mapping[str, Any],
    *,
    stack: str = "prd",
    protect: bool = False,
    component: str = "fargate-delivery:index:EcsService",
) -> list[str]:
    """What a rule says of one resource, `chuoi-thing`, which a component `chuoi` has made."""
    (policy,) = [policy for policy in RULES if policy.name == name]
    assert isinstance(policy, ResourceValidationPolicy)
    parent = f"urn:pulumi:{stack}::fargate-delivery::{component}::chuoi"
    urn = f"urn:pulumi:{stack}::fargate-delivery::{component}${token}::chuoi-thing"
    props = unknown_checking_proxy(dict(properties))
    reported: list[str] = []

    def report(message: str, _: str | None) -> None:
        reported.append(message)

    args = ResourceValidationArgs(token, props, urn, "chuoi-thing", _options(protect, parent), None)
    policy.validate(args, report)
    return reported


def resource(token: str, name: str, properties: Mapping[str, Any], **sources: PolicyResource) -> PolicyResource:
    """A resource of a stack; `sources` says what a property comes from."""
    return PolicyResource(
        token,
        unknown_checking_proxy(dict(properties)),
        f"urn:pulumi:prd::fargate-delivery::{token}::{name}",
        name,
        _options(False, None),
        None,
        None,
        list(sources.values()),
        {key: [source] for key, source in sources.items()},
    )


def stack_violations(name: str, resources: Sequence[PolicyResource]) -> list[tuple[str, str]]:
    """What a rule says of a stack: resource and message."""
    (policy,) = [policy for policy in RULES if policy.name == name]
    assert isinstance(policy, StackValidationPolicy)
    reported: list[tuple[str, str]] = []

    def report(message: str, urn: str | None) -> None:
        reported.append(((urn or "").rpartition("::")[2], message))

    policy.validate(StackValidationArgs(list(resources)), report)
    return reported


def refused(said: Sequence[str], *words: str) -> None:
    """One violation, that names the resource and has these words, of which the mend is one."""
    assert len(said) == 1, said
    assert said[0].startswith("chuoi-thing: ")
    for word in words:
        assert word in said[0], said[0]


def judged(said: Sequence[str], words: str | None) -> None:
    """No violation without words, and with them one that has them."""
    if words is None:
        assert said == []
    else:
        refused(said, words)


def _options(protect: bool, parent: str | None) -> PolicyResourceOptions:
    return PolicyResourceOptions(protect, [], None, [], PolicyCustomTimeouts(0, 0, 0), [], parent)
