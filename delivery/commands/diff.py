"""What two releases differ in, a release and what runs now, or what two stacks run."""

import json
import re
from dataclasses import dataclass
from typing import Any

import boto3
import click

from delivery.command_line import json_option, print_json, service_argument, stack_option, with_session
from delivery.commands.rollback import release_number
from delivery.services.differences import OF_THE_PROGRAM, Difference, differences
from delivery.services.history import numbers, service_history
from releases import sidecars
from releases.aws_session import share_clients
from releases.ecs import describe_revision
from releases.errors import DeliveryError
from releases.names import aws_name, parameter_path, release_tag, runtime_value_name
from releases.record import UNKNOWN, Release
from releases.service_state import images, read_state, revision_name

NOW = "live"
"""What runs now, as an argument names it."""


@dataclass(frozen=True)
class Side:
    """One of the two that are compared.

    Attributes:
        stack: the stack.
        what: `release-3`, or `live` for what runs now.
        image_digest: its image; None when no task runs.
        commit: what that was made of, or `unknown`.
        task_definition: the revision's ARN.
        sidecars: what the other containers ran, `NAME=sha256:…` with blanks between; "" when it is not known.
    """

    stack: str
    what: str
    image_digest: str | None
    commit: str
    task_definition: str
    sidecars: str = ""


@dataclass(frozen=True)
class Diff:
    """What two sides differ in. Values of secrets are in none of them: a secret is the parameter that it is read from.

    Attributes:
        service: its name in the stack file.
        before: the first side.
        after: the second side.
        sidecars: containers that ran another image, in words.
        differences: the fields of the task definitions.
    """

    service: str
    before: Side
    after: Side
    sidecars: list[str]
    differences: list[Difference]

    def lines(self) -> list[str]:
        """For people."""
        one, other = self.before, self.after
        names = [f"{side.what} of {side.stack}" if one.stack != other.stack else side.what for side in (one, other)]
        lines = [f"{self.service}: from {names[0]} to {names[1]}"]
        if one.image_digest != other.image_digest:
            lines.append(f"image: {_image(one)} → {_image(other)}")
        lines += [f"sidecar {words}" for words in self.sidecars]
        lines += [f"{each.field}: {each.then} → {each.now}" for each in self.differences]
        revisions = " and ".join(revision_name(side.task_definition) for side in (one, other))
        return lines if len(lines) > 1 else [f"{lines[0]}: nothing differs between {revisions}"]


DOCUMENT = Diff


def _image(side: Side) -> str:
    digest = side.image_digest[:19] if side.image_digest else "no task runs"
    return f"{digest} (commit {side.commit[:12]})" if side.commit != UNKNOWN else digest


def diff(session: boto3.Session, stack: str, service: str, before: int | None, after: int | None) -> Diff:
    """What differs between two releases of a service; None is what runs now.

    Raises:
        DeliveryError: there is no such service or release, or its revision is gone.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    one, other = (_side(session, stack, service, number) for number in (before, after))
    then, now = (_definition(session, side) for side in (one, other))
    return Diff(
        service,
        one,
        other,
        sidecars.changes(one.sidecars, other.sidecars),
        differences(then, now, aws_name(stack, service)),
    )


def diff_stacks(
    session: boto3.Session, stack: str, other_session: boto3.Session, other_stack: str, service: str, number: int | None
) -> Diff:
    """What differs between what a stack runs, or a release of its, and what another stack runs.

    What is named after the stack, the account and the Region is taken for the same, and so is a value of the stack's
    own: that each has one is all that is compared of it.

    Raises:
        DeliveryError: one of them has no such service or release, or its revision is gone.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    one, other = _side(session, stack, service, number), _side(other_session, other_stack, service, None)
    then, now = (
        _of_any_stack(_definition(where, side), side.stack, service)
        for where, side in ((session, one), (other_session, other))
    )
    found = differences(then, now, aws_name(ANY, service))
    return Diff(service, one, other, [], [each for each in found if not OF_THE_PROGRAM.fullmatch(each.field)])


