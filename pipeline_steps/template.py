"""Template: the task definition that Pulumi has written last, with the image of this release, for CodeDeploy.

It runs within the Deploy stage, so that nothing is released between the choice of the image `live` and its deployment.
A call that is repeated writes the same artifact again.
"""

import json
import re

import boto3

from pipeline_steps.artifacts import write_files
from pipeline_steps.job import Done, Job, StepError
from pipeline_steps.settings import Settings
from releases.history import History, read_history
from releases.names import LIVE
from releases.record import UNKNOWN
from releases.repository import Repository
from releases.template import APPSPEC, TASK_DEFINITION, fingerprint_in

IMAGE_DETAIL = "imageDetail.json"
"""CodeDeploy's file that says which image replaces the placeholder (CodePipeline, image definitions file reference)."""
HOOKS = re.compile(r'^  "Hooks": \[$.*?^  \],$\n', re.MULTILINE | re.DOTALL)


def run(session: boto3.Session, settings: Settings, job: Job) -> Done:
    """Write taskdef.json, appspec.yaml and imageDetail.json as the step's one artifact.

    The job's parameters are those of Package: `image`, what the execution was asked to deploy, and `digest`, `source`,
    `commit` and `repository`, what Package has chosen. With `live` the image is chosen here.

    Raises:
        StepError: no image is live, or the program has not written a template.
    """
    history = read_history(session, settings.record)
    chosen = _live(session, settings, history) if job.parameters["image"] == LIVE else _packaged(job)
    files = {name: _stored(session, settings, name) for name in (TASK_DEFINITION, APPSPEC)}
    if not history.releases and not history.unreadable:
        print("The first release: no task runs before its end, so there is nothing that hooks could test.")
        files[APPSPEC] = HOOKS.sub("", files[APPSPEC])
    files[IMAGE_DETAIL] = json.dumps({"ImageURI": f"{settings.repository_uri}@{chosen['IMAGE_DIGEST']}"})
    write_files(session, job, files)
    return Done(f"Deploying {chosen['IMAGE_DIGEST']} with template {fingerprint_in(files[APPSPEC])}", chosen)


def _packaged(job: Job) -> dict[str, str]:
    names = {"IMAGE_DIGEST": "digest", "SOURCE": "source", "COMMIT": "commit", "COMMIT_REPOSITORY": "repository"}
    return {variable: job.parameters[parameter] for variable, parameter in names.items()}


def _live(session: boto3.Session, settings: Settings, history: History) -> dict[str, str]:
    """The image that is live, and what the last release that had it was made of."""
    digest = Repository(session, settings.repository).digest(LIVE)
    if digest is None:
        raise StepError(f"No image of {settings.repository} has the tag {LIVE}, so there is nothing to deploy")
    release = history.with_digest(digest)
    return {
        "IMAGE_DIGEST": digest,
        "SOURCE": release.source_version if release else UNKNOWN,
        "COMMIT": release.commit if release else UNKNOWN,
        "COMMIT_REPOSITORY": release.repository if release else UNKNOWN,
    }


def _stored(session: boto3.Session, settings: Settings, name: str) -> str:
    s3, key = session.client("s3"), f"{settings.template_folder}/{name}"
    try:
        answer = s3.get_object(Bucket=settings.template_bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        raise StepError(f"There is no s3://{settings.template_bucket}/{key}; `up` writes it") from None
    return str(answer["Body"].read().decode())
