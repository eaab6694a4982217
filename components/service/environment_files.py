"""Environment files of a task: those of this repository, which a task definition pins by their content, and S3 objects.

Secrets are refused in them: who may look at a repository or a bucket sees all of a file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.iam import policies
from components.platform.delivery_store import DeliveryStore
from components.service.secret_looks import why_secret
from releases.names import environment_file_key, environment_files

MOST = 10
"""Of a container (ECS, RegisterTaskDefinition: environmentFiles)."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


@dataclass(frozen=True)
class EnvironmentFile:
    """An environment file of this repository.

    Attributes:
        name: what it is called, such as `web.env`.
        text: its content.
    """

    name: str
    text: str

    @classmethod
    def load(cls, path: Path) -> EnvironmentFile:
        """Read one.

        Raises:
            ValueError: it is missing, or its text is not UTF-8.
        """
        try:
            return cls(path.name, path.read_bytes().decode("utf-8"))
        except FileNotFoundError:
            there = ", ".join(sorted(each.name for each in path.parent.glob("*.env"))) or "none"
            raise ValueError(f"{path.name}: there is no such file in {path.parent.name}/; there are: {there}") from None
        except UnicodeDecodeError:
            raise ValueError(f"{path.name}: must be UTF-8 (ECS, environment files)") from None

    @property
    def variables(self) -> list[str]:
        """The names that it gives a value to."""
        return [name for _, name, _ in self._lines() if name is not None]

    @property
    def digest(self) -> str:
        """Of its content."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:32]

    def problems(self) -> Iterator[str]:
        """What ECS would not understand, and what is no place for it: `NAME, line N: …`, without the value."""
        for number, name, value in self._lines():
            where = f"{self.name}, line {number}"
            if name is None:
                yield f"{where}: must be VARIABLE=VALUE, a comment that begins with #, or empty"
                continue
            if value[:1] in ("'", '"'):
                yield f"{where}: {name} begins with a quotation mark, which would be part of the value; remove it"
            if why := why_secret(name, value):
                yield f"{where}: {name} {why}; make it one of `parameters`, with secret: true"
        names = self.variables
        yield from (f"{self.name}: {name} is there twice" for name in sorted({n for n in names if names.count(n) > 1}))

    def _lines(self) -> Iterator[tuple[int, str | None, str]]:
        """Line number, variable and value; None for the variable of a line that is none (ECS, environment files)."""
        for number, line in enumerate(self.text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, equals, value = line.partition("=")
            yield number, name if equals and VARIABLE.fullmatch(name) else None, value


@dataclass(frozen=True)
class TaskFiles:
    """A task's environment files.

    Attributes:
        references: all of them, as a container's `environmentFiles`.
        elsewhere: those among them that somebody else keeps.
        objects: where the others are.
        statements: what reading the others takes.
    """

    references: list[dict[str, pulumi.Input[str]]]
    elsewhere: list[dict[str, str]]
    objects: list[aws.s3.BucketObjectv2]
    statements: list[policies.Statement]


def put_files(
    service: str, files: Sequence[EnvironmentFile | str], store: DeliveryStore, parent: pulumi.Resource, *, had: bool
) -> TaskFiles:
    """Put a service's files into the delivery store: each content is an object of its own, which stays.

    A task definition names it, and ECS may start a task of an earlier one again; so the task reads all that there were.

    Args:
        service: its name.
        files: those of this repository, and the ARNs of others.
        store: where they are put.
        parent: the service.
        had: whether a revision that runs reads some.
    """
    objects: list[aws.s3.BucketObjectv2] = []
    references: list[dict[str, pulumi.Input[str]]] = []
    for file in files:
        if isinstance(file, str):
            references.append({"type": "s3", "value": file})
            continue
        key = environment_file_key(service, file.digest, file.name)
        references.append({"type": "s3", "value": pulumi.Output.concat(store.arn, "/", key)})
        objects.append(
            aws.s3.BucketObjectv2(
                f"{service}-{file.name}-{file.digest}",
                bucket=store.bucket,
                key=key,
                content=file.text,
                content_type="text/plain",
                opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=True),
            )
        )
    own = pulumi.Output.concat(store.arn, "/", environment_files(service), "/*")
    reading = [
        policies.allow("ReadOwnEnvironmentFiles", "s3:GetObject", [own]),
        policies.allow("FindOwnEnvironmentFiles", "s3:GetBucketLocation", [store.arn]),
    ]
    elsewhere = [{"type": "s3", "value": file} for file in files if isinstance(file, str)]
    return TaskFiles(references, elsewhere, objects, reading if objects or had else [])
