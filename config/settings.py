"""The stack's configuration: read, checked as a whole, and handed on as plain values.

No component reads `pulumi.Config`. Every mistake is reported at once, each with its key path, the bad
value (never a secret one) and what is allowed, before any resource is registered.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi.runtime.config import is_config_secret

from components.service.environment_files import EnvironmentFile
from components.service.task_reads import Reads
from components.service.task_template import STAND_INS, TaskTemplate, TemplateError
from components.suggestions import suggestion
from config import layers
from config.cross_checks import (
    check_cluster,
    check_commits,
    check_connections,
    check_load_balancer,
    check_pull_request_stack,
    check_secrets,
    check_services,
    check_slack,
)
from config.endpoints import check_endpoints
from config.environment import check_environment_files, objects
from config.layers import NAMESPACE
from config.limits import check_limits
from config.lines import StackLines, read_keys
from config.provider_keys import check_provider, check_service_tags, check_unknown_keys
from config.pull_request_stack import pull_request_number, substitute_number
from config.service import Service
from config.stack_file import Stack, StackFile
from config.validation import check_plain_text, format_stack_problems, validate
from releases.aws_session import Provider
from releases.names import aws_name

ROOT = Path(__file__).parents[1]
BUILDSPECS = ROOT / "buildspecs"
TEMPLATES = ROOT / "task_templates"
ENVIRONMENT_FILE = {"type": "s3", "value": "arn:aws:s3:::bucket/app.env"}
"""What an environment file is checked as, whatever its name."""
SECRET_KEYS = ("secrets", "slack_webhook", "commit_token")
"""The keys whose values are encrypted."""


@dataclass(frozen=True)
class Settings:
    """A checked stack configuration.

    Attributes:
        stack: the Pulumi stack's name.
        config: the plain part.
        secrets: service → parameter → value, each a Pulumi secret.
        templates: the task template of each service.
        environment_files: those of each service; an object that somebody else keeps is its ARN.
        provider: how the AWS provider signs in.
        default_tags: those that it puts on all that it makes.
        shared: the full name of the stack whose network and load balancer this one uses; None when they are its own.
        slack_webhook: where Slack takes messages; None when it is not told.
        commit_token: what may tell commits; None when they are not told.
    """

    stack: str
    config: Stack
    secrets: Mapping[str, Mapping[str, pulumi.Output[str]]]
    templates: Mapping[str, TaskTemplate]
    environment_files: Mapping[str, Sequence[EnvironmentFile | str]]
    provider: Provider
    default_tags: Mapping[str, str]
    shared: str | None
    slack_webhook: pulumi.Output[str] | None
    commit_token: pulumi.Output[str] | None


@dataclass(frozen=True)
class Checked:
    """What is wrong with a stack's configuration, and what could be read of it.

    Attributes:
        problems: each with the path of its key; none when all is well.
        config: the plain part; None where too much is wrong with it.
        templates: the task template of each service.
        environment_files: those of each service.
    """

    problems: list[str]
    config: Stack | None = None
    templates: Mapping[str, TaskTemplate] = field(default_factory=dict)
    environment_files: Mapping[str, Sequence[EnvironmentFile | str]] = field(default_factory=dict)


def load() -> Settings:
    """Read and check the stack's configuration.

    Raises:
        pulumi.RunError: one message with every mistake, a line each.
    """
    written, of_aws, stack = read_keys(NAMESPACE), read_keys("aws"), pulumi.get_stack()
    lines = StackLines.read(ROOT / f"Pulumi.{stack}.yaml", ROOT / "Pulumi.yaml")
    checked = check(stack, written, of_aws, lines, is_config_secret)
    if checked.problems or checked.config is None:
        raise pulumi.RunError(format_stack_problems(stack, checked.problems, lines))
    secrets, webhook, token = (written.get(key) for key in SECRET_KEYS)
    review = checked.config.review
    return Settings(
        stack=stack,
        config=checked.config,
        secrets={
            service: {key: pulumi.Output.secret(value) for key, value in values.items()}
            for service, values in (secrets or {}).items()
        },
        templates=checked.templates,
        environment_files=checked.environment_files,
        provider=Provider.parse(_of_provider(of_aws)),
        default_tags=of_aws.get("defaultTags", {}).get("tags", {}),
        shared=f"{pulumi.get_organization()}/{pulumi.get_project()}/{review.of}" if review else None,
        slack_webhook=None if webhook is None else pulumi.Output.secret(webhook),
        commit_token=None if token is None else pulumi.Output.secret(token),
    )


def _of_provider(of_aws: Mapping[str, Any]) -> dict[str, Any]:
    return {f"aws:{key}": value for key, value in of_aws.items()}


def check(
    stack: str,
    written: Mapping[str, Any],
    of_aws: Mapping[str, Any],
    lines: StackLines,
    is_secret: Callable[[str], bool],
) -> Checked:
    """Check a stack's configuration as a whole, without the engine.

    Args:
        stack: the stack's name.
        written: the program's keys with their values, secrets decrypted or stood in for.
        of_aws: the provider's.
        lines: where keys are.
        is_secret: whether there is an encrypted value in a key, by its full name.
    """
    if unmergeable := list(layers.problems(written)):
        return Checked(unmergeable)
    merged = layers.merge(written)
    raw = {key: value for key in Stack.model_fields if (value := written.get(key)) is not None}
    raw["services"] = merged.services
    locked = {key: value for key in SECRET_KEYS if (value := written.get(key)) is not None}
    secrets, webhook, token = locked.get("secrets", {}), locked.get("slack_webhook"), locked.get("commit_token")
    if "review" in raw:
        if (number := pull_request_number(stack)) is None:
            return Checked([f"review: is of a stack named pr-<number>, such as pr-12, and this one is {stack}"])
        raw["services"] = substitute_number(merged.services, number)
    keys = [*StackFile.model_fields, *SECRET_KEYS]
    problems = [f"{key}: there is no such key{suggestion(key, keys)}" for key in written if key not in keys]
    problems += check_unknown_keys(of_aws, inspect.signature(aws.ProviderArgs).parameters)
    problems += check_provider(_of_provider(of_aws))
    problems += check_plain_text(locked, is_secret, lines)
    validated = validate(raw)
    config, problems = validated.stack, [*problems, *validated.problems]
    templates: dict[str, TaskTemplate] = {}
    environment_files: dict[str, list[EnvironmentFile | str]] = {}
    if config is not None:
        between_keys, templates, reads = check_templates(stack, config)
        of_files, environment_files = check_environment_files(config, TEMPLATES, templates)
        between_keys += [
            *of_files,
            *check_services(stack, config),
            *check_load_balancer(config),
            *check_endpoints(config, templates),
            *check_cluster(config),
            *check_connections(config),
            *check_service_tags(of_aws.get("defaultTags"), {name: each.tags for name, each in config.services.items()}),
            *check_limits(stack, config, BUILDSPECS, reads),
            *check_pull_request_stack(stack, config),
            *check_secrets(config, secrets),
            *check_slack(stack, config, webhook),
            *check_commits(stack, config, token),
        ]
        problems += filter(validated.sure, between_keys)
    return Checked(list(merged.placed(problems)), config, templates, environment_files)


def check_templates(stack: str, config: Stack) -> tuple[list[str], dict[str, TaskTemplate], dict[str, Reads]]:
    """What is wrong with the services' templates; those that could be read; and what each of them names."""
    problems: list[str] = []
    templates: dict[str, TaskTemplate] = {}
    reads: dict[str, Reads] = {}
    for name, service in config.services.items():
        try:
            templates[name] = TaskTemplate.load(TEMPLATES / service.task.template)
        except TemplateError as error:
            problems.append(f"services.{name}.task.template: {error}")
            continue
        of_template, reads[name] = _check_template(templates[name], service, aws_name(stack, name))
        problems += [f"services.{name}.task.{problem}" for problem in of_template]
    return problems, templates, reads


