"""All checks, and what they find."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import boto3
from botocore.exceptions import ClientError

from delivery.verification import bases, capacity, images, notifications, pipeline, roles, routing, values
from delivery.verification.subject import Note, Problem, Subject, Unsure, read_subjects
from releases.ecs import AT_ONCE, list_services
from releases.errors import EXPECTED, PROGRAM, DeliveryError, denied, explained

OF_A_SERVICE: Mapping[str, Callable[[Subject], Iterator[Problem]]] = {
    "values": values.values,
    "permissions": roles.permissions,
    "trust": roles.trust,
    "images": images.images,
    "base images": bases.bases,
    "record": images.record,
    "edit": images.edit,
    "deployment": images.deployment,
    "target groups": routing.target_groups,
    "pipeline": pipeline.pipeline,
    "triggers": pipeline.triggers,
}
OF_THE_STACK: Mapping[str, Callable[[Sequence[Subject]], Iterator[Problem]]] = {
    "certificates": routing.certificates,
    "sources": pipeline.sources,
    "addresses": capacity.addresses,
    "vCPUs": capacity.vcpus,
    "notifications": notifications.notifications,
}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or that could not be looked at.

    Attributes:
        service: of which service; None where it is all services'.
        check: which check has found it.
        looked: whether it is known; False where the credentials may not look, AWS has not answered, or answers without
            what a condition asks.
        problem: what is wrong, in one line.
        mend: what to do, in one line.
    """

    service: str | None
    check: str
    looked: bool
    problem: str
    mend: str

    def lines(self) -> list[str]:
        """For people: what is wrong, and below it what to do."""
        return [f"{self.service or 'all services'}, {self.check}: {self.problem}", f"  mend it: {self.mend}"]


@dataclass(frozen=True)
class Report:
    """What was looked at, and what was found.

    Attributes:
        services: the services.
        checks: how many checks have run.
        findings: what they have found; nothing, where all is well.
        notes: what could not be looked at for somebody else's reason, such as a registry that does not answer.
    """

    services: list[str]
    checks: int
    findings: list[Finding]
    notes: list[str]

    def lines(self) -> list[str]:
        """For people: each finding with its mend, the notes, and last how much was looked at."""
        whole = f"{self.checks} checks of {', '.join(self.services) or 'no service'}"
        count = len(self.findings)
        found = f"{count} {'finding' if count == 1 else 'findings'}" if count else "nothing is wrong"
        return [
            *(
                line
                for each in self.findings
                for line in (
                    f"{each.service or 'all services'}, {each.check}: {each.problem}",
                    f"  mend it: {each.mend}",
                )
            ),
            *(f"note: {words}" for words in self.notes),
            f"{whole}: {found}",
        ]


def verify(session: boto3.Session, stack: str, service: str | None = None) -> Report:
    """Look at a service, or at all of a stack; nothing is changed.

    Raises:
        DeliveryError: there is no such service, or no service at all.
        botocore.exceptions.ClientError: AWS refuses to tell of the services themselves.
    """
    services = [service] if service is not None else list_services(session, stack)
    if not services:
        raise DeliveryError(f"stack {stack} has no services; check the stack, the account and the region")
    subjects = read_subjects(session, stack, services)
    checks = [
        *((subject.service, name, check, subject) for subject in subjects for name, check in OF_A_SERVICE.items()),
        *((None, name, check, subjects) for name, check in OF_THE_STACK.items()),
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda each: _look(*each), checks))
    return Report(
        services,
        len(checks),
        [finding for findings, _ in found for finding in findings],
        [note for _, notes in found for note in notes],
    )


def _look(
    service: str | None, name: str, check: Callable[..., Iterator[Problem]], what: object
) -> tuple[list[Finding], list[str]]:
    findings, notes = list[Finding](), list[str]()
    try:
        for problem in check(what):
            if isinstance(problem, Note):
                notes.append(f"{service or 'all services'}, {name}: {problem.what}")
            else:
                findings.append(Finding(service, name, not isinstance(problem, Unsure), *problem))
    except EXPECTED as error:
        findings.append(Finding(service, name, False, *_refusal(error)))
    return findings, notes


def _refusal(error: Exception) -> Problem:
    action = denied(error) if isinstance(error, ClientError) else None
    if action is not None:
        return Problem(
            f"could not look: these credentials may not {action}", "use other credentials, or have it allowed"
        )
    return Problem(f"could not look: {explained(error)}", f"`{PROGRAM} verify` again; all other checks have run")
