"""What an execution deploys, and what is made of its source."""

from dataclasses import dataclass, replace

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from pipeline_steps.job import StepError
from pipeline_steps.package import builder
from pipeline_steps.package.commit import from_labels, named
from pipeline_steps.package.docker import Docker
from pipeline_steps.package.settings import Settings
from releases import template
from releases.events import PACKAGED, STARTED, Commit, publish
from releases.executions import NO_IMAGE, was_given
from releases.history import History, read_history
from releases.names import LIVE
from releases.pipeline import Pipeline
from releases.record import UNKNOWN, Release
from releases.repository import Repository

DIGITS = 19
"""Of a digest, for people: `sha256:` and twelve."""


@dataclass(frozen=True)
class Packaged:
    """What is to be deployed.

    Attributes:
        digest: the image; "" when there is none.
        source: the version of the source that it was made of, or `unknown`.
        commit: the source's commit.
        uploaded: when, in seconds since 1970; 0 without an upload.
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


def run(session: boto3.Session, settings: Settings, docker: Docker) -> Packaged:
    """Find or make the image, and announce it.

    Raises:
        StepError: there is no image; why.
    """
    # Executions are asked for before the record is read: one that ends in between is in the record.
    earlier = _earlier(session, settings) if settings.image == NO_IMAGE else []
    history = read_history(session, settings.record)
    if history.newest in history.unreadable:
        raise StepError(f"Version {history.newest} of {settings.record} is no release record that this program reads.")
    packaged = _Package(session, settings, docker, history).package(earlier)
    if packaged.nothing:
        print(f"{packaged.nothing}: nothing to do.")
        return replace(packaged, summary="nothing to deploy")
    packaged = replace(packaged, summary=summary(packaged, history.last))
    announce(session, settings, PACKAGED, packaged.commit, summary=packaged.summary)
    return packaged


def summary(packaged: Packaged, last: Release | None) -> str:
    """For whoever approves: the image, and what it replaces."""
    if last is None:
        then = "the first release"
    elif last.image_digest == packaged.digest:
        then = f"the image of release {last.release} again"
    else:
        then = f"it replaces release {last.release}, {last.image_digest[:DIGITS]}{_of_commit(last.commit)}"
    image = f"{packaged.digest[:DIGITS]} from source {packaged.source}{_of_commit(packaged.commit.hash)}"
    return f"{image}; when packaged, {then}"


def announce(session: boto3.Session, settings: Settings, detail_type: str, commit: Commit, **more: str) -> None:
    """Publish an event, with `more` in its detail. A release goes on whether or not this works."""
    try:
        publish(session, detail_type, settings.pipeline, settings.execution, commit, {"summary": "", **more})
    except (BotoCoreError, ClientError, RuntimeError) as error:
        print(f"{detail_type} was not announced: {error}")


class _Package:
    def __init__(self, session: boto3.Session, settings: Settings, docker: Docker, history: History) -> None:
        self._session, self._settings, self._docker, self._history = session, settings, docker, history
        self._repository = Repository(session, settings.repository)

    def package(self, earlier: list[str]) -> Packaged:
        """
        Args:
            earlier: executions of the same source that were started before this one and are not over.
        """
        packaged = self._of_source(earlier) if self._settings.image == NO_IMAGE else self._of_image()
        if packaged.nothing or packaged.commit.known:
            return packaged
        settings = self._settings
        platform = settings.content.platform
        commit = from_labels(self._session, settings.repository, packaged.digest, platform, packaged.commit)
        if commit.known:
            announce(self._session, settings, STARTED, commit)
        return replace(packaged, commit=commit)

    def _of_source(self, earlier: list[str]) -> Packaged:
        source = self._settings.source
        nothing = Packaged("", source, Commit())
        if self._history.with_source(source):
            return replace(nothing, nothing=f"Source {source} has been released already")
        pipeline = Pipeline(self._session, self._settings.pipeline)
        # An execution releases its source unless it was given an image.
        if any(was_given(pipeline.execution(execution), NO_IMAGE) for execution in earlier):
            return replace(nothing, nothing=f"Source {source} is on its way in an earlier execution")
        commit, uploaded = self._upload()
        announce(self._session, self._settings, STARTED, commit)
        digest = builder.build(self._session, self._settings, self._docker)
        return Packaged(digest, source, commit, uploaded)

    def _of_image(self) -> Packaged:
        image = self._settings.image
        if image == LIVE:
            digest = self._repository.digest(LIVE) or ""
        elif self._repository.has(image):
            digest = image
        else:
            raise StepError(f"There is no image {image} in {self._settings.repository}.")
        packaged = _of_release(digest, self._history)
        if not digest:
            return replace(packaged, nothing="No image is live yet")
        if image == LIVE and self._template_is_released(digest):
            return replace(packaged, nothing="The image that is live has been released with this template")
        return packaged

    def _upload(self) -> tuple[Commit, int]:
        """What the upload's metadata names, `x-amz-meta-commit` and `x-amz-meta-repository`, and when it was."""
        settings = self._settings
        head = self._session.client("s3").head_object(
            Bucket=settings.bucket, Key=settings.key, VersionId=settings.source
        )
        metadata = head["Metadata"]
        commit = named(Commit(), "upload", metadata.get("commit"), metadata.get("repository"))
        return commit, int(head["LastModified"].timestamp())

    def _template_is_released(self, digest: str) -> bool:
        settings, last = self._settings, self._history.last
        if not settings.template_folder or last is None or last.image_digest != digest:
            return False
        key = f"{settings.template_folder}/{template.APPSPEC}"
        answer = self._session.client("s3").get_object(Bucket=settings.bucket, Key=key)
        return template.fingerprint_in(answer["Body"].read().decode()) == last.template_fingerprint


def _of_release(digest: str, history: History) -> Packaged:
    """An image as it was released before."""
    release = history.with_digest(digest)
    if release is None:
        return Packaged(digest, UNKNOWN, Commit())
    return Packaged(digest, release.source_version, Commit(release.commit, release.repository))


def _of_commit(commit: str) -> str:
    return "" if commit in ("", UNKNOWN) else f", commit {commit}"


def _earlier(session: boto3.Session, settings: Settings) -> list[str]:
    """The executions of this source that were started before this one and are not over; AWS lists the newest first."""
    answer = session.client("codepipeline").list_pipeline_executions(pipelineName=settings.pipeline)
    under_way = [
        str(each["pipelineExecutionId"])
        for each in answer["pipelineExecutionSummaries"]
        if each["status"] == "InProgress"
        and settings.source in [revision.get("revisionId") for revision in each.get("sourceRevisions", [])]
    ]
    return under_way[under_way.index(settings.execution) + 1 :] if settings.execution in under_way else []