def stand_ins(service: Service) -> dict[str, Any]:
    """What a template's placeholders stand for: what the stack file tells, and of the rest something of its type."""
    configured = {
        **service.task.placeholders(),
        "environment_files": [ENVIRONMENT_FILE] if service.task.environment_files else None,
        "secrets": [
            {"name": name, "valueFrom": STAND_INS["secrets"][0]["valueFrom"]}
            for name, parameter in service.parameters.items()
            if "runtime" in parameter.readers
        ],
    }
    return {name: value for name, value in {**STAND_INS, **configured}.items() if value is not None}


def _check_template(template: TaskTemplate, service: Service, repository: str) -> tuple[list[str], Reads]:
    values = stand_ins(service)
    try:
        template = template.with_volumes(service.task.volumes)
        if service.task.environment_files:
            template = template.with_environment_files()
    except TemplateError as error:
        return [f"template: {error}"], Reads()
    found = [*template.problems(values, sessions=service.exec), *template.fixed_images(repository)]
    problems = [f"template: {problem}" for problem in found]
    try:
        template.with_storage(service.task.ephemeral_storage)
    except TemplateError as error:
        problems.append(f"ephemeral_storage: {error}")
    reads = template.reads({**values, "environment_files": objects(service.task.environment_files)})
    if service.task.kms_keys and not reads.encrypted:
        problems.append(
            f"kms_keys: are for nothing, because {template.path} names no secret, parameter or environment file"
        )
    return problems, reads
