"""What no release needs any more: runtime values that were replaced, and old revisions of migrations.

A value is needed as long as a task may be started with it: by a release that can be gone back to by hand, by a
deployment, or by an edit that is registered and not deployed yet. Everything else of a stack is left alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import boto3
import click

from delivery.command_line import stack_option, with_session
from delivery.output.confirmation import agreed, yes_option
from delivery.services.history import service_history
from releases.ecs import (
    AT_ONCE,
    active_revisions,
    cluster_of,
    describe_revision,
    describe_tasks,
    in_parts,
    list_services,
)
from releases.errors import DeliveryError
from releases.names import aws_name, migration_family, parameter_of, parameter_path, runtime_value, service_of_record
from releases.record import Release
from releases.service_state import revision_name, service_containers

YOUNG = timedelta(hours=1)
"""A value this new may be one that an `up` is about to name."""
MOST_DELETED = 10
"""How many parameters DeleteParameters takes at once."""


@dataclass(frozen=True)
class Value:
    """A runtime value in Parameter Store.

    Attributes:
        name: the parameter's name.
        service: whose it is.
        variable: the environment variable.
        modified: when it was made; values never change.
    """

    name: str
    service: str
    variable: str
    modified: datetime


@dataclass(frozen=True)
class Leftovers:
    """What can go.

    Attributes:
        values: parameters, by name.
        gone: the services among theirs that there are no more.
        revisions: task definitions of migrations, as ARNs.
    """

    values: list[Value]
    gone: frozenset[str]
    revisions: list[str]

    def lines(self) -> list[str]:
        """What each one belonged to."""
        return [
            *(
                f"{value.name}  {value.variable} of {value.service}"
                f"{', a service that is gone' if value.service in self.gone else ''}, of {value.modified:%Y-%m-%d}"
                for value in self.values
            ),
            *(f"{revision_name(arn)}  an old migration" for arn in self.revisions),
        ]


def leftovers(session: boto3.Session, stack: str, now: datetime) -> Leftovers:
    """Find what no release needs any more.

    Args:
        session: the AWS session.
        stack: the stack.
        now: the time, with its zone; values that are younger than an hour stay.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    values, recorded = _parameters(session, stack)
    running = list_services(session, stack)
    known = sorted({*running, *recorded, *(value.service for value in values)})
    gone = frozenset(name for name in known if name not in running and name not in recorded)
    needed: set[str] = set()
    for service in {value.service for value in values} - gone:
        needed |= _needed(session, stack, service, deployed=service in running)
    return Leftovers(
        values=[value for value in values if value.name not in needed and now - value.modified >= YOUNG],
        gone=gone,
        revisions=[
            arn for name in known if migration_family(name) not in known for arn in _migrations(session, stack, name)
        ],
    )


def remove(session: boto3.Session, unused: Leftovers) -> None:
    """Remove it. What another run has removed already is no error.

    Raises:
        botocore.exceptions.ClientError: AWS refuses; what was removed until then stays removed.
    """
    ssm, ecs = session.client("ssm"), session.client("ecs")
    for names in in_parts([value.name for value in unused.values], MOST_DELETED):
        ssm.delete_parameters(Names=names)
    for arn in unused.revisions:
        ecs.deregister_task_definition(taskDefinition=arn)


def _parameters(session: boto3.Session, stack: str) -> tuple[list[Value], set[str]]:
    """The stack's runtime values, and the services that have a release record."""
    of_stack = {"Key": "Name", "Option": "BeginsWith", "Values": [f"{parameter_path(stack)}/"]}
    pages = session.client("ssm").get_paginator("describe_parameters").paginate(ParameterFilters=[of_stack])
    values, recorded = [], set()
    for page in pages:
        for parameter in page["Parameters"]:
            name = parameter["Name"]
            if value := runtime_value(stack, name):
                values.append(Value(name, value.service, value.variable, parameter["LastModifiedDate"]))
            elif service := service_of_record(stack, name):
                recorded.add(service)
    return sorted(values, key=lambda value: value.name), recorded


