"""Package of a service whose app team pushes images: copies the pushed one into the service's own repository.

Nothing is built, so it runs in the pipeline's Lambda function. A call that is repeated copies what is not there yet.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import boto3

from pipeline_steps.artifacts import write_files
from pipeline_steps.job import Done, Job, Outcome, StepError, Waiting
from pipeline_steps.package.images import Images, UnfinishedError
from pipeline_steps.package.promotion import Promotion
from pipeline_steps.package.start import Start
from pipeline_steps.package.step import IMAGE_DEFINITIONS, Source, image_definitions
from pipeline_steps.package.step import run as package
from pipeline_steps.settings import Settings
from releases.errors import MissingImageError
from releases.events import Commit
from releases.executions import NO_PUSH
from releases.names import content_tag

SECONDS_OF_A_CALL = 600
"""After which no other layer is begun: Lambda ends a call after 15 minutes, and CodePipeline an action 20 minutes after
a call without an answer (CodePipeline user guide, Quotas)."""


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
    until: float


def run(session: boto3.Session, settings: Settings, job: Job) -> Outcome:
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
        until=time.monotonic() + SECONDS_OF_A_CALL,
    )
    source = Source(lambda: (Commit(), _moment(request.start.pushed)), partial(_copied, session, settings, request))
    try:
        packaged = package(session, request, source)
    except UnfinishedError:
        return Waiting("The image is being copied", {"copying": True})
    definitions = image_definitions(settings.repository_uri, settings.containers, packaged.digest)
    write_files(session, job, {IMAGE_DEFINITIONS: definitions})
    return Done(packaged.summary, packaged.variables())


def _moment(pushed: str) -> int:
    return 0 if pushed == NO_PUSH else int(datetime.fromisoformat(pushed).timestamp())


def _copied(session: boto3.Session, settings: Settings, request: Request) -> str:
    ecr, digest = session.client("ecr"), request.start.source
    inbox = Images(ecr, settings.inbox)
    try:
        if misfit := inbox.misfit(digest, settings.platform):
            build = f"build it with --platform {settings.platform}, and push that"
            raise StepError(f"The pushed image {digest} {misfit}: {build}.")
        Images(ecr, settings.repository).copy(digest, inbox, content_tag(digest), request.until)
    except MissingImageError as error:
        raise StepError(f"{error} any more: push it again.") from None
    return digest
