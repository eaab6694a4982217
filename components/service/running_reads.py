"""What the revisions of a service that run read: its roles may go on reading it until none of them does.

A role's policy changes before the service. A right that went with an edit would be missing where ECS replaces a task
of the revision before, or rolls the edit back, and where `up` leaves the service alone.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Self

import pulumi

from components.iam import policies
from components.scope import Scope
from components.service.task_reads import Reads, reads
from releases.names import environment_files, runtime_value_name


@dataclass(frozen=True)
class RunningReads:
    """What running revisions read.

    Attributes:
        elsewhere: what is neither the service's own nor among its declared parameters.
        own_files: whether they read environment files of the service's own.
    """

    elsewhere: Reads
    own_files: bool

    @classmethod
    def of(cls, revisions: Sequence[Mapping[str, Any]], scope: Scope, service: str, granted: Set[str]) -> Self:
        """What these name.

        Args:
            revisions: task definitions, as ECS describes them.
            scope: partition, region and account.
            service: the service's name.
            granted: ARNs of parameters and secrets that the service's declared parameters are.
        """
        named = all_reads(revisions)
        own_value = scope.arn("ssm", f"parameter{runtime_value_name(scope.stack, service, '')}")
        own_repository = (scope.account, scope.region, scope.name(service))
        foreign = [file for file in named.files if not _is_own(file, service)]
        elsewhere = Reads(
            secrets=[arn for arn in named.secrets if arn not in granted],
            parameters=[arn for arn in named.parameters if arn not in granted and not arn.startswith(own_value)],
            files=foreign,
            repositories=[each for each in named.repositories if each != own_repository],
            mounts=named.mounts,
        )
        return cls(elsewhere, len(foreign) < len(named.files))


def all_reads(revisions: Iterable[Mapping[str, Any]]) -> Reads:
    """What task definitions name, the service's own among it."""
    named = Reads()
    for revision in revisions:
        named |= reads(dict(revision), "")
    return named


def decrypt_with(keys: Sequence[str], left: Reads) -> list[policies.Statement]:
    """What decrypts what is read and not declared any more, with keys that are: one of them may encrypt it.

    Args:
        keys: the keys' ARNs.
        left: what is read.
    """
    return [
        statement
        for number, key in enumerate(keys, 1)
        for statement in (
            *([policies.decrypt_secrets(f"RunningSecrets{number}", left.secrets, key)] if left.secrets else []),
            *policies.decrypt_parameters(f"Running{number}", left.parameters, key),
        )
    ]


def say_what_stays(service: str, running: Reads, declared: Reads) -> None:
    """Say what nothing declares any more and a service's roles may go on reading."""
    if left := sorted(_names(running) - _names(declared)):
        pulumi.log.info(
            f"{service}: its roles may go on reading {', '.join(left)}, which a revision reads that runs; the next up "
            "after its last task takes that away"
        )


def _names(named: Reads) -> set[str]:
    repositories = (name for _, _, name in named.repositories)
    file_systems = (mount.file_system for mount in named.mounts)
    return {*named.secrets, *named.parameters, *named.files, *repositories, *file_systems}


def _is_own(file: str, service: str) -> bool:
    """Whether an object is in the delivery store's folder of the service's files."""
    return file.partition(":::")[2].partition("/")[2].startswith(f"{environment_files(service)}/")
