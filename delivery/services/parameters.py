"""What a stack's services read of Parameter Store and Secrets Manager: names, kinds and versions; values only if asked.

Where a value is kept follows from how the stack file declares it (docs/how-to/values-and-secrets.md): the program's own
are Pulumi's, and what is `external`, or Secrets Manager's, is yours.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import boto3

from pipeline_steps.build.settings import PARAMETER
from releases.ecs import describe_revision, in_parts
from releases.errors import DeliveryError
from releases.names import aws_name, build_project, parameter_of, parameter_path
from releases.service_state import ServiceState, read_state, service_containers

SECRETS_MANAGER = "Secrets Manager"
MOST_NAMES = 50
"""That one filter of DescribeParameters takes (SSM, ParameterStringFilter: Values)."""
MOST_VALUES = 10
"""That GetParameters takes."""
KEPT = ("Type", "KeyId", "Tier", "DataType")
"""What a parameter has besides its value, by the same names in DescribeParameters and in PutParameter (SSM)."""


@dataclass(frozen=True)
class Parameter:
    """Something that a service reads for an environment variable.

    Attributes:
        service: the service.
        variable: the environment variable.
        reader: `build` or `runtime`: the image's build, or the task.
        name: the parameter's name, or the secret's ARN.
        type: `String`, `StringList`, `SecureString` or `Secrets Manager`; None where there is none of that name.
        version: how often it was written; None of a secret, and where there is none.
        owner: `program` where Pulumi writes it, `yours` where somebody else does.
        value: it, where it was asked for; None otherwise.
    """

    service: str
    variable: str
    reader: str
    name: str
    type: str | None
    version: int | None
    owner: str
    value: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from the others, in any stack."""
        return self.service, self.reader, self.variable

    def line(self) -> str:
        """For people."""
        version = "" if self.version is None else f", version {self.version}"
        kept = f"{self.type}{version}, {self.owner}" if self.type else "not there"
        shown = "" if self.value is None else f" = {self.value}"
        return f"{self.service} {self.reader} {self.variable}{shown}: {self.name} ({kept})"


def read(session: boto3.Session, stack: str, services: Sequence[str], *, values: bool = False) -> list[Parameter]:
    """What services read, as what runs and what builds names it.

    Args:
        session: AWS.
        stack: the stack.
        services: their names in the stack file.
        values: whether the values are read, too, secret ones decrypted.

    Raises:
        DeliveryError: one of the services is not there.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    found = [each for service in services for each in _named(session, stack, service)]
    known = described(session.client("ssm"), [each.name for each in found if each.type != SECRETS_MANAGER])
    whole = [
        each
        if each.type == SECRETS_MANAGER
        else replace(each, type=known.get(each.name, {}).get("Type"), version=known.get(each.name, {}).get("Version"))
        for each in found
    ]
    return [*_with_values(session, whole)] if values else whole


def differences(of: str, ours: Sequence[Parameter], other: str, theirs: Sequence[Parameter]) -> list[str]:
    """In what two stacks' parameters differ, a line each: what only one has, other types, and other values if known.

    Args:
        of: the first stack.
        ours: its parameters.
        other: the second stack.
        theirs: its parameters.
    """
    here, there = ({each.key: each for each in some} for some in (ours, theirs))
    lines = []
    for key in sorted({*here, *there}):
        one, two = here.get(key), there.get(key)
        name = " ".join(key)
        if one is None or two is None:
            lines.append(f"{name}: only in {of if two is None else other}")
            continue
        lines += [
            f"{name}: {what} {getattr(one, field)} in {of}, {getattr(two, field)} in {other}"
            for field, what in (("type", "type"), ("owner", "kept as"), ("value", "value"))
            if getattr(one, field) != getattr(two, field)
        ]
    return lines


def owner(stack: str, name: str) -> str:
    """Who writes a parameter: `program`, or `yours`."""
    return "program" if name.startswith(f"{parameter_path(stack)}/") else "yours"


def set_value(session: boto3.Session, name: str, value: str) -> int:
    """Write a parameter of somebody else's as it is kept, or as a SecureString; its version.

    What is left out is not kept: a SecureString would get the account's key, the tier would be the region's default,
    and no data type would check the value (SSM, PutParameter: KeyId, Tier, DataType).

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    ssm = session.client("ssm")
    found = described(ssm, [name]).get(name)
    kept: dict[str, Any] = {"Type": "SecureString"}
    if found is not None:
        kept = {"Overwrite": True, **{key: found[key] for key in KEPT if key in found}}
    return int(ssm.put_parameter(Name=name, Value=value, **kept)["Version"])