def _needed(session: boto3.Session, stack: str, service: str, *, deployed: bool) -> set[str]:
    """The names of the parameters that a service may still start a task with."""
    family, ecs = aws_name(stack, service), session.client("ecs")
    active = {_number(arn): arn for arn in active_revisions(ecs, family)}
    released = [_number(release.task_definition) for release in _releases(session, stack, service)]
    last = released[0] if released else 0
    wanted = [arn for number, arn in active.items() if number in released or number > last]
    wanted += _deployed(ecs, cluster_of(session, stack), family) if deployed else []
    definitions = _described(ecs, wanted)
    definitions += _newest_of_pulumi(ecs, [active[number] for number in sorted(active, reverse=True)], family)
    return {name for definition in definitions for name in _secrets(definition)}


def _releases(session: boto3.Session, stack: str, service: str) -> list[Release]:
    """The releases that are known. A record that cannot be read may be of a newer program, so it is no guess."""
    history = service_history(session, stack, service)
    if history.newest in history.unreadable:
        raise DeliveryError(
            f"the release record of {service} is not one that this version reads, so it is not sure what it needs; "
            "nothing was removed; use the version of this command that belongs to the program"
        )
    return list(history.releases)


def _newest_of_pulumi(ecs: Any, newest_first: Sequence[str], family: str) -> list[dict[str, Any]]:
    """The revision that Pulumi registered last: its image is a tag, the pipeline's clones name a digest.

    It may be older than the last release and still be deployed: an edit that failed, while the pipeline went on
    releasing under the revision before it, is tried again by the next `up`.
    """
    for arns in in_parts(newest_first, AT_ONCE):
        for definition in _described(ecs, arns):
            containers = service_containers(definition, family)
            if any("@" not in c["image"] for c in definition["containerDefinitions"] if c["name"] in containers):
                return [definition]
    return []


def _deployed(ecs: Any, cluster: str, name: str) -> list[str]:
    described = ecs.describe_services(cluster=cluster, services=[name])["services"]
    return [deployment["taskDefinition"] for service in described for deployment in service["deployments"]]


def _migrations(session: boto3.Session, stack: str, service: str) -> list[str]:
    """All revisions of a service's migrations but the newest and those that run."""
    ecs, family = session.client("ecs"), migration_family(aws_name(stack, service))
    old = sorted(active_revisions(ecs, family), key=_number)[:-1]
    return [arn for arn in old if arn not in _running(ecs, cluster_of(session, stack), family)] if old else []


def _running(ecs: Any, cluster: str, family: str) -> set[str]:
    try:
        return {task["taskDefinitionArn"] for task in describe_tasks(ecs, cluster, family=family)}
    except ecs.exceptions.ClusterNotFoundException:
        return set()


def _described(ecs: Any, arns: Iterable[str]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(partial(describe_revision, ecs), dict.fromkeys(arns)))


def _secrets(definition: dict[str, Any]) -> Iterator[str]:
    for container in definition["containerDefinitions"]:
        yield from (parameter_of(secret["valueFrom"]) for secret in container.get("secrets", []))


def _number(arn: str) -> int:
    return int(arn.rpartition(":")[2])


@click.command("prune")
@stack_option
@yes_option
@with_session
def command(session: boto3.Session, stack: str, yes: bool) -> None:
    """List what no release of the stack needs any more, ask, and remove it.

    These are replaced runtime values in Parameter Store, and old revisions of migrations.

    Example: delivery prune --stack dev
    """
    look = partial(leftovers, session, stack, datetime.now(UTC))
    unused = look()
    if not unused.lines():
        click.echo("Nothing to remove.")
        return
    unused = agreed(look, "Remove these?", yes=yes, found=unused)
    remove(session, unused)
    click.echo(f"Removed {len(unused.lines())}.")
