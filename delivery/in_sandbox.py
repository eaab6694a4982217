"""What the sandbox offers of this program, found by the entry points in pyproject.toml: neither imports the other."""

import os
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import click

DECISIONS = ("approve", "reject", "continue", "abort")
COMMANDS = ("status", "history", "rollback", "redeploy", "rebuild", "promote", "retry", "repair", *DECISIONS, "prune")
"""Those that look at or act on the services of a stack."""


def commands() -> click.Group:
    """The operators' commands. Their messages name them `sandbox …`, since that is how they are called."""
    os.environ["DELIVERY_PROGRAM"] = "sandbox"
    try:
        from delivery.__main__ import main  # which reads that variable when it is first imported
        from delivery.command_line import Commands, Connection
    finally:
        del os.environ["DELIVERY_PROGRAM"]

    @click.pass_context
    def connect(context: click.Context) -> None:
        context.obj = Connection(profile=None, region=None)

    offered = {name: main.commands[name] for name in COMMANDS}
    return Commands(callback=connect, commands=offered, context_settings=main.context_settings)


def approval_commands(stack: str, service: str) -> list[str]:
    """The commands that approve and reject what the service's pipeline waits for."""
    return [f"sandbox {command} {service} --stack {stack}" for command in ("approve", "reject")]


def wait_variables() -> dict[str, str]:
    """What tells the program's `up` to wait for what is in flight, as `delivery up --wait` does."""
    from releases.waiting import MINUTES, VARIABLE  # which loads boto3

    return {VARIABLE: str(MINUTES)}


def external_parameters(config: Mapping[str, Any]) -> dict[str, str | None]:
    """The parameters that a stack file leaves to somebody else (`external`): name → KMS key, if it has one."""
    return dict(_external(config))


def _external(value: Any) -> Iterator[tuple[str, str | None]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "external" and isinstance(item, str):
                yield item, None
            elif key == "external" and isinstance(item, Mapping) and isinstance(item.get("name"), str):
                yield item["name"], item.get("key")
            yield from _external(item)
    elif isinstance(value, list):
        for item in value:
            yield from _external(item)


def secret_value(path: str) -> str | None:
    """A value for a secret that the program takes in one form only: the webhook's address; None for any other."""
    return f"https://hooks.slack.com/services/{secrets.token_urlsafe(24)}" if path.endswith(":slack_webhook") else None
