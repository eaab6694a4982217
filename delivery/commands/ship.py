"""Uploading a source, and following the release that this starts."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import boto3
import click

from delivery.command_line import json_option, service_argument, stack_option, wait_option
from delivery.commands import rebuild
from delivery.executions.brought import S3, Delivering
from delivery.executions.find import check_bucket, check_rule, of_version, started
from delivery.executions.outcome import Delivery
from delivery.executions.start import Course, course
from delivery.output.confirmation import agreed, yes_option
from delivery.uploads.build_settings import plain_variables
from delivery.uploads.packing import packed, size
from pipeline_steps.package.commit import COMMIT, LONGEST_REPOSITORY, REPOSITORY
from releases.errors import PROGRAM, DeliveryError
from releases.names import aws_name, service_of_source
from releases.service_state import read_state


@dataclass(frozen=True, kw_only=True)
class Shipped(Delivery):
    """The execution of an upload.

    Attributes:
        sourceVersion: the version of the uploaded object.
    """

    sourceVersion: str


DOCUMENT = Shipped


@dataclass(frozen=True)
class Place:
    """Where the sources of a service are uploaded to.

    Attributes:
        bucket: the bucket.
        key: the object's.
        build: the variables of the service's build.
    """

    bucket: str
    key: str
    build: Mapping[str, str]

    @property
    def url(self) -> str:
        """For people."""
        return f"{S3}{self.bucket}/{self.key}"


def place_of(delivering: Delivering) -> Place:
    """Find where a service's sources are uploaded to.

    Raises:
        DeliveryError: there is no such service, or nothing is uploaded for it.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    service, stack, place = delivering.service, delivering.stack, delivering.place
    if not place.startswith(S3):
        push = f"`{PROGRAM} push {service} --image DIR --stack {stack}`"
        raise DeliveryError(f"images of {service} are pushed, and nothing is built here: {push}")
    bucket, _, key = place.removeprefix(S3).partition("/")
    return Place(bucket, key, plain_variables(delivering.session, aws_name(stack, service)))


def upload(session: boto3.Session, place: Place, archive: IO[bytes], metadata: Mapping[str, str]) -> str:
    """Put a source where the pipeline looks for it; its version.

    Raises:
        DeliveryError: the bucket keeps no versions.
        botocore.exceptions.ClientError: AWS refuses.
    """
    answer = session.client("s3").put_object(Bucket=place.bucket, Key=place.key, Body=archive, Metadata=metadata)
    if "VersionId" not in answer:
        raise DeliveryError(f"the bucket {place.bucket} keeps no versions, and a release is one; `up` has it keep them")
    return str(answer["VersionId"])


def execution_of(delivering: Delivering, place: Place, version: str, before: str | None) -> str:
    """The execution of an uploaded version; of one that S3 has told nobody of it is started here.

    Raises:
        DeliveryError: an upload starts nothing, or its execution does not get its turn.
    """
    if found := started(delivering, before, of_version(version)):
        return found
    check_bucket(delivering.session, place.bucket)
    check_rule(delivering.session, delivering.pipeline)
    delivering.log("S3 has sent no event, as in a new stack's first minutes: this command starts this version.")
    return delivering.pipeline.start_version(version)


@dataclass(frozen=True)
class Upload:
    """A source that is about to be uploaded.

    Attributes:
        service: the service's name in the stack file.
        source: what is uploaded.
        bytes: how many it has as a zip.
        place: where to.
        course: what is on its way.
    """

    service: str
    source: Path
    bytes: int
    place: Place
    course: Course

    def lines(self) -> list[str]:
        """What will happen, for people."""
        others = self.place.build.get("SHARED") == "yes"
        return [
            f"{self.service}: uploads {self.source}, {self.bytes:,} bytes, to {self.place.url}, and releases it",
            *(["Other services are built of this upload, too; those that it changes are released."] if others else []),
            *(["The migration of its image runs first."] if self.course.migrates else []),
            *self.course.lines(),
        ]


def _metadata(
    pattern: re.Pattern[str], words: str
) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Refuses what the pipeline would not take of an upload's metadata."""

    def check(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
        if value is not None and (pattern.fullmatch(value) is None or len(value) > LONGEST_REPOSITORY):
            raise click.BadParameter(words)
        return value

    return check


@click.command("ship")
@service_argument
@click.option("--source", type=click.Path(path_type=Path), metavar="DIR|ZIP", help="The app's sources.")
@click.option(
    "--commit", metavar="SHA", callback=_metadata(COMMIT, "must be a whole hash"), help="The commit of the sources."
)
@click.option(
    "--repository",
    metavar="OWNER/NAME",
    callback=_metadata(REPOSITORY, "must be OWNER/NAME"),
    help="The repository of that commit.",
)
@click.option("--rebuild", "anew", is_flag=True, help="Build the last upload again instead of uploading.")
@click.option("--verbose", is_flag=True, help="Also print each line of the build's log.")
@yes_option
@wait_option
@stack_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    service: str,
    source: Path | None,
    commit: str | None,
    repository: str | None,
    anew: bool,
    verbose: bool,
    yes: bool,
    wait: bool,
    stack: str,
    as_json: bool,
) -> None:
    """Upload a source of SERVICE as its CI does, and follow the release that it starts.

    It zips a folder without .git, in the same way each time. The exit code is 1 when the release fails, and 0 when it
    succeeds or waits for an approval.

    Example: delivery ship chuoi --source ../chuoi --stack dev
    """
    if (source is None) is not anew:
        raise click.UsageError("write either --source DIR, or --rebuild for what was uploaded last")
    if source is None:
        if as_json or verbose or commit or repository:
            raise click.UsageError("--rebuild uploads nothing: it goes with --yes and --no-wait only")
        context.invoke(rebuild.command, service=service, stack=stack, yes=yes, wait=wait)
        return
    delivering = Delivering(context.obj, stack, service, verbose, as_json)
    session, place = delivering.session, place_of(delivering)
    with packed(source, place.build) as archive:

        def look() -> Upload:
            on_its_way = course(session, stack, read_state(session, stack, service))
            return Upload(service, source, size(archive), place, on_its_way)

        agreed(look, "Upload it?", yes=yes, err=as_json)
        newest = delivering.pipeline.newest()
        metadata = {name: value for name, value in (("commit", commit), ("repository", repository)) if value}
        uploader = context.obj.uploader(aws_name(stack, service_of_source(place.key)))
        version = upload(uploader, place, archive, metadata)
        delivering.log(f"Uploaded {source} ({size(archive):,} bytes) to {place.url}, version {version}")
    execution = execution_of(delivering, place, version, newest and newest[0])
    delivering.follow(execution, partial(Shipped, sourceVersion=version), wait=wait)
