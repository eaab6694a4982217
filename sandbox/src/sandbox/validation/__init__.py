"""Checks each request against AWS's own model of its operation, and against what AWS documents beyond the model."""

from __future__ import annotations

from sandbox.account.errors import AwsError
from sandbox.account.protocol import Operation
from sandbox.validation import documented
from sandbox.validation.shapes import checker_of
from sandbox.validation.wording import error_of


def check(operation: Operation) -> None:
    """Raise the AwsError that the service answers for a request that its API does not take."""
    shape = operation.model.input_shape
    checker = checker_of(operation.service, shape) if shape is not None else None
    if checker is not None:
        violations = checker(operation.params)
        if violations:
            raise error_of(operation.service, operation.protocol, violations)
    error = documented.refusal(operation.service, operation.name, operation.params)
    if error is not None:
        raise AwsError(*error)
