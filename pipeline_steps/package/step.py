"""What an execution deploys: an image that it was given, or one of its source."""

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from pipeline_steps.job import StepError
from pipeline_steps.package.commit import from_labels
from pipeline_steps.package.promotion import Promotion, take_over
from pipeline_steps.package.start import Start, earlier, had_before, started_with
from releases import template
from releases.events import PACKAGED, STARTED, Commit, publish
from releases.executions import NO_IMAGE, REBUILD, promoted
from releases.history import History, read_history
from releases.names import LIVE
from releases.pipeline import Pipeline
from releases.record import UNKNOWN, Release
from releases.repository import Repository

IMAGE_DEFINITIONS = "imagedefinitions.json"
"""The file that the ECS deploy action reads of Package's artifact."""
DIGITS = 19
"""Of a digest, for people: `sha256:` and twelve."""


class Request(Protocol):
    """What is asked, and of which service."""

    @property
    def image(self) -> str:
        """NO_IMAGE, REBUILD, `live`, a digest, or STACK@DIGEST."""

    @property
    def start(self) -> Start:
        """What the execution was started with."""

    @property
    def execution(self) -> str:
        """The pipeline's execution."""

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""

    @property
    def repository(self) -> str:
        """The service's own repository."""

    @property
    def record(self) -> str:
        """The release record's Parameter Store name."""

    @property
    def platform(self) -> str:
        """The tasks', such as `linux/arm64`."""

    @property
    def bucket(self) -> str:
        """Where the template is that CodeDeploy deploys."""

    @property
    def template_folder(self) -> str:
        """Where it is in there; "" when ECS deploys."""

    @property
    def until(self) -> float:
        """When no other layer of an image is copied in this call, by the monotonic clock."""

    @property
    def promotion(self) -> Promotion | None:
        """Whose images may be taken over; None where none may."""


@dataclass(frozen=True)
class Source:
    """How a source becomes an image.

    Attributes:
        described: what it says of itself: the commit, and when it came, in seconds since 1970.
        image: puts the image into the service's own repository; its digest.
    """

    described: Callable[[], tuple[Commit, int]]
    image: Callable[[], str]


@dataclass(frozen=True)
class Packaged:
    """What is to be deployed.

    Attributes:
        digest: the image; "" when there is none.
        source: the version of the source that it was made of, for a pushed image its digest, for one of another stack
            STACK@DIGEST, or `unknown`.
        commit: the source's commit.
        uploaded: when the source came, in seconds since 1970; 0 without one.
        nothing: why nothing is to be deployed; "" when something is.
        summary: for whoever approves, in one line.
    """

    digest: str
    source: str
    commit: Commit
    uploaded: int = 0
    nothing: str = ""
    summary: str = ""

    def variables(self) -> dict[str, str]:
        """The action's output variables."""
        return {
            "IMAGE_DIGEST": self.digest,
            "DEPLOY": "no" if self.nothing else "yes",
            "SOURCE": self.source,
            "COMMIT": self.commit.hash,
            "COMMIT_REPOSITORY": self.commit.repository,
            "UPLOADED": str(self.uploaded),
            "SUMMARY": self.summary,
        }


def run(session: boto3.Session, request: Request, source: Source) -> Packaged:
    """Find or make the image, and announce it.

    Raises:
        StepError: there is no image; why.
    """
    # Executions are asked for before the record is read: one that ends in between is in the record.
    before = earlier(session, request.pipeline, request.execution) if request.image == NO_IMAGE else []
    history = read_history(session, request.record)
    if history.newest in history.unreadable:
        raise StepError(f"Version {history.newest} of {request.record} is no release record that this program reads.")
    packaged = _Package(session, request, source, history).package(before)
    if packaged.nothing:
        print(f"{packaged.nothing}: nothing to do.")
        return replace(packaged, summary="nothing to deploy")
    packaged = replace(packaged, summary=summary(packaged, history.last))
    announce(session, request, PACKAGED, packaged.commit, summary=packaged.summary)
    return packaged


