"""What an execution deploys: an image that it was given, or one of its source.

A call that is repeated copies what is not there yet, and chooses the same image.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import boto3

from pipeline_steps.announcement import announce_progress
from pipeline_steps.artifacts import write_files
from pipeline_steps.job import Done, Job, Outcome, StepError, Waiting
from pipeline_steps.package import pushed_image
from pipeline_steps.package.assets import Assets, add_assets
from pipeline_steps.package.built import built_by
from pipeline_steps.package.commit import from_labels
from pipeline_steps.package.images import Images, UnfinishedError
from pipeline_steps.package.promotion import Promotion, take_over
from pipeline_steps.package.start import IMAGE_SOURCE, Start, earlier, nothing_to_do, readable_history
from pipeline_steps.settings import Settings
from releases import template
from releases.events import PACKAGED, STARTED, Commit
from releases.executions import NO_IMAGE, NO_SOURCE, REBUILD, promoted
from releases.history import History
from releases.names import LIVE, release_tag
from releases.record import UNKNOWN, Release
from releases.repository import Repository

IMAGE_DEFINITIONS = "imagedefinitions.json"
"""The file that the ECS deploy action reads of Package's artifact."""
DIGITS = 19
"""Of a digest, for people: `sha256:` and twelve."""
SECONDS_OF_A_CALL = 600
"""After which no other layer is begun: Lambda ends a call after 15 minutes, and CodePipeline an action 20 minutes after
a call without an answer (CodePipeline user guide, Quotas)."""


@dataclass(frozen=True)
class Packaged:
    """What is to be deployed.

    Attributes:
        digest: the image, with the assets of releases before where that is wanted; "" when there is none.
        source: the version of the source that it was made of, for a pushed image its digest, for one of another stack
            STACK@DIGEST, or `unknown`.
        commit: the source's commit.
        uploaded: when the source came, in seconds since 1970; 0 without one.
        nothing: why nothing is to be deployed; "" when something is.
        summary: for whoever approves, in one line.
    """

    digest: str
    source: str
    commit: Commit = field(default_factory=Commit)
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


def run(session: boto3.Session, settings: Settings, job: Job) -> Outcome:
    """Find the image, or take it over, announce it, and write the image definitions as the step's one artifact.

    The job's parameters: `image`, what the execution was asked to deploy, NO_IMAGE, REBUILD, `live`, a digest, or
    STACK@DIGEST; `source`, the version of the upload, or the digest of what was pushed, or `none`, which is what the
    inbox's `tag` is on, if there is one; `pushed`, when; `execution`.

    Raises:
        StepError: there is no image; why.
    """
    try:
        packaged = _Package(session, settings, job).package()
    except UnfinishedError as error:
        return Waiting(str(error), {"waiting": True})
    definitions = image_definitions(settings.repository_uri, settings.containers, packaged.digest)
    write_files(session, job, {IMAGE_DEFINITIONS: definitions})
    return Done(packaged.summary, packaged.variables())


def summary(packaged: Packaged, last: Release | None) -> str:
    """For whoever approves: the image, and what it replaces; an execution in front of it may still release another."""
    if last is None:
        then = "is the first release, unless another comes first"
    elif last.image_digest == packaged.digest:
        then = f"is the image of {release_tag(last.release)} again"
    else:
        replaced = f"{last.image_digest[:DIGITS]}{_of_commit(last.commit)}"
        then = f"replaces {release_tag(last.release)} ({replaced}), unless another release comes first"
    stack, _ = promoted(packaged.source)
    source = f"of stack {stack}" if stack else f"from source {packaged.source}"
    source = "as it was pushed" if packaged.source == packaged.digest else source
    image = f"{packaged.digest[:DIGITS]} {source}{_of_commit(packaged.commit.hash)}"
    return f"{image}. It {then}"


def image_definitions(repository_uri: str, containers: Sequence[str], digest: str) -> str:
    """What the ECS deploy action takes (CodePipeline user guide, image definitions file reference)."""
    image = f"{repository_uri}@{digest}"
    return json.dumps([{"name": name, "imageUri": image} for name in containers])


def _source(session: boto3.Session, settings: Settings, given: Mapping[str, str]) -> str:
    """The version or the digest of what is to be released, if a source is."""
    is_named = given["source"] != NO_SOURCE or given["image"] != NO_IMAGE or "tag" not in given
    return given["source"] if is_named else Repository(session, settings.inbox).digest(given["tag"]) or NO_SOURCE


