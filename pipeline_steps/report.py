"""Report: looks why a pipeline's execution has ended without a release, and publishes it for whoever uploaded.

EventBridge calls this function, which is no action of the pipeline. What it publishes is the event `Release Failed`,
and a commit's status and comment are made of that. Nothing is published when the upload has named no commit.

EventBridge and Lambda may deliver an event twice (Lambda, asynchronous invocation), and Lambda runs a function that
failed again, with the same request id. So the first call for an event leaves an object, with its request id, and only
calls of that request publish, until one has.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

from pipeline_steps import failed
from releases.aws_session import share_clients
from releases.events import FAILED, Commit, publish
from releases.executions import NO_IMAGE, was_given
from releases.failure import Action, shortened
from releases.names import SOURCES
from releases.pipeline import Pipeline
from releases.record import UNKNOWN

BUCKET_VARIABLE, FOLDER = "BUCKET", "reports"
"""The function's environment variable that names the bucket, and the folder there that says what was published."""
PUBLISHED = "published"
LONGEST_REASON = 128
"""Characters. A status takes 140, and the stage's name comes first."""
SECONDS_TO_BE_LISTED = 60.0
"""For how long after its event a failure may be missing from what AWS answers; a second call comes after a minute.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""


@dataclass(frozen=True)
class Ended:
    """The execution that has ended.

    Attributes:
        pipeline: its pipeline's name.
        execution: its id.
        state: `FAILED` or `STOPPED`.
        time: when, in seconds since 1970.
    """

    pipeline: str
    execution: str
    state: str
    time: float

    @classmethod
    def parse(cls, event: Mapping[str, str]) -> "Ended":
        """What EventBridge's input transformer makes of CodePipeline's event."""
        moment = datetime.fromisoformat(event["time"]).timestamp()
        return cls(event["pipeline"], event["execution"], event["state"], moment)


def handle(event: Mapping[str, str], context: Any) -> None:
    """The Lambda function's entry. What it raises makes Lambda call it again."""
    print(run(share_clients(boto3.Session()), os.environ[BUCKET_VARIABLE], Ended.parse(event), context.aws_request_id))


def run(session: boto3.Session, bucket: str, ended: Ended, request: str) -> str:
    """Look, and publish.

    Args:
        session: AWS.
        bucket: where what was published is kept.
        ended: the execution.
        request: names this call; another try of the same call has the same name.

    Returns:
        What was done, in one line.

    Raises:
        NotListedYet: AWS does not say yet why it has ended.
        botocore.exceptions.ClientError: AWS refuses, or is asked too often.
        RuntimeError: EventBridge does not take the event.
    """
    pipeline = Pipeline(session, ended.pipeline)
    execution, actions = pipeline.execution(ended.execution), pipeline.actions(ended.execution)[::-1]
    commit = _commit(session, execution, actions)
    if commit is None:
        return "The upload named no commit and repository: nobody to tell."
    fresh = time.time() - ended.time < SECONDS_TO_BE_LISTED
    action = failed.action_of(actions)
    why = (
        failed.without_action(ended.state, execution.get("statusSummary", ""), fresh=fresh)
        if action is None
        else failed.of_action(session, ended.pipeline, action, fresh=fresh)
    )
    newest = actions[0] if actions else {}
    key = f"{FOLDER}/{ended.execution}/{newest.get('actionExecutionId', 'none')}"
    if not _is_first(session, bucket, key, request):
        return "Another call has published this already, or is about to."
    detail = {
        "stage": why.stage,
        "action": why.action,
        "reason": shortened(why.message, LONGEST_REASON),
        "message": why.message,
        "log": fenced(why.log),
    }
    publish(session, FAILED, ended.pipeline, ended.execution, commit, detail)
    _keep(session, bucket, key)
    return f"Told {commit.repository} {commit.hash}: {why.stage}, {why.action}: {why.message}"


def _commit(session: boto3.Session, execution: Mapping[str, Any], actions: Sequence[Action]) -> Commit | None:
    """The commit of what was to be released; None when the upload has named none."""
    outputs = {each["actionName"]: each.get("output", {}).get("outputVariables", {}) for each in actions}
    packaged, source = outputs.get("Package", {}), outputs.get("Source", {})
    if "COMMIT" in packaged:
        names = packaged["COMMIT"], packaged["COMMIT_REPOSITORY"]
    elif was_given(execution, NO_IMAGE) and source.get("ObjectKey", "").startswith(f"{SOURCES}/"):
        metadata = session.client("s3").head_object(
            Bucket=source["BucketName"], Key=source["ObjectKey"], VersionId=source["VersionId"]
        )["Metadata"]
        names = metadata.get("commit", UNKNOWN), metadata.get("repository", UNKNOWN)
    else:
        return None
    return None if UNKNOWN in names else Commit(*names)


def fenced(log: str) -> str:
    """A log as the end of a Markdown comment; "" without one."""
    quotes = log.replace("```", "'''")
    return f"\n\n```\n{quotes}\n```" if log else ""


def _is_first(session: boto3.Session, bucket: str, key: str, request: str) -> bool:
    """Whether no other request has this event.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    s3 = session.client("s3")
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=request.encode(), IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
        return bool(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() == request)
    return True


def _keep(session: boto3.Session, bucket: str, key: str) -> None:
    """Have a later call see that this was published. Nothing is wrong without, so this is tried once."""
    try:
        session.client("s3").put_object(Bucket=bucket, Key=key, Body=PUBLISHED.encode())
    except ClientError as error:
        print(f"It was published, and another call may publish it again: {error}")
