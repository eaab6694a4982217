"""What the sandbox offers of this program, found by the entry points in pyproject.toml: neither imports the other."""

import json
import os
import secrets
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

Address = Callable[[str, str, int], str]

LOCAL = ("completion", "validate")
"""Commands that ask no AWS: those of shells and of files."""
OTHERS = ("bootstrap", "comment", "preview-report", "review", "up")
"""Commands that the sandbox has no use for: those of accounts, of pull requests' jobs, and the deployment, which it has
itself."""


def commands() -> click.Group:
    """The operators' commands. Their messages name them `sandbox …`, since that is how they are called."""
    main = _main()
    from delivery.command_line import Address, Commands, Connection
    from releases.aws_session import share_clients
    from releases.names import uploader

    class InSandbox(Connection):
        """The sandbox, whose load balancers listen at ports of this machine."""

        @property
        def address(self) -> Address:
            return on_this_machine

        def uploader(self, name: str) -> Any:
            return share_clients(as_user(uploader(name)))

    @click.pass_context
    def connect(context: click.Context) -> None:
        context.obj = InSandbox(profile=None, region=None)

    offered = {name: command for name, command in main.commands.items() if name not in (*LOCAL, *OTHERS)}
    return Commands(callback=connect, commands=offered, context_settings=main.context_settings)


def local_commands() -> click.Group:
    """The operators' commands that ask no AWS. The secrets of a stack are the sandbox's to make up."""
    main = _main()
    from delivery.command_line import Commands

    offered = {name: main.commands[name] for name in LOCAL}
    made_up = {"validate": {"without_secrets": True}}
    return Commands(commands=offered, context_settings={**main.context_settings, "default_map": made_up})


def _main() -> click.Group:
    """The operators' command line, which reads those variables when it is first imported."""
    os.environ.update(variables())
    try:
        from delivery.__main__ import main
    finally:
        for name in variables():
            del os.environ[name]
    return main


def aws_names(stack: str, name: str) -> list[str]:
    """What a thing of a stack may be called in AWS: one of a service, or a service with a long name itself."""
    from releases.names import aws_name

    return [f"{stack}-{name}", aws_name(stack, name)]


def on_this_machine(protocol: str, host: str, port: int) -> str:
    """What opens a port of a load balancer in the sandbox.

    `HOST.localhost` is this machine to browsers and to curl (RFC 6761, 6.3), and HOST to the balancer, as
    its first label is, where no other host has it.
    """
    with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/_sandbox/listeners") as answer:  # noqa: S310
        listener = next(each for each in json.load(answer) if each["port"] == port)
    return f"http://{listener['labels'].get(host, host)}.localhost:{listener['address'].rpartition(':')[2]}"


def as_user(name: str) -> Any:
    """A session of an IAM user of the sandbox, with the access key that it has there."""
    import boto3

    question = json.dumps({"identity": name}).encode()
    with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/_sandbox/credentials", question) as answer:  # noqa: S310
        key = json.load(answer)
    return boto3.Session(key["access_key"], key["secret_key"], region_name=os.environ["AWS_REGION"])


def variables() -> dict[str, str]:
    """What tells the program how its commands are called, that looking often troubles nobody, and that S3 tells of
    uploads at once.
    """
    return {"DELIVERY_PROGRAM": "sandbox", "DELIVERY_SECONDS_BETWEEN_LOOKS": "0.4", "DELIVERY_MINUTES_TO_EVENTS": "0"}


def preview_words(stack: str, document: Mapping[str, Any], width: int | None) -> str:
    """What `up` would do, service by service, as the comment on a pull request says it."""
    from delivery.command_line import Connection  # with boto3
    from delivery.pull_request.as_text import as_text
    from delivery.pull_request.live import read_live
    from delivery.pull_request.preview import parse
    from delivery.pull_request.report import report

    preview = parse(json.dumps(document))
    live = read_live(lambda: Connection(profile=None, region=None).session, stack, preview)
    return as_text(report(stack, preview, live), width)


def up_words(stack: str, document: Mapping[str, Any], opens: Mapping[str, str], width: int | None) -> str:
    """What an `up` has done in numbers, and where its services are."""
    from delivery.pull_request.preview import parse
    from delivery.updates.after_up import numbers, places

    done = numbers(parse(json.dumps(document)).changes)
    where = places(document["outputs"], lambda host: opens.get(host, host), width)
    return "\n".join([*done, *([""] if done and where else []), *where])


def wait_variables() -> dict[str, str]:
    """What tells the program's `up` to wait for what is in flight, as `delivery up --wait` does."""
    from releases.waiting import MINUTES, VARIABLE  # which loads boto3

    return {VARIABLE: str(MINUTES)}


def external_parameters(config: Mapping[str, Any]) -> dict[str, str | None]:
    """The parameters that a stack file leaves to somebody else (`external`): name → KMS key, if it has one."""
    return {
        name: kept.get("key")
        for kept in _values_of("external", "name", config)
        if isinstance(name := kept.get("name"), str)
    }


def external_secrets(config: Mapping[str, Any]) -> dict[str, str | None]:
    """The secrets of Secrets Manager that a stack file names: reference → KMS key, if it has one."""
    return {
        ":".join([arn, *(str(kept.get(part) or "") for part in ("json_key", "stage", "version"))]): kept.get("key")
        for kept in _values_of("secrets_manager", "arn", config)
        if isinstance(arn := kept.get("arn"), str)
    }


def _values_of(key: str, short: str, value: Any) -> Iterator[Mapping[str, Any]]:
    """The values of a key, wherever in a config; one that is a text is short for a mapping with that."""
    if isinstance(value, Mapping):
        found = value.get(key)
        if isinstance(found, str):
            yield {short: found}
        elif isinstance(found, Mapping):
            yield found
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in items:
        yield from _values_of(key, short, item)


def secret_value(path: str) -> str | None:
    """A value for a secret that the program takes in one form only: the webhook's address; None for any other."""
    return f"https://hooks.slack.com/services/{secrets.token_urlsafe(24)}" if path.endswith(":slack_webhook") else None
