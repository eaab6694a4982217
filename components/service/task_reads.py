"""What ECS reads and mounts for a task beyond the service's own image, parameters and log, and what that takes.

The execution role is granted it, and for EFS the task role: named in the template, so exactly that.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from components.iam import policies
from components.scope import Scope
from components.service.task_rules import Document, at, containers_of, dicts, shown

SECRET = re.compile(
    r"(?P<base>arn:[a-z0-9-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-\w{6})"
    r"(:(?P<key>[^:]*):(?P<stage>[^:]*):(?P<version>[^:]*))?"
)
"""A secret by its whole ARN, then JSON key, version stage and version id (ECS, Pass Secrets Manager secrets)."""
PARAMETER = re.compile(r"arn:[a-z0-9-]+:ssm:[a-z0-9-]+:\d{12}:parameter/[\w./-]+")
OBJECT = re.compile(r"arn:[a-z0-9-]+:s3:::(?P<bucket>[a-z0-9.-]{3,63})/(?P<key>\S+)")
REPOSITORY = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>[a-z0-9._/-]+?)(?=[:@]|$)"
)
"""An image of ECR, whatever comes after its repository."""


@dataclass(frozen=True, order=True)
class Mount:
    """An EFS file system that ECS mounts as the task's role.

    Attributes:
        file_system: its id.
        access_point: the access point's id; "" without one.
        writes: whether a container may write to it.
    """

    file_system: str
    access_point: str
    writes: bool


@dataclass(frozen=True)
class Reads:
    """What a rendered template names.

    Attributes:
        secrets: ARNs of Secrets Manager, without JSON key, stage and version.
        parameters: ARNs of Parameter Store.
        files: ARNs of S3 objects.
        repositories: (account, region, name) of ECR's.
        mounts: file systems with IAM authorization.
    """

    secrets: Sequence[str] = ()
    parameters: Sequence[str] = ()
    files: Sequence[str] = ()
    repositories: Sequence[tuple[str, str, str]] = ()
    mounts: Sequence[Mount] = ()

    def __or__(self, other: "Reads") -> "Reads":
        """What either names."""
        return Reads(*(sorted({*getattr(self, each.name), *getattr(other, each.name)}) for each in fields(self)))

    def __sub__(self, other: "Reads") -> "Reads":
        """What this one names and the other does not."""
        return Reads(*(sorted({*getattr(self, each.name)} - {*getattr(other, each.name)}) for each in fields(self)))

    @property
    def encrypted(self) -> bool:
        """Whether anything may be encrypted by a customer's key."""
        return bool(self.secrets or self.parameters or self.files)

    def execution_statements(self, scope: Scope, keys: Sequence[str]) -> list[policies.Statement]:
        """What the execution role needs.

        Args:
            scope: partition, region and account.
            keys: the customers' KMS keys that encrypt what is read.
        """
        statements = []
        if self.repositories:
            arns = [
                f"arn:{scope.partition}:ecr:{region}:{account}:repository/{name}"
                for account, region, name in self.repositories
            ]
            statements.append(policies.pull_sidecars(arns))
        services = [
            service
            for service, named in (("secretsmanager", self.secrets), ("ssm", self.parameters), ("s3", self.files))
            if named
        ]
        if self.secrets:
            statements.append(policies.allow("ReadSecrets", "secretsmanager:GetSecretValue", self.secrets))
        if self.parameters:
            statements.append(policies.allow("ReadNamedParameters", "ssm:GetParameters", self.parameters))
        if self.files:
            buckets = sorted({file.partition("/")[0] for file in self.files})
            statements += [
                policies.allow("ReadEnvironmentFiles", "s3:GetObject", self.files),
                policies.allow("FindEnvironmentFiles", "s3:GetBucketLocation", buckets),
            ]
        if keys and services:
            via = {"StringLike": {"kms:ViaService": [f"{service}.*.amazonaws.com*" for service in services]}}
            statements += [
                policies.allow(f"DecryptWhatIsRead{number}", "kms:Decrypt", [key], via)
                for number, key in enumerate(sorted(keys), 1)
            ]
        return statements

    def task_statements(self, scope: Scope) -> list[policies.Statement]:
        """What the task role needs (EFS, IAM authorization for NFS clients)."""
        return [
            policies.allow(
                f"Mount{number}",
                "elasticfilesystem:ClientMount ClientWrite" if mount.writes else "elasticfilesystem:ClientMount",
                [scope.arn("elasticfilesystem", f"file-system/{mount.file_system}")],
                _through(scope.arn("elasticfilesystem", f"access-point/{mount.access_point}"))
                if mount.access_point
                else None,
            )
            for number, mount in enumerate(self.mounts, start=1)
        ]


