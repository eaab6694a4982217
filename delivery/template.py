"""The task definition that CodeDeploy deploys next: a template in S3, which Pulumi writes and the pipeline reads.

Two objects a service: `taskdef.json`, whose own images are a placeholder, and then `appspec.yaml`, whose first line
says which template the two are made of, so that it changes whenever either does. Its event starts the pipeline.
"""

import re
from dataclasses import dataclass

import boto3

from delivery.pipeline import RUNNING, Pipeline

TEMPLATES = "templates"
"""The bucket's folder of task definitions that wait to be deployed."""
TASK_DEFINITION, APPSPEC = "taskdef.json", "appspec.yaml"
FIRST_LINE = "# template {}\n"


@dataclass(frozen=True)
class Stored:
    """What is in S3, and what became of it.

    Attributes:
        fingerprint: the template that the objects are made of.
        execution: the pipeline's newest execution; None before the first.
        running: whether that execution is not over.
        reason: why it did not succeed; "" when it did, or is not over.
    """

    fingerprint: str
    execution: str | None = None
    running: bool = False
    reason: str = ""


def folder(service: str) -> str:
    """Where a service's two objects are."""
    return f"{TEMPLATES}/{service}"


def headed(fingerprint: str, appspec: str) -> str:
    """The AppSpec, with the line that says which template it goes with."""
    return FIRST_LINE.format(fingerprint) + appspec


def fingerprint_in(appspec: str) -> str:
    """Which template an AppSpec goes with; "" when it does not say."""
    found = re.match(FIRST_LINE.format(r"(\w+)"), appspec)
    return found[1] if found else ""


def stored(session: boto3.Session, stack: str, service: str) -> Stored | None:
    """What is in S3 for a service; None when there is no pipeline or no template yet.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    codepipeline, s3 = session.client("codepipeline"), session.client("s3")
    name = f"{stack}-{service}"
    try:
        bucket = codepipeline.get_pipeline(name=name)["pipeline"]["artifactStore"]["location"]
        body = s3.get_object(Bucket=bucket, Key=f"{folder(service)}/{APPSPEC}")["Body"].read().decode()
    except (codepipeline.exceptions.PipelineNotFoundException, s3.exceptions.NoSuchKey):
        return None
    pipeline = Pipeline(session, name)
    execution, status = pipeline.newest() or (None, "")
    running = status in RUNNING
    ended_well = execution is None or running or status == "Succeeded"
    return Stored(fingerprint_in(body), execution, running, "" if ended_well else pipeline.why(str(execution)))
