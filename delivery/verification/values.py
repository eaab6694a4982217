"""Parameters and secrets that tasks are given: they exist, are what they were released as, and can be decrypted."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.services.parameters import described
from delivery.verification.subject import Problem, Subject
from releases.names import parameter_of, runtime_value

SECRET = re.compile(r"arn:[a-z0-9-]+:secretsmanager:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):secret:[^:]+")
"""A secret's ARN, before its JSON key, version stage and version id (ECS, Pass Secrets Manager secrets)."""
PARAMETER = re.compile(r"arn:[a-z0-9-]+:ssm:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):parameter.+")
OF_AWS = re.compile(r"(arn:[^:]+:kms:[^:]+:[^:]+:)?alias/aws/(ssm|secretsmanager)")
"""Keys that everybody in the account may use through their service."""


@dataclass(frozen=True)
class Stored:
    """A parameter or a secret that a task definition names.

    Attributes:
        arn: it.
        definition: `family:revision` of the task definition.
        found: as DescribeParameters or DescribeSecret has it; None where there is none.
    """

    arn: str
    definition: str
    found: Mapping[str, Any] | None

    @property
    def is_parameter(self) -> bool:
        """Whether it is Parameter Store's."""
        return PARAMETER.fullmatch(self.arn) is not None

    @property
    def region(self) -> str:
        """Where it is."""
        return self.arn.split(":")[3]

    @property
    def name(self) -> str:
        """What people call it."""
        return parameter_of(self.arn) if self.is_parameter else self.arn.partition(":secret:")[2]

    @property
    def key(self) -> str | None:
        """The customer's key that encrypts it; None where it is AWS's, or nothing is encrypted."""
        found = self.found or {}
        encrypted = not self.is_parameter or found.get("Type") == "SecureString"
        key = found.get("KeyId" if self.is_parameter else "KmsKeyId") if encrypted else None
        return None if key is None or OF_AWS.fullmatch(key) else str(key)


def named(definition: Mapping[str, Any]) -> list[str]:
    """What a task definition reads of Parameter Store and Secrets Manager, each once."""
    references: list[str] = []
    for container in definition["containerDefinitions"]:
        secrets = [*container.get("secrets", []), *container.get("logConfiguration", {}).get("secretOptions", [])]
        references += [str(secret["valueFrom"]) for secret in secrets]
        if credentials := container.get("repositoryCredentials"):
            references.append(str(credentials["credentialsParameter"]))
    return list(dict.fromkeys(references))


def stored(subject: Subject) -> list[Stored]:
    """What the service's task definitions name, but for what is another account's, which is not looked at.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    where: dict[str, str] = {}
    for definition in subject.definitions:
        for reference in named(definition):
            revision = f"{definition['family']}:{definition['revision']}"
            if match := SECRET.match(reference):
                arn = match[0]
            elif match := PARAMETER.fullmatch(reference):
                arn = reference
            else:  # a parameter of the same region, by its name
                arn = subject.arn("ssm", f"parameter/{reference.removeprefix('/')}")
            if match is None or match["account"] == subject.account:
                where.setdefault(arn, revision)
    parameters = [arn for arn in where if PARAMETER.fullmatch(arn)]
    found = {**_parameters(subject, parameters), **_secrets(subject, [arn for arn in where if SECRET.fullmatch(arn)])}
    return [Stored(arn, revision, found.get(arn)) for arn, revision in where.items()]


def _parameters(subject: Subject, arns: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    found = {}
    by_region: dict[str, list[str]] = {}
    for arn in arns:
        by_region.setdefault(arn.split(":")[3], []).append(arn)
    for region, of_region in by_region.items():
        ssm = subject.session.client("ssm", region_name=region)
        names = {parameter_of(arn): arn for arn in of_region}
        found.update({names[name]: each for name, each in described(ssm, list(names)).items()})
    return found


def _secrets(subject: Subject, arns: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    found = {}
    for arn in arns:
        client = subject.session.client("secretsmanager", region_name=arn.split(":")[3])
        try:
            found[arn] = client.describe_secret(SecretId=arn)
        except client.exceptions.ResourceNotFoundException:
            continue
    return found


def values(subject: Subject) -> Iterator[Problem]:
    """What tasks could not be given, or are given otherwise than when they were released."""
    states: dict[str, str] = {}
    for each in stored(subject):
        yield from _problems(subject, each)
        key = each.key
        if key is not None and key not in states:
            states[key] = _state(subject, key, each.region)
            if states[key] != "Enabled":
                yield Problem(
                    f"{each.name} is encrypted with {key}, which is {states[key]}: no task starts with it",
                    f"`aws kms enable-key --key-id {key}`, or `cancel-key-deletion` before that",
                )


def _problems(subject: Subject, each: Stored) -> Iterator[Problem]:
    kind = "parameter" if each.is_parameter else "secret"
    if each.found is None:
        yield Problem(
            f"{each.definition} names the {kind} {each.name}, which is not there: no task starts with it",
            subject.up if runtime_value(subject.stack, each.name) else f"make the {kind}, or name another one",
        )
        return
    if "DeletedDate" in each.found:
        yield Problem(
            f"{each.definition} names the secret {each.name}, which is about to be deleted: no task starts with it",
            f"`aws secretsmanager restore-secret --secret-id {each.arn}`",
        )
    if runtime_value(subject.stack, each.name) and each.found["Version"] != 1:
        yield Problem(
            f"{each.name} was changed by hand, to version {each.found['Version']}: tasks that start now have another "
            "value than those before",
            "set the value in the stack file, or by `pulumi config set --secret`, and `up`: another value is another "
            "parameter",
        )


def _state(subject: Subject, key: str, region: str) -> str:
    kms = subject.session.client("kms", region_name=region)
    try:
        return str(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"])
    except kms.exceptions.NotFoundException:
        return "not there"
