"""IAM policies that allow more than is named."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs

from aws_access import ATTACHMENTS, IDENTITY_POLICIES, ROLE, condition_keys, listed, statements
from rule import rule
from wildcards import ANY_RESOURCE

TOO_WIDE = re.compile(r".*/(AdministratorAccess|PowerUserAccess|IAMFullAccess|\w+FullAccess)")
"""Policies of AWS's own that allow every action of a service, or of all."""


def _document(args: ResourceValidationArgs) -> Iterator[str]:
    for statement in statements(args.props.get("policy")):
        yield from _statement(statement)


def _role(args: ResourceValidationArgs) -> Iterator[str]:
    for inline in listed(args.props.get("inlinePolicies")):
        for statement in statements(inline.get("policy")):
            yield from _statement(statement)
    for arn in listed(args.props.get("managedPolicyArns")):
        yield from _managed(arn)


def _attachment(args: ResourceValidationArgs) -> Iterator[str]:
    yield from _managed(args.props["policyArn"])


def _managed(arn: str) -> Iterator[str]:
    if TOO_WIDE.fullmatch(arn):
        yield f"{arn} allows everything of a service. Name the actions and ARNs in components/iam/."


def _statement(statement: Mapping[str, Any]) -> Iterator[str]:
    if statement["Effect"] != "Allow":
        return
    name = f"statement {statement['Sid']}" if "Sid" in statement else "a statement"
    for inverse in ("NotAction", "NotResource"):
        if inverse in statement:
            yield f"{name} allows all but what {inverse} lists. Name what is allowed, in components/iam/."
    actions = listed(statement.get("Action"))
    for action in actions:
        if "*" in action or "?" in action:
            yield f"{name} allows {action}. Name each action, in components/iam/."
    wide = [arn for arn in listed(statement.get("Resource")) if names_nothing(arn)]
    if not wide:
        return
    keys = condition_keys(statement.get("Condition"))
    for action in actions:
        reason = ANY_RESOURCE.get(action)
        if reason is None:
            yield (
                f"{name} allows {action} on {wide[0]}. Name the resource's ARN, in components/iam/; if AWS "
                "has none for this action, write that into policy/wildcards.py."
            )
        elif reason.condition not in (None, *keys):
            yield f"{name} allows {action} on {wide[0]}. It {reason.why}: hold it to a {reason.condition} instead."


def names_nothing(arn: str) -> bool:
    """Whether an ARN of a policy has a wildcard before anything of the resource is named, but its kind."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return "*" in arn
    *where, resource = parts
    if any("*" in part for part in where):
        return True
    kind = "" if where[2] == "s3" else r"([a-z-]+[:/]/?)?"
    return re.match(rf"{kind}\*", resource) is not None


RULES = [
    rule(
        "no-wildcards-without-a-reason",
        "A policy names the actions and the resources that it allows.",
        {
            **dict.fromkeys(IDENTITY_POLICIES, _document),
            ROLE: _role,
            **dict.fromkeys(ATTACHMENTS, _attachment),
        },
    )
]
