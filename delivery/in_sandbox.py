"""What the sandbox offers of this program, found by the entry points in pyproject.toml: neither imports the other."""

import json
import os
import secrets
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

Address = Callable[[str, str, int], str]

LOCAL = ("completion", "validate")
"""Commands that ask no AWS: those of shells and of files."""
OTHERS = ("bootstrap", "comment", "preview-report", "push", "review", "ship", "up")
"""Commands that the sandbox has no use for: those of accounts, of pull requests' jobs, and those that it has itself."""


def commands() -> click.Group:
    """The operators' commands. Their messages name them `sandbox …`, since that is how they are called."""
    main = _main()
    from delivery.command_line import Address, Commands, Connection

    class InSandbox(Connection):
        """The sandbox, whose load balancers listen at ports of this machine."""

        @property
        def address(self) -> Address:
            return on_this_machine

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
    """The operators' command line, which reads what it is called when it is first imported."""
    os.environ.update(variables())
    try:
        from delivery.__main__ import main
    finally:
        del os.environ["DELIVERY_PROGRAM"]
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


def approval_commands(stack: str, service: str) -> list[str]:
    """The commands that approve and reject what the service's pipeline waits for."""
    return [f"sandbox {command} {service} --stack {stack}" for command in ("approve", "reject")]


def variables() -> dict[str, str]:
    """What tells the program's `up` and `preview` how its commands are called."""
    return {"DELIVERY_PROGRAM": "sandbox"}


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
    from delivery.after_up import numbers, places
    from delivery.pull_request.preview import parse

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


def upload_image(client: Callable[[str], Any], pipeline: str, source: Path) -> Mapping[str, Any] | None:
    """Where an image of a source is pushed for its upload to find, as the pipeline's build looks for it, and how it is
    built; None where it looks for none.
    """
    from pipeline_steps.build.builder import arguments  # with boto3
    from pipeline_steps.build.settings import Settings
    from releases.names import build_project

    (project,) = client("codebuild").batch_get_projects(names=[build_project(pipeline)])["projects"] or [None]
    if project is None:
        return None
    variables = dict.fromkeys(("IMAGE", "SOURCE_VERSION", "EXECUTION", "CODEBUILD_INITIATOR"), "")
    for each in project["environment"]["environmentVariables"]:
        variables[each["name"]] = _value(client, each)
    settings = Settings.parse(variables, source)
    if not settings.inbox:
        return None
    return {
        "repository": settings.inbox,
        "tag": settings.content.tag(),
        "arguments": [*arguments(settings), settings.content.context],
        "environment": variables,
    }


def _value(client: Callable[[str], Any], variable: Mapping[str, str]) -> str:
    """What a build sees of a variable of its project's (CodeBuild, EnvironmentVariable: value)."""
    value, kind = variable["value"], variable.get("type")
    if kind == "PARAMETER_STORE":
        return str(client("ssm").get_parameter(Name=value, WithDecryption=True)["Parameter"]["Value"])
    if kind == "SECRETS_MANAGER":
        *arn, key = [*value.split(":"), ""][:8]
        secret = str(client("secretsmanager").get_secret_value(SecretId=":".join(arn))["SecretString"])
        return str(json.loads(secret)[key]) if key else secret
    return value


def secret_value(path: str) -> str | None:
    """A value for a secret that the program takes in one form only: the webhook's address; None for any other."""
    return f"https://hooks.slack.com/services/{secrets.token_urlsafe(24)}" if path.endswith(":slack_webhook") else None
