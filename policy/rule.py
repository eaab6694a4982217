"""What the rules are made of."""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pulumi_policy import (
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

PRODUCTION = re.compile(r"prd(-.*)?")
"""The stacks that production's rules are for, by name."""

Check = Callable[[ResourceValidationArgs], Iterable[str]]
StackCheck = Callable[[list[PolicyResource]], Iterable[tuple[PolicyResource, str]]]


def rule(name: str, description: str, checks: Mapping[str, Check]) -> ResourceValidationPolicy:
    """A rule about single resources.

    A preview does not know every value yet. What it does not know is judged by the `up`, which knows it before the
    resource is made.

    Args:
        name: of the rule, in the engine's messages.
        description: what holds, in one sentence.
        checks: resource type → what yields a sentence for each violation: what is wrong, and how it is mended.
    """

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if (check := checks.get(args.resource_type)) is not None:
            with contextlib.suppress(UnknownValueError):
                for problem in check(args):
                    report(f"{args.name}: {problem}", None)

    return ResourceValidationPolicy(name, description, validate)


def production_rule(name: str, description: str, checks: Mapping[str, Check]) -> ResourceValidationPolicy:
    """A rule about single resources of production's stacks."""
    return rule(name, description, {token: _in_production(check) for token, check in checks.items()})


def stack_rule(name: str, description: str, check: StackCheck) -> StackValidationPolicy:
    """A rule about how resources go together. The engine asks at the end: of a preview, and of an `up` once more.

    Args:
        name: of the rule, in the engine's messages.
        description: what holds, in one sentence.
        check: yields for each violation its resource and a sentence: what is wrong, and how it is mended.
    """

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for resource, problem in check(args.resources):
            report(f"{resource.name}: {problem}", resource.urn)

    return StackValidationPolicy(name, description, validate)


def of_buckets(resources: list[PolicyResource], kind: str) -> dict[str, list[PolicyResource]]:
    """Bucket's URN → what of this type is about it."""
    about: dict[str, list[PolicyResource]] = {}
    for resource in resources:
        if resource.resource_type == kind:
            for bucket in resource.property_dependencies.get("bucket", []):
                about.setdefault(bucket.urn, []).append(resource)
    return about


def stack_of(urn: str) -> str:
    """The stack of a resource."""
    return urn.split("::")[0].removeprefix("urn:pulumi:")


def in_production(urn: str) -> bool:
    """Whether a resource is one of production's."""
    return PRODUCTION.fullmatch(stack_of(urn)) is not None


def service_key(args: ResourceValidationArgs, key: str) -> str:
    """A key of the service that a resource is for, in the stack file. A service's components have its name."""
    service = (args.opts.parent or "").rpartition("::")[2] or "SERVICE"
    return stack_key(args, f"services.{service}.{key}")


def stack_key(args: ResourceValidationArgs, key: str) -> str:
    """A key of the stack file."""
    return f"`fargate-delivery:{key}` in Pulumi.{stack_of(args.urn)}.yaml"


def known(properties: Mapping[str, Any], name: str) -> Any:
    """A property's value, as far as it is known; None when it is not, or not set."""
    try:
        value = properties.get(name)
    except UnknownValueError:
        return None
    if isinstance(value, Mapping):
        return {key: known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [known({"": item}, "") for item in _known_items(value)]
    return value


def _known_items(items: Sequence[Any]) -> Iterator[Any]:
    for index in range(len(items)):
        with contextlib.suppress(UnknownValueError):
            yield items[index]


def _in_production(check: Check) -> Check:
    return lambda args: check(args) if in_production(args.urn) else ()