def summary(packaged: Packaged, last: Release | None) -> str:
    """For whoever approves: the image, and what it replaces."""
    if last is None:
        then = "the first release"
    elif last.image_digest == packaged.digest:
        then = f"the image of release {last.release} again"
    else:
        then = f"it replaces release {last.release}, {last.image_digest[:DIGITS]}{_of_commit(last.commit)}"
    stack, _ = promoted(packaged.source)
    source = f"of stack {stack}" if stack else f"from source {packaged.source}"
    source = "as it was pushed" if packaged.source == packaged.digest else source
    image = f"{packaged.digest[:DIGITS]} {source}{_of_commit(packaged.commit.hash)}"
    return f"{image}; when packaged, {then}"


def image_definitions(repository_uri: str, containers: Sequence[str], digest: str) -> str:
    """What the ECS deploy action takes (CodePipeline user guide, image definitions file reference)."""
    image = f"{repository_uri}@{digest}"
    return json.dumps([{"name": name, "imageUri": image} for name in containers])


def announce(session: boto3.Session, request: Request, detail_type: str, commit: Commit, **more: str) -> None:
    """Publish an event, with `more` in its detail. A release goes on whether or not this works."""
    try:
        publish(session, detail_type, request.pipeline, request.execution, commit, {"summary": "", **more})
    except (BotoCoreError, ClientError, RuntimeError) as error:
        print(f"{detail_type} was not announced: {error}")


class _Package:
    def __init__(self, session: boto3.Session, request: Request, source: Source, history: History) -> None:
        self._session, self._request, self._source, self._history = session, request, source, history
        self._repository = Repository(session, request.repository)

    def package(self, before: Sequence[Start | None]) -> Packaged:
        """
        Args:
            before: the starts of executions that are not over, the newest first.
        """
        packaged = self._of_source(before) if self._request.image in (NO_IMAGE, REBUILD) else self._of_image()
        if packaged.nothing or packaged.commit.known:
            return packaged
        request = self._request
        commit = from_labels(self._session, request.repository, packaged.digest, request.platform, packaged.commit)
        if commit.known:
            announce(self._session, request, STARTED, commit)
        return replace(packaged, commit=commit)

    def _of_source(self, before: Sequence[Start | None]) -> Packaged:
        start, is_again = self._request.start, self._request.image == REBUILD
        if not is_again and (nothing := had_before(start, self._history, before, functools.cache(self._start_of))):
            return Packaged("", start.source, Commit(), nothing=nothing)
        commit, uploaded = self._source.described()
        announce(self._session, self._request, STARTED, commit)
        return Packaged(self._source.image(), start.source, commit, uploaded)

    def _start_of(self, execution: str) -> Start | None:
        pipeline = Pipeline(self._session, self._request.pipeline)
        try:
            return started_with(pipeline.execution(execution))
        except self._session.client("codepipeline").exceptions.PipelineExecutionNotFoundException:
            return None  # CodePipeline forgets executions after a year

    def _of_image(self) -> Packaged:
        image, request = self._request.image, self._request
        if promoted(image)[0]:
            digest = take_over(
                self._session, image, request.promotion, request.repository, request.platform, request.until
            )
            return Packaged(digest, image, Commit())
        if image == LIVE:
            digest = self._repository.digest(LIVE) or ""
        elif self._repository.has(image):
            digest = image
        else:
            raise StepError(f"There is no image {image} in {self._request.repository}.")
        packaged = _of_release(digest, self._history)
        if not digest:
            return replace(packaged, nothing="No image is live yet")
        if image == LIVE and self._template_is_released(digest):
            return replace(packaged, nothing="The image that is live has been released with this template")
        return packaged

    def _template_is_released(self, digest: str) -> bool:
        request, last = self._request, self._history.last
        if not request.template_folder or last is None or last.image_digest != digest:
            return False
        key = f"{request.template_folder}/{template.APPSPEC}"
        answer = self._session.client("s3").get_object(Bucket=request.bucket, Key=key)
        return template.fingerprint_in(answer["Body"].read().decode()) == last.template_fingerprint


def _of_release(digest: str, history: History) -> Packaged:
    """An image as it was released before."""
    release = history.with_digest(digest)
    if release is None:
        return Packaged(digest, UNKNOWN, Commit())
    return Packaged(digest, release.source_version, Commit(release.commit, release.repository))


def _of_commit(commit: str) -> str:
    return "" if commit in ("", UNKNOWN) else f", commit {commit}"