def refusal(stack: str, name: str, known: Sequence[Parameter]) -> str | None:
    """Why a parameter is not set by hand, with what does; None where it is.

    Args:
        stack: the stack.
        name: the parameter's.
        known: what the stack's services read.
    """
    uses = [each for each in known if each.name == name or each.variable == name]
    found = next(iter(uses), None)
    if found is None and owner(stack, name) == "program":
        return f"{name} is the program's own, and nothing that a service reads"
    if found is None:
        return f"no service of {stack} reads {name}; `external` in the stack file names what somebody else keeps"
    if found.type == SECRETS_MANAGER:
        return (
            f"{name} is Secrets Manager's: `aws secretsmanager put-secret-value --secret-id {secret_of(found.name)} "
            "--secret-string file://…`"
        )
    if found.owner == "program" and found.type == "SecureString":
        return (
            f"{found.variable} of {found.service} is Pulumi's, which would put it back: `pulumi config set --secret "
            f"--path 'fargate-delivery:secrets.{found.service}.{found.variable}' --stack {stack}`, then `up`"
        )
    if found.owner == "program":
        return (
            f"{found.variable} of {found.service} is Pulumi's, which would put it back: write "
            f"services.{found.service}.parameters.{found.variable}.value in Pulumi.{stack}.yaml, then `up`"
        )
    return None if found.name == name else f"{name} is the variable; the parameter is {found.name}"


def secret_of(reference: str) -> str:
    """The ARN of a secret that a reference names, without JSON key, stage and version."""
    return ":".join(reference.split(":")[:7])


def _named(session: boto3.Session, stack: str, service: str) -> Iterator[Parameter]:
    state: ServiceState = read_state(session, stack, service)
    definition = describe_revision(session.client("ecs"), state.task_definition)
    own = service_containers(definition, aws_name(stack, service))
    for reader, named in (("build", _of_build(session, stack, service)), ("runtime", _of_task(definition, own))):
        for variable, reference in named:
            is_secret = re.match(r"arn:[^:]+:secretsmanager:", reference) is not None
            name = reference if is_secret else parameter_of(reference)
            kind = SECRETS_MANAGER if is_secret else None
            yield Parameter(service, variable, reader, name, kind, None, owner(stack, name))


def _of_task(definition: Mapping[str, Any], own: Sequence[str]) -> list[tuple[str, str]]:
    containers = [each for each in definition["containerDefinitions"] if each["name"] in own]
    named = [(str(s["name"]), str(s["valueFrom"])) for each in containers for s in each.get("secrets", [])]
    return list(dict.fromkeys(named))


def _of_build(session: boto3.Session, stack: str, service: str) -> list[tuple[str, str]]:
    """Of the image's build; nothing where images are pushed."""
    project = build_project(aws_name(stack, service))
    found = session.client("codebuild").batch_get_projects(names=[project])["projects"]
    return [
        (str(each["name"]).removeprefix(PARAMETER), str(each["value"]))
        for project_of in found
        for each in project_of["environment"].get("environmentVariables", [])
        if each["name"].startswith(PARAMETER)
    ]


def described(ssm: Any, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Parameters of these names that there are, as DescribeParameters has them.

    Args:
        ssm: Systems Manager's client.
        names: any number.
    """
    found = {}
    for some in in_parts(list(dict.fromkeys(names)), MOST_NAMES):
        only = {"Key": "Name", "Option": "Equals", "Values": list(some)}
        for page in ssm.get_paginator("describe_parameters").paginate(ParameterFilters=[only]):
            found.update({str(each["Name"]): each for each in page["Parameters"]})
    return found


def _with_values(session: boto3.Session, parameters: Sequence[Parameter]) -> Iterator[Parameter]:
    names = list(dict.fromkeys(each.name for each in parameters if each.type not in (None, SECRETS_MANAGER)))
    values = {
        each["Name"]: each["Value"]
        for some in in_parts(names, MOST_VALUES)
        for each in session.client("ssm").get_parameters(Names=list(some), WithDecryption=True)["Parameters"]
    }
    for each in parameters:
        if each.type == SECRETS_MANAGER:
            yield replace(each, value=_secret(session, each.name))
        else:
            yield replace(each, value=values.get(each.name))


def _secret(session: boto3.Session, reference: str) -> str:
    """A secret as it is kept: whole, though a task may be given one of its JSON keys."""
    client = session.client("secretsmanager")
    try:
        return str(client.get_secret_value(SecretId=secret_of(reference))["SecretString"])
    except (client.exceptions.ResourceNotFoundException, KeyError):
        raise DeliveryError(f"the secret {secret_of(reference)} has no text value") from None