class _Package:
    def __init__(self, session: boto3.Session, settings: Settings, job: Job) -> None:
        self._session, self._settings = session, settings
        self._image, self._execution = job.parameters["image"], job.parameters["execution"]
        self._start = Start(_source(session, settings, job.parameters), job.parameters["pushed"])
        self._repository = Repository(session, settings.repository)
        self._until = time.monotonic() + SECONDS_OF_A_CALL

    def package(self) -> Packaged:
        """The image, announced."""
        takes_source = self._image in (NO_IMAGE, REBUILD)
        packaged = self._of_source() if takes_source else self._of_image()
        if packaged.nothing:
            print(f"{packaged.nothing}: nothing to do.")
            return replace(packaged, summary="nothing to deploy")
        packaged = self._with_commit(packaged)
        packaged = replace(packaged, summary=summary(packaged, self._history.last))
        self._announce(PACKAGED, packaged.commit, summary=packaged.summary)
        return packaged

    @cached_property
    def _history(self) -> History:
        return readable_history(self._session, self._settings.record)

    def _of_source(self) -> Packaged:
        source = self._start.source
        if source != NO_SOURCE and not source.startswith(IMAGE_SOURCE):
            built = built_by(self._session, self._settings.pipeline, self._execution)
            if built.nothing:
                return Packaged("", source, built.commit, built.uploaded, built.nothing)
            packaged = Packaged(self._with_assets(built.digest), source, built.commit, built.uploaded)
            return self._unless_it_is_as_it_was(packaged) if self._settings.is_shared else packaged
        of = self._settings.pipeline, self._execution, self._settings.record
        if nothing := nothing_to_do(self._session, *of, self._start):
            return Packaged("", source, nothing=nothing)
        self._announce(STARTED, Commit())
        settings = self._settings
        pushed_image.copy(self._session, source, settings.inbox, settings.repository, settings.platform, self._until)
        return Packaged(self._with_assets(source), source, uploaded=pushed_image.moment(self._start.pushed))

    def _unless_it_is_as_it_was(self, packaged: Packaged) -> Packaged:
        """An upload that is other services', too, changes one of them at least."""
        # What is on its way may make another image live, and this content would have to come after it.
        is_alone = not earlier(self._session, self._settings.pipeline, self._execution)
        same = self._history.as_it_was(packaged.digest) if is_alone and self._image != REBUILD else None
        if same:
            nothing = f"The content of this service is that of {release_tag(same.release)}"
            return replace(packaged, digest="", nothing=nothing)
        self._announce(STARTED, packaged.commit)
        return packaged

    def _of_image(self) -> Packaged:
        image, settings = self._image, self._settings
        if promoted(image)[0]:
            allowed = Promotion.parse(settings.promotion)
            digest = take_over(self._session, image, allowed, settings.repository, settings.platform, self._until)
            return Packaged(self._with_assets(digest), image)
        if image == LIVE:
            digest = self._repository.digest(LIVE) or ""
        elif self._repository.has(image):
            digest = image
        else:
            raise StepError(f"There is no image {image} in {settings.repository}.")
        packaged = _of_release(digest, self._history)
        if not digest:
            return replace(packaged, nothing="No image is live yet")
        if image == LIVE and self._template_is_released(digest):
            return replace(packaged, nothing="The image that is live has been released with this template")
        return packaged

    def _with_assets(self, digest: str) -> str:
        """A new image, with the assets of the last releases where that is wanted."""
        settings = self._settings
        if (assets := Assets.parse(settings.assets)) is None:
            return digest
        if time.monotonic() > self._until:
            raise UnfinishedError("The image is copied, and its assets are not added yet")
        images = Images(self._session.client("ecr"), settings.repository)
        released = [release.image_digest for release in self._history.releases]
        return add_assets(images, digest, settings.platform, assets, released)

    def _template_is_released(self, digest: str) -> bool:
        settings, last = self._settings, self._history.last
        if not settings.template_folder or last is None or last.image_digest != digest:
            return False
        key = f"{settings.template_folder}/{template.APPSPEC}"
        answer = self._session.client("s3").get_object(Bucket=settings.template_bucket, Key=key)
        return template.fingerprint_in(answer["Body"].read().decode()) == last.template_fingerprint

    def _with_commit(self, packaged: Packaged) -> Packaged:
        """With the commit that the image's labels name, where nobody has named one."""
        if packaged.commit.known:
            return packaged
        settings, digest = self._settings, packaged.digest
        commit = from_labels(self._session, settings.repository, digest, settings.platform, packaged.commit)
        if commit.known:
            self._announce(STARTED, commit)
        return replace(packaged, commit=commit)

    def _announce(self, detail_type: str, commit: Commit, **more: str) -> None:
        announce_progress(self._session, detail_type, self._settings.pipeline, self._execution, commit, **more)


def _of_release(digest: str, history: History) -> Packaged:
    """An image as it was released before."""
    release = history.with_digest(digest)
    if release is None:
        return Packaged(digest, UNKNOWN)
    return Packaged(digest, release.source_version, Commit(release.commit, release.repository))


def _of_commit(commit: str) -> str:
    return "" if commit in ("", UNKNOWN) else f", commit {commit}"
