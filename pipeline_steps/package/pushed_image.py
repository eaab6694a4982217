"""Package of a service whose app team pushes images: copies the pushed one into the service's own repository.

Nothing is built, so it runs in the pipeline's Lambda function. A call that is repeated copies what is not there yet.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import boto3

from pipeline_steps.artifacts import write_files
from pipeline_steps.job import Done, Job, StepError
from pipeline_steps.package.images import Images
from pipeline_steps.package.promotion import Promotion
from pipeline_steps.package.start import Start
from pipeline_steps.package.step import Source, image_definitions
from pipeline_steps.package.step import run as package
from pipeline_steps.settings import Settings
from releases.events import Commit
from releases.executions import NO_PUSH
from releases.names import content_tag

IMAGE_DEFINITIONS = "imagedefinitions.json"


@dataclass(frozen=True)
class Request:
    """What a job asks; see `pipeline_steps.package.step.Request`."""

    image: str
    start: Start
    execution: str
    pipeline: str
    repository: str
    record: str
    platform: str
    bucket: str
    template_folder: str
    promotion: Promotion | None


def run(session: boto3.Session, settings: Settings, job: Job) -> Done:
    """Choose the image, and write the image definitions as the step's one artifact.

    The job's parameters: `image`, what the execution was asked to deploy; `digest`, what the inbox's tag pointed to, or
    what was pushed; `pushed`, when; `execution`.

    Raises:
        StepError: there is no image; why.
    """
    given = job.parameters
    request = Request(
        image=given["image"],
        start=Start(given["digest"], given["pushed"]),
        execution=given["execution"],
        pipeline=settings.pipeline,
        repository=settings.repository,
        record=settings.record,
        platform=settings.platform,
        bucket=settings.template_bucket,
        template_folder=settings.template_folder,
        promotion=Promotion.parse(settings.promotion),
    )
    source = Source(
        lambda: (Commit(), _moment(request.start.pushed)), partial(_copied, session, settings, request.start)
    )
    packaged = package(session, request, source)
    definitions = image_definitions(settings.repository_uri, settings.containers, packaged.digest)
    write_files(session, job, {IMAGE_DEFINITIONS: definitions})
    return Done(packaged.summary, packaged.variables())


def _moment(pushed: str) -> int:
    return 0 if pushed == NO_PUSH else int(datetime.fromisoformat(pushed).timestamp())


def _copied(session: boto3.Session, settings: Settings, start: Start) -> str:
    ecr, digest = session.client("ecr"), start.source
    inbox = Images(ecr, settings.inbox)
    try:
        if misfit := inbox.misfit(digest, settings.platform):
            build = f"build it with --platform {settings.platform}, and push that"
            raise StepError(f"The pushed image {digest} {misfit}: {build}.")
        Images(ecr, settings.repository).copy(digest, inbox, content_tag(digest))
    except LookupError as error:
        raise StepError(f"{error} any more: push it again.") from None
    return digest
