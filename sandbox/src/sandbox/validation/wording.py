"""How each service answers a request that breaks its model: code, message, HTTP status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.account.errors import AwsError
from sandbox.validation.shapes import Violation

CODES = {
    "codestar-connections": "ValidationException",
    "ecr": "InvalidParameterException",
    "ecs": "InvalidParameterException",
    "logs": "InvalidParameterException",
    "route53": "InvalidInput",
    "sns": "InvalidParameter",
    "sqs": "InvalidParameterValue",
}
"""Services with a code of their own; the others have their protocol's.

Sources: each service's API reference (``InvalidParameterException`` of ECR, ECS and CloudWatch Logs, ``InvalidInput``
of Route 53, ``InvalidParameter`` of SNS) and, for what users see, aws-actions/amazon-ecr-login#225,
hashicorp/terraform-provider-aws#41023 (CodePipeline), widdix/aws-cf-templates#136 (CloudWatch),
aws-samples/aws-last-mile-delivery-hyperlocal#115 (IAM).
"""

_PROTOCOL_CODES = {"query": "ValidationError", "ec2": "InvalidParameterValue"}

_AWS_QUERY_CODES = {"cloudwatch": "ValidationError"}
"""Services that speak JSON and keep the codes of their query protocol."""

_PARTS = {
    "items": "Member must satisfy constraint: [{}]",
    "keys": "Map keys must satisfy constraint: [{}]",
    "values": "Map value must satisfy constraint: [{}]",
}


def error_of(service: str, protocol: str, violations: Sequence[Violation]) -> AwsError:
    """The error of a request that breaks its model in one way or several."""
    if protocol == "ec2":
        return _ec2(violations[0])
    if service == "s3":
        return _s3(violations[0])
    wrong_type = next((violation for violation in violations if violation.kind == "type"), None)
    if wrong_type is not None and protocol in ("json", "rest-json"):
        return AwsError("SerializationException", _type_words(wrong_type))
    if service == "ecr":
        return AwsError(CODES["ecr"], _ecr(violations[0]))
    code = CODES.get(service) or _AWS_QUERY_CODES.get(service) or _PROTOCOL_CODES.get(protocol, "ValidationException")
    return AwsError(code, message_of(violations))


def message_of(violations: Sequence[Violation]) -> str:
    """AWS's common wording, for all violations at once."""
    count = len(violations)
    sentences = "; ".join(
        f"{_subject(each)} at '{dotted(each.path)}' failed to satisfy constraint: {_constraint(each)}"
        for each in violations
    )
    return f"{count} validation error{'' if count == 1 else 's'} detected: {sentences}"


def dotted(path: Sequence[str]) -> str:
    """A path as AWS writes it: ``pipeline.stages.1.member.name``."""
    return ".".join(part[:1].lower() + part[1:] for part in path)


def _subject(violation: Violation) -> str:
    if violation.kind == "missing":
        return "Value null"
    if violation.sensitive or violation.part == "values":
        return "Value"
    return f"Value '{_text(violation.value)}'"


def _text(value: Any) -> str:
    """A value as Java prints it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_text(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    return str(value)


def _constraint(violation: Violation) -> str:
    text = ", ".join(violation.constraints)
    return _PARTS[violation.part].format(text) if violation.part in _PARTS else text


def _type_words(violation: Violation) -> str:
    kind = violation.constraints[0].rpartition(" ")[2]
    return f"The value at '{dotted(violation.path)}' can not be converted to a {kind}"


def _ecr(violation: Violation) -> str:
    constraint = _constraint(violation)
    if violation.part == "member":
        constraint = constraint.removeprefix("Member ")
        constraint = constraint.replace("regular expression pattern: ", "regular expression '") + (
            "'" if violation.kind == "pattern" else ""
        )
    return f"Invalid parameter at '{dotted(violation.path)}' failed to satisfy constraint: '{constraint}'"


def _ec2(violation: Violation) -> AwsError:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""
    name = violation.path[-1] if violation.path else "request"
    name = violation.path[-3] if name == "member" and len(violation.path) > 2 else name
    if violation.kind == "missing":
        return AwsError("MissingParameter", f"The request must contain the parameter {name}")
    return AwsError("InvalidParameterValue", f"Value ({_text(violation.value)}) for parameter {name} is invalid.")


def _s3(violation: Violation) -> AwsError:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
    if violation.location == "body":
        published = "The XML you provided was not well-formed or did not validate against our published schema"
        return AwsError("MalformedXML", published)
    return AwsError("InvalidArgument", f"Invalid value at {dotted(violation.path)}: {_constraint(violation)}")