def _side(session: boto3.Session, stack: str, service: str, number: int | None) -> Side:
    history = service_history(session, stack, service)
    if number is not None:
        release = next((each for each in history.releases if each.release == number), None)
        if release is None:
            raise DeliveryError(
                f"there is no release {number} of {service} in stack {stack}; there are: {numbers(history)}"
            )
        return _released(stack, release)
    state = read_state(session, stack, service)
    running = images(session, stack, state).running
    known = history.with_digest(running) if running else None
    return Side(stack, NOW, running, known.commit if known else UNKNOWN, state.task_definition)


def _released(stack: str, release: Release) -> Side:
    what, definition = release_tag(release.release), release.task_definition
    return Side(stack, what, release.image_digest, release.commit, definition, release.sidecars)


def _definition(session: boto3.Session, side: Side) -> dict[str, Any]:
    ecs = session.client("ecs")
    try:
        return describe_revision(ecs, side.task_definition)
    except ecs.exceptions.ClientException:
        raise DeliveryError(
            f"{revision_name(side.task_definition)}, the task definition of {side.what}, is no longer there"
        ) from None


ANY = "STACK"
"""In the place of a stack's name, where two are compared."""


def _of_any_stack(definition: dict[str, Any], stack: str, service: str) -> dict[str, Any]:
    """A task definition without what is each stack's own."""
    _, _, _, region, account, _ = definition["taskDefinitionArn"].split(":", 5)
    text = json.dumps(definition)
    own_value = re.escape(runtime_value_name(stack, service, "")) + r"(\w+?)-\w+(?=\")"
    text = re.sub(own_value, lambda found: f"{parameter_path(ANY, service)}/{found[1]} (the stack's own value)", text)
    text = text.replace(parameter_path(stack), parameter_path(ANY)).replace(
        aws_name(stack, service), aws_name(ANY, service)
    )
    text = re.sub(rf"\b{account}\b", "ACCOUNT", text)
    found: dict[str, Any] = json.loads(re.sub(rf"\b{re.escape(region)}\b", "REGION", text))
    return found


def _release_or_now(text: str) -> int | None:
    return None if text == NOW else release_number(text)


@click.command("diff")
@service_argument
@click.argument("before", required=False, default=NOW, metavar="[A]", type=_release_or_now)
@click.argument("after", required=False, default=NOW, metavar="[B]", type=_release_or_now)
@stack_option
@click.option("--to-stack", metavar="STACK", help="Compare with what this stack runs.")
@click.option("--to-profile", metavar="PROFILE", help="The AWS profile for that stack, if it is in another account.")
@click.option("--to-region", metavar="REGION", help="The Region of that stack, if it is another one.")
@json_option
@with_session
def command(
    session: boto3.Session,
    service: str,
    before: int | None,
    after: int | None,
    stack: str,
    to_stack: str | None,
    to_profile: str | None,
    to_region: str | None,
    as_json: bool,
) -> None:
    """Show how releases A and B of SERVICE differ: image, task definition, and which value of each parameter they read.

    A and B are releases as `history` shows them, or `live`, which is what runs now. The default of B is `live`. With
    --to-stack the command compares what runs here, or A, with what runs there.

    \b
    delivery diff chuoi 11 12 --stack dev
    delivery diff chuoi --stack dev --to-stack prd

    Example: delivery diff chuoi 12 --stack dev
    """
    if to_stack is None:
        if before is None and after is None:
            raise click.UsageError("name a release to compare with what runs now, two releases, or --to-stack")
        found = diff(session, stack, service, before, after)
    else:
        if after is not None:
            raise click.UsageError("--to-stack takes the place of B, with what that stack runs")
        other = session
        if to_profile or to_region:
            region = to_region or session.region_name
            other = share_clients(boto3.Session(profile_name=to_profile, region_name=region))
        found = diff_stacks(session, stack, other, to_stack, service, before)
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(found.lines()))
