"""Lambda invoke actions: a function is called with a job, and called again until it has ended.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Lambda.html
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from sandbox.account import identity
from sandbox.account.credentials import Credentials
from sandbox.codepipeline.actions.context import ActionContext, ActionFailure, ActionResult, permission_or
from sandbox.codepipeline.jobs import Job, open_job
from sandbox.codepipeline.model import Artifact, Json

MINUTES_TO_ANSWER, LONGEST_MINUTES = 20, 24 * 60
"""Each call of the function has to be answered, and the action has to end, within these (CodePipeline's quotas)."""
SECONDS_BETWEEN_CALLS = 30.0
"""AWS says no more than "periodically"."""


def run(context: ActionContext) -> ActionResult:
    """Call the function until it answers without a continuation token."""
    outputs = [context.store.place(name) for name in context.output_names]
    deadline = context.deadline(LONGEST_MINUTES)
    token = None
    while True:
        job = open_job(context.account)
        _call(context, job, outputs, token)
        _wait(context, job)
        if job.external_id:
            context.action.external_id = job.external_id
        if job.failure is not None:
            raise ActionFailure(job.failure["type"], job.failure["message"])
        if job.continuation is None:
            return ActionResult(job.summary, job.variables, outputs)
        context.action.summary = job.summary
        token = job.continuation
        if time.monotonic() > deadline:
            raise ActionFailure("TimeoutError", f"The action did not end within {LONGEST_MINUTES // 60} hours.")
        context.pause(SECONDS_BETWEEN_CALLS)


def event(context: ActionContext, job: Job, outputs: list[Artifact], token: str | None) -> Json:
    """What the function is called with."""
    credentials = _artifact_credentials(context)
    return {
        "CodePipeline.job": {
            "id": job.id,
            "accountId": context.account.id,
            "data": {
                "actionConfiguration": {"configuration": context.configuration},
                "inputArtifacts": [_artifact(each) for each in context.inputs],
                "outputArtifacts": [_artifact(each) for each in outputs],
                "artifactCredentials": {
                    "accessKeyId": credentials.access_key,
                    "secretAccessKey": credentials.secret_key,
                    "sessionToken": credentials.session_token,
                    "expirationTime": int((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1000),
                },
                **({"continuationToken": token} if token else {}),
            },
        }
    }


def _artifact(artifact: Artifact) -> Json:
    place = {"bucketName": artifact.bucket, "objectKey": artifact.key}
    return {"name": artifact.name, "revision": artifact.revision, "location": {"type": "S3", "s3Location": place}}


def _artifact_credentials(context: ActionContext) -> Credentials:
    """The action's role, for nothing but the artifact store."""
    bucket = f"arn:aws:s3:::{context.store.bucket}"
    allowed = [
        {"Effect": "Allow", "Action": "s3:*", "Resource": [bucket, f"{bucket}/*"]},
        {"Effect": "Allow", "Action": "kms:*", "Resource": "*"},
    ]
    role = context.action.declaration.get("roleArn") or context.execution.definition["roleArn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    session = identity.open_session(context.account, role, context.execution.id, policy=policy)
    return identity.session_credentials(session)


def _call(context: ActionContext, job: Job, outputs: list[Artifact], token: str | None) -> None:
    name = context.configuration["FunctionName"]
    payload = json.dumps(event(context, job, outputs, token)).encode()
    try:
        context.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=payload)
    except ClientError as error:
        raise permission_or(error, "ConfigurationError", f"to invoke the AWS Lambda function {name}") from error


def _wait(context: ActionContext, job: Job) -> None:
    deadline = context.scaled_deadline(MINUTES_TO_ANSWER)
    while not job.answered.is_set():
        if time.monotonic() > deadline:
            name = context.configuration["FunctionName"]
            raise ActionFailure(
                "TimeoutError",
                f"The AWS Lambda function {name} failed to return a result. Check the function to verify that it has"
                " permission to call the PutJobSuccessResult action and that it made a call to PutJobSuccessResult.",
            )
        context.pause(1)
