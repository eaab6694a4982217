"""The entry points of the group `fargate_sandbox` that a program offers. Each is a function, and may be missing.

| entry point | arguments → answer |
|---|---|
| `commands` | → a `click.Group` whose commands take `--stack`; they run with the sandbox's `AWS_*` variables |
| `local_commands` | → a `click.Group` whose commands ask no AWS; they run as they are, and without a sandbox |
| `variables` | → the environment that the program runs with in the sandbox, as a mapping |
| `wait_variables` | → the environment by which `up` waits for what is in flight, as a mapping |
| `preview_words` | stack, what `preview --json` prints, columns or None → what `up` would do, in the program's words |
| `up_words` | stack, what `up --json` prints, host → what opens it here, columns or None → what was done, and the outputs |
| `aws_names` | stack, name → what a thing of that name (a pipeline, a user, a role) may be called in AWS, the most exact first |
| `external_parameters` | the stack file's config → the parameters of Parameter Store that the program reads and does not make: name → KMS key, None for the one that AWS keeps |
| `external_secrets` | the stack file's config → the secrets of Secrets Manager that the program reads and does not make: `ARN:json-key:version-stage:version-id` → KMS key, None for the one that AWS keeps |
| `secret_value` | path in the config → a value that the program accepts for that secret; None for any |
"""  # noqa: E501 (a table)

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

import click

GROUP = "fargate_sandbox"


def offered(name: str) -> list[Callable[..., Any]]:
    """The functions of this entry point, of every program that is installed."""
    return [entry.load() for entry in entry_points(group=GROUP, name=name)]


def commands() -> list[click.Group]:
    """The commands that programs offer."""
    return [function() for function in offered("commands")]


def local_commands() -> list[click.Group]:
    """The commands that programs offer which ask no AWS."""
    return [function() for function in offered("local_commands")]


def variables() -> dict[str, str]:
    """What programs find in their environment in the sandbox."""
    return {name: value for function in offered("variables") for name, value in function().items()}


def wait_variables() -> dict[str, str] | None:
    """What tells a program to wait for what is in flight; None when no program can."""
    functions = offered("wait_variables")
    return {name: value for function in functions for name, value in function().items()} if functions else None


def preview_words(stack: str, document: Mapping[str, Any], width: int | None) -> str | None:
    """What programs say of a preview, in lines of that many columns, if it has any; None when none says anything."""
    return "\n".join(function(stack, document, width) for function in offered("preview_words")) or None


def up_words(stack: str, document: Mapping[str, Any], opens: Mapping[str, str], width: int | None) -> str | None:
    """What programs say of what an `up` has done, and of its outputs; None when none says anything."""
    return "\n".join(function(stack, document, opens, width) for function in offered("up_words")) or None


def names_in_aws(stack: str, name: str) -> list[str]:
    """What a thing of a stack may be called in AWS, the most exact first: its name, and what programs call it."""
    return [name, *(called for function in offered("aws_names") for called in function(stack, name))]


def external_parameters(config: Mapping[str, Any]) -> dict[str, str | None]:
    """The parameters that programs read and somebody else keeps, with their KMS keys."""
    parameters: dict[str, str | None] = {}
    for function in offered("external_parameters"):
        parameters |= function(config)
    return parameters


def external_secrets(config: Mapping[str, Any]) -> dict[str, str | None]:
    """The secrets that programs read and somebody else keeps, with their KMS keys."""
    return {ref: key for function in offered("external_secrets") for ref, key in function(config).items()}


def secret_value(path: str) -> str | None:
    """A value that a program accepts for a secret of the config; None when any will do."""
    values = [function(path) for function in offered("secret_value")]
    return next((value for value in values if value is not None), None)
