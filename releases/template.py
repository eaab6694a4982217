"""The task definition that CodeDeploy deploys next: a template in S3, which Pulumi writes and the pipeline reads.

Two objects a service: `taskdef.json`, whose own images are a placeholder, and then `appspec.yaml`, whose first line
says which template the two are made of, so that it changes whenever either does. Its event starts the pipeline.
"""

import re
from dataclasses import dataclass
from datetime import datetime

import boto3

from releases.names import aws_name, template_folder
from releases.pipeline import RUNNING, Pipeline
from releases.record import UNRELEASED

TASK_DEFINITION, APPSPEC = "taskdef.json", "appspec.yaml"
FIRST_LINE = "# template {}\n"
IMAGE_PLACEHOLDER = "IMAGE1_NAME"
"""Stands, in angle brackets, for the image in the task definition (CodePipeline, CodeDeployToECS action reference)."""


@dataclass(frozen=True)
class StoredTemplate:
    """What is in S3, and what became of it.

    Attributes:
        fingerprint: the template that the objects are made of.
        execution: while it is not released, the newest execution of the pipeline that tries it, or has tried it in
            vain; None when none has begun.
        running: whether that execution is not over.
        reason: why it did not succeed; "" while it is not over.
    """

    fingerprint: str
    execution: str | None = None
    running: bool = False
    reason: str = ""


def headed(fingerprint: str, appspec: str) -> str:
    """The AppSpec, with the line that says which template it goes with."""
    return FIRST_LINE.format(fingerprint) + appspec


def fingerprint_in(appspec: str) -> str:
    """Which template an AppSpec goes with; "" when it does not say."""
    heading = re.match(FIRST_LINE.format(r"(\w+)"), appspec)
    return heading[1] if heading else ""


def stored_template(session: boto3.Session, stack: str, service: str, record: str) -> StoredTemplate | None:
    """What is in S3 for a service; None when there is no pipeline or no template yet.

    Args:
        session: AWS.
        stack: the stack.
        service: the service's name in the stack file.
        record: the release record's value.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    codepipeline, s3 = session.client("codepipeline"), session.client("s3")
    name = aws_name(stack, service)
    try:
        bucket = codepipeline.get_pipeline(name=name)["pipeline"]["artifactStore"]["location"]
        appspec = s3.get_object(Bucket=bucket, Key=f"{template_folder(service)}/{APPSPEC}")
    except (codepipeline.exceptions.PipelineNotFoundException, s3.exceptions.NoSuchKey):
        return None
    fingerprint = fingerprint_in(appspec["Body"].read().decode())
    if record == UNRELEASED or fingerprint in record:
        return StoredTemplate(fingerprint)
    return _tried(Pipeline(session, name), fingerprint, appspec["LastModified"])


def _tried(pipeline: Pipeline, fingerprint: str, written: datetime) -> StoredTemplate:
    """What became of a template since it was written.

    Whatever comes to the Deploy stage deploys it. An upload that does not build, that is not approved, or that there is
    nothing to do for, has not tried it; the execution that the template has started has, even when it was not approved.
    """
    begun = pipeline.executions_since(written)
    for execution, status in begun:
        if status in RUNNING:
            return StoredTemplate(fingerprint, execution, running=True)
    for execution, status in begun:
        if status != "Succeeded" and pipeline.deployed_or_live(execution):
            return StoredTemplate(fingerprint, execution, reason=pipeline.failure_reason(execution))
    return StoredTemplate(fingerprint)
