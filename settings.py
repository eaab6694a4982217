"""The stack's configuration: read, checked as a whole, and handed on as plain values.

The only module that reads `pulumi.Config`. Every mistake is reported at once, each with its key path, the bad
value (never a secret one) and what is allowed, before any resource is registered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env
from pydantic import ValidationError

from components.task_template import STAND_INS, TaskTemplate, TemplateError
from delivery.session import Provider, Role
from problems import (
    NAMESPACE,
    between_services,
    commit_problems,
    described,
    review_problems,
    secret_problems,
    slack_problems,
)
from review import number_of, numbered
from service_file import Service
from stack_file import Stack

TEMPLATES = Path(__file__).parent / "task_templates"
SECRETS = ("secrets", "slack_webhook", "commit_token")
"""The keys whose values are encrypted."""


@dataclass(frozen=True)
class Settings:
    """A checked stack configuration.

    Attributes:
        stack: the Pulumi stack's name.
        config: the plain part.
        secrets: service → parameter → value, each a Pulumi secret.
        templates: the task template of each service.
        provider: how the AWS provider signs in.
        shared: the full name of the stack whose network and load balancer this one uses; None when they are its own.
        slack_webhook: where Slack takes messages; None when it is not told.
        commit_token: what may tell commits; None when they are not told.
    """

    stack: str
    config: Stack
    secrets: Mapping[str, Mapping[str, pulumi.Output[str]]]
    templates: Mapping[str, TaskTemplate]
    provider: Provider
    shared: str | None
    slack_webhook: pulumi.Output[str] | None
    commit_token: pulumi.Output[str] | None


def load() -> Settings:
    """Read and check the stack's configuration.

    Raises:
        pulumi.RunError: one message with every mistake, a line each.
    """
    config = pulumi.Config(NAMESPACE)
    stack = pulumi.get_stack()
    raw = {key: value for key in Stack.model_fields if (value := _value(config, key)) is not None}
    secrets, webhook, token = (_value(config, key) for key in SECRETS)
    secrets = {} if secrets is None else secrets
    if "review" in raw:
        if (number := number_of(stack)) is None:
            raise _refused(stack, [f"review: is of a stack named pr-<number>, such as pr-12, and this one is {stack}"])
        raw["services"] = numbered(raw.get("services"), number)
    problems = [f"{key}: there is no such key" for key in _keys() if key not in (*Stack.model_fields, *SECRETS)]
    try:
        checked = Stack.model_validate(raw)
    except ValidationError as error:
        raise _refused(stack, [*problems, *(described(e) for e in error.errors(include_url=False))]) from None
    templates: dict[str, TaskTemplate] = {}
    for name, service in checked.services.items():
        try:
            templates[name] = TaskTemplate.load(TEMPLATES / service.task.template)
        except TemplateError as error:
            problems.append(f"services.{name}.task.template: {error}")
            continue
        problems += [f"services.{name}.task.{problem}" for problem in _template_problems(templates[name], service)]
    problems += [
        *between_services(stack, checked),
        *review_problems(stack, checked),
        *secret_problems(checked, secrets),
        *slack_problems(stack, checked, webhook),
        *commit_problems(stack, checked, token),
    ]
    if problems:
        raise _refused(stack, problems)
    return Settings(
        stack=stack,
        config=checked,
        secrets={
            service: {key: pulumi.Output.secret(value) for key, value in values.items()}
            for service, values in secrets.items()
        },
        templates=templates,
        provider=_provider(pulumi.Config("aws")),
        shared=(f"{pulumi.get_organization()}/{pulumi.get_project()}/{checked.review.of}" if checked.review else None),
        slack_webhook=None if webhook is None else pulumi.Output.secret(webhook),
        commit_token=None if token is None else pulumi.Output.secret(token),
    )


def _provider(config: pulumi.Config) -> Provider:
    roles = _value(config, "assumeRoles") or []
    return Provider(
        region=config.get("region"),
        profile=config.get("profile"),
        roles=[Role(role["roleArn"], role.get("externalId")) for role in roles],
    )


def _keys() -> list[str]:
    """Those that the stack file has of ours; `pulumi.Config` answers only for keys that one knows."""
    given = {**CONFIG.get(), **get_config_env()}
    return sorted(key.removeprefix(f"{NAMESPACE}:") for key in given if key.startswith(f"{NAMESPACE}:"))


def _value(config: pulumi.Config, key: str) -> Any:
    """A top-level key's value; what is not an object, a list, a number or a boolean comes as the text it is."""
    try:
        return config.get_object(key)
    except pulumi.ConfigTypeError:
        return config.get(key)


def stand_ins(service: Service) -> dict[str, Any]:
    """What a template's placeholders stand for: what the stack file tells, and of the rest something of its type."""
    task = service.task
    told = {
        "cpu": task.cpu,
        "memory": task.memory,
        "architecture": task.architecture.upper(),
        "port": task.port,
        "secrets": [
            {"name": name, "valueFrom": STAND_INS["secrets"][0]["valueFrom"]}
            for name, parameter in service.parameters.items()
            if "runtime" in parameter.readers
        ],
    }
    return {name: value for name, value in {**STAND_INS, **told}.items() if value is not None}


def _template_problems(template: TaskTemplate, service: Service) -> Iterator[str]:
    values = stand_ins(service)
    yield from (f"template: {problem}" for problem in template.problems(values, sessions=service.exec))
    if service.task.kms_keys and not template.reads(values).encrypted:
        yield f"kms_keys: are for nothing, because {template.path} names no secret, parameter or environment file"


def _refused(stack: str, problems: list[str]) -> pulumi.RunError:
    lines = "\n".join(f"  {NAMESPACE}:{problem}" for problem in problems)
    return pulumi.RunError(f"Pulumi.{stack}.yaml is not valid:\n{lines}")
