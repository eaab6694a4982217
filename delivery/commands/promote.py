"""Having a stack release the image that another stack runs."""

import re
from dataclasses import dataclass

import boto3
import click

from delivery.command_line import service_argument, wait_option, with_session
from delivery.executions.start import Course, Start, course, start
from delivery.output.confirmation import yes_option
from delivery.services.history import service_history
from releases.aws_session import share_clients
from releases.errors import DeliveryError
from releases.executions import to_promote
from releases.names import LIVE, aws_name, release_tag
from releases.pipeline import Pipeline
from releases.record import Release
from releases.repository import Repository
from releases.service_state import read_state

DIGEST = re.compile("sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Plan:
    """What is taken over.

    Attributes:
        service: the service.
        source: the stack whose image it is.
        target: the stack that is to release it.
        digest: of that image.
        release: its release there; None where that stack was not read.
        now: the last release here; None before the first.
    """

    service: str
    source: str
    target: str
    digest: str
    release: Release | None
    now: Release | None

    def start(self, way: Course) -> Start:
        """The target's pipeline is given the image."""
        return Start(self.target, self.service, to_promote(self.source, self.digest), self.line(), way)

    def line(self) -> str:
        """For people."""
        what = f"{self.digest[:19]} of {self.source}"
        if self.release:
            number, commit = release_tag(self.release.release), self.release.commit[:12]
            what = f"{number} of {self.source}, {self.digest[:19]}, commit {commit}"
        runs = f"in place of {release_tag(self.now.release)}" if self.now else "as its first release"
        return f"{self.target} is to release {self.service} as {what}, {runs}."


def plan(
    source_session: boto3.Session, session: boto3.Session, source: str, target: str, service: str, digest: str | None
) -> Plan:
    """What the source's stack runs, or this image of its, and what the target's does.

    Raises:
        DeliveryError: there is nothing to take over, it is the same stack, or the target has that image already.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    if source == target:
        raise DeliveryError(f"--from and --to are both {source}; an image is promoted from one stack to another")
    if not Pipeline(session, aws_name(target, service)).exists:
        raise DeliveryError(f"there is no service {service} in stack {target}; `up` makes it, with source.promote_from")
    release = None if digest else _live_release(source_session, source, service)
    image = release.image_digest if release else str(digest)
    now = service_history(session, target, service).last
    if now is not None and (now.image_digest == image or now.source_version == to_promote(source, image)):
        raise DeliveryError(f"{target} has released this image of {service} already, as {release_tag(now.release)}")
    return Plan(service, source, target, image, release, now)


def _live_release(session: boto3.Session, stack: str, service: str) -> Release:
    live = Repository(session, aws_name(stack, service)).digest(LIVE)
    release = service_history(session, stack, service).with_digest(live) if live else None
    if release is None:
        raise DeliveryError(f"{service} has no live release in stack {stack}, so there is nothing to promote")
    return release


def _is_digest(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value is not None and DIGEST.fullmatch(value) is None:
        raise click.BadParameter("must be sha256: and 64 digits of a hash")
    return value


@click.command("promote")
@service_argument
@click.option("--from", "source", required=True, metavar="STACK", help="The stack whose live image it is.")
@click.option("--to", "--stack", "target", required=True, metavar="STACK", help="The stack that releases it.")
@click.option(
    "--from-profile", metavar="PROFILE", help="The AWS profile for the first stack, if it is in another account."
)
@click.option("--from-region", metavar="REGION", help="The Region of that stack, if it is another one.")
@click.option(
    "--digest",
    metavar="DIGEST",
    callback=_is_digest,
    help="The digest of the image, as `delivery live` printed it there; that stack is then not read here.",
)
@yes_option
@wait_option
@with_session
def command(
    session: boto3.Session,
    service: str,
    source: str,
    target: str,
    from_profile: str | None,
    from_region: str | None,
    digest: str | None,
    yes: bool,
    wait: bool,
) -> None:
    """Release in one stack the image of SERVICE that another stack runs, by its digest and without a build.

    The stack file of the releasing stack must say source: {promote_from: {stack: dev}}. Its pipeline copies the image
    into its own repository, then asks for approval and migrates as for any release.

    Example: delivery promote chuoi --from dev --to prd
    """
    other = session
    if from_profile or from_region:
        region = from_region or session.region_name
        other = share_clients(boto3.Session(profile_name=from_profile, region_name=region))

    def look() -> Start:
        chosen = plan(other, session, source, target, service, digest)
        return chosen.start(course(session, target, read_state(session, target, service)))

    start(session, look, click.echo, yes=yes, wait=wait)