def _through(access_point: str) -> dict[str, Any]:
    return {"StringEquals": {"elasticfilesystem:AccessPointArn": access_point}}


def reads(document: Document, service_image: str) -> Reads:
    """What a rendered template names.

    Args:
        document: the template, without problems.
        service_image: of the service itself.
    """
    values = [value for _, value in _values_from(document)]
    files = [str(file.get("value")) for container in containers_of(document) for file in _files(container)]
    images = {str(container.get("image")) for container in containers_of(document)} - {service_image}
    of_ecr = [match for image in sorted(images) if (match := REPOSITORY.match(image))]
    return Reads(
        secrets=sorted({match["base"] for value in values if (match := SECRET.fullmatch(value))}),
        parameters=sorted({value for value in values if PARAMETER.fullmatch(value)}),
        files=sorted(set(files)),
        repositories=sorted({(match["account"], match["region"], match["name"]) for match in of_ecr}),
        mounts=_mounts(document),
    )


def problems(document: Document, values: Document) -> Iterator[str]:
    """What ECS could not read or write with the roles that the service has: path, value, and what is allowed.

    Args:
        document: the rendered template.
        values: those of the placeholders `log_group` and `region`.
    """
    for where, value in _values_from(document):
        match = SECRET.fullmatch(value)
        if match and match["stage"] and match["version"]:
            yield f"{where}: {shown(value)}; takes a version stage or a version id, not both"
        elif not match and not PARAMETER.fullmatch(value):
            yield (
                f"{where}: {shown(value)}; must be the whole ARN of a secret, with its six last characters and then "
                "nothing or :json-key:version-stage:version-id, or the ARN of a parameter; the service's own are "
                'declared in its `parameters` and come by "${secrets}"'
            )
    for index, container in enumerate(containers_of(document)):
        where = f"containerDefinitions[{index}]"
        for number, file in enumerate(_files(container)):
            value = str(file.get("value"))
            if not (match := OBJECT.fullmatch(value)) or not match["key"].endswith(".env"):
                yield (
                    f"{where}.environmentFiles[{number}].value: {shown(value)}; must be the ARN of an S3 object whose "
                    "name ends in .env, such as arn:aws:s3:::bucket/app.env"
                )
        yield from (f"{where}.logConfiguration.options.{problem}" for problem in _log(container, values))


def _log(container: Document, values: Document) -> Iterator[str]:
    """The execution role may write to the service's log group only, and make none."""
    if at(container, "logConfiguration.logDriver") != "awslogs":
        return
    for option, placeholder in (("awslogs-group", "log_group"), ("awslogs-region", "region")):
        value = at(container, f"logConfiguration.options.{option}")
        if value is not None and value != values[placeholder]:
            yield f'{option}: {shown(value)}; must be "${{{placeholder}}}", where the execution role may write'
    if (value := at(container, "logConfiguration.options.awslogs-create-group")) not in (None, "false"):
        yield f"awslogs-create-group: {shown(value)}; the log group is made by the program, leave it out"


def _values_from(document: Document) -> Iterator[tuple[str, str]]:
    """Each `valueFrom` of the template, and where it is; those of the service's own parameters are not."""
    for index, container in enumerate(containers_of(document)):
        where = f"containerDefinitions[{index}]"
        for path in ("secrets", "logConfiguration.secretOptions"):
            for number, secret in enumerate(dicts(at(container, path))):
                yield f"{where}.{path}[{number}].valueFrom", str(secret.get("valueFrom"))
        credentials = at(container, "repositoryCredentials.credentialsParameter")
        if credentials is not None:
            yield f"{where}.repositoryCredentials.credentialsParameter", str(credentials)


def _files(container: Document) -> list[dict[str, Any]]:
    return dicts(container.get("environmentFiles"))


def _mounts(document: Document) -> list[Mount]:
    writes = {
        mount.get("sourceVolume")
        for container in containers_of(document)
        for mount in dicts(container.get("mountPoints"))
        if mount.get("readOnly") is not True
    }
    return [
        Mount(
            str(at(volume, "efsVolumeConfiguration.fileSystemId")),
            str(at(volume, "efsVolumeConfiguration.authorizationConfig.accessPointId") or ""),
            volume.get("name") in writes,
        )
        for volume in dicts(document.get("volumes"))
        if at(volume, "efsVolumeConfiguration.authorizationConfig.iam") == "ENABLED"
    ]
