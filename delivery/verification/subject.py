"""What is looked at, and what is said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import boto3

from releases.ecs import describe_revision, describe_services
from releases.errors import PROGRAM, DeliveryError
from releases.names import aws_name
from releases.service_state import ServiceState, named_digest, read_state, read_states, refuse_short_name


class Problem(NamedTuple):
    """Something that is wrong.

    Attributes:
        what: it, in one line.
        mend: what to do, in one line.
    """

    what: str
    mend: str


class Unsure(Problem):
    """What may be wrong: the check cannot know."""


class Note(Problem):
    """What is worth a line and is no finding; it has no mend."""


@dataclass(frozen=True)
class Subject:
    """A service that there is.

    Attributes:
        session: AWS.
        stack: the stack.
        service: its name in the stack file.
        state: the service now.
        described: as DescribeServices has it.
        definitions: the task definitions that ECS may start tasks of: those of its deployments, and a newer one that
            `up` has registered and that is not deployed.
    """

    session: boto3.Session
    stack: str
    service: str
    state: ServiceState
    described: Mapping[str, Any]
    definitions: Sequence[Mapping[str, Any]]

    @property
    def name(self) -> str:
        """What its things are called in AWS."""
        return aws_name(self.stack, self.service)

    @property
    def up(self) -> str:
        """What puts back what Pulumi has declared."""
        return f"`{PROGRAM} up --stack {self.stack}` puts it back"

    @property
    def region(self) -> str:
        """Where it is."""
        return self._arn[3]

    @property
    def account(self) -> str:
        """Whose it is."""
        return self._arn[4]

    def arn(self, service: str, resource: str, region: str | None = None) -> str:
        """An ARN in the service's account, and in its region if no other is named."""
        return f"arn:{self._arn[1]}:{service}:{region or self.region}:{self.account}:{resource}"

    @property
    def _arn(self) -> Sequence[str]:
        return str(self.described["serviceArn"]).split(":")


def read_subjects(session: boto3.Session, stack: str, services: Sequence[str]) -> list[Subject]:
    """The services of these names.

    Raises:
        DeliveryError: one of them is not there, or is a long name's short one; the message says which there are.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    for service in services:
        refuse_short_name(session, stack, service)
    described, states = describe_services(session, stack, services), read_states(session, stack, services)
    for service in services:
        if service not in states:
            read_state(session, stack, service)
            raise DeliveryError(f"{service} was created just now; run this again")
    return [
        Subject(session, stack, name, states[name], described[name], _definitions(session, stack, states[name]))
        for name in services
    ]


def _definitions(session: boto3.Session, stack: str, state: ServiceState) -> list[Mapping[str, Any]]:
    name = aws_name(stack, state.service)
    newest = describe_revision(session.client("ecs"), name)
    running = [each["taskDefinitionArn"] for each in state.revisions]
    # One that names a digest is a clone of the pipeline's, which nothing deploys again.
    pending = newest["taskDefinitionArn"] not in running and named_digest(newest, name) is None
    return [*state.revisions, *([newest] if pending else [])]
