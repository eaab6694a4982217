"""The artifacts of a step: zips in the pipeline's bucket, which the job's own credentials reach."""

import io
import zipfile
from collections.abc import Mapping

import boto3

from pipeline_steps.job import Job


def read_file(session: boto3.Session, job: Job, name: str) -> str:
    """A file of the step's one input artifact.

    Raises:
        KeyError: the artifact has no such file.
    """
    (place,) = job.inputs.values()
    answer = session.client("s3", **job.credentials).get_object(**place)
    with zipfile.ZipFile(io.BytesIO(answer["Body"].read())) as archive:
        return archive.read(name).decode()


def write_files(session: boto3.Session, job: Job, files: Mapping[str, str]) -> None:
    """Make these files the step's one output artifact, in place of what a call before may have written.

    S3 encrypts it as the bucket says: a header would have to name a key, and whoever reads it the same one.
    """
    (place,) = job.outputs.values()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    s3 = session.client("s3", **job.credentials)
    s3.put_object(**place, Body=content.getvalue(), ContentType="application/zip")
