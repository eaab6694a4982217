"""Where a service is less strict than its model."""

from __future__ import annotations

_CODEBUILD_NAME = (
    "CodeBuild looks at names by itself: InvalidInputException, Only alphanumeric characters, dash, and underscore are"
    " supported (getmoto/moto, codebuild/responses.py)"
)

LENIENT: dict[tuple[str, str, str], str] = {
    ("codebuild", "ProjectName", "length"): _CODEBUILD_NAME,
    ("codebuild", "ProjectName", "pattern"): _CODEBUILD_NAME,
}
"""(service, shape, what is not held to) to the reason with its source.

What is not held to is ``pattern``, ``length``, ``enum``, or the name of a required member.
"""
