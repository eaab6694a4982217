"""The Lambda function's entry: runs a step, and tells CodePipeline how it ended."""

import json
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError

from pipeline_steps import deploy, migrate, release, template, wake
from pipeline_steps.job import Done, Job, Outcome, StepError
from pipeline_steps.package import step as package
from pipeline_steps.settings import Settings
from releases.aws_session import share_clients
from releases.errors import DENIED
from releases.failure import shortened

MOST_OF_MESSAGE, MOST_OF_SUMMARY = 2900, 2048
"""Characters of a failure's message and of a summary. CodePipeline takes 5,000 and so many (its API reference), and
Slack 3,000 of a text, with the action's name before it (Block Kit, section): a longer one it refuses whole."""

Step = Callable[[boto3.Session, Settings, Job], Outcome]
"""Can be called again at any time, with or without the state of the call before."""
STEPS: Mapping[str, Step] = {
    "package": package.run,
    "template": template.run,
    "migrate": migrate.run,
    "wake": wake.run,
    "deploy": deploy.run,
    "release": release.run,
}


def handle(event: Mapping[str, Any], context: object) -> None:
    """Run the step that an action asks for, and answer its job.

    Whatever goes wrong becomes the action's error, so that nobody has to look for it in a log. The event holds
    credentials and is never printed.
    """
    job, session = Job.parse(event), share_clients(boto3.Session())
    try:
        outcome = STEPS[job.step](session, Settings.from_environment(), job)
    except StepError as error:
        _fail(session, job, "JobFailed", str(error))
    except ClientError as error:
        denied = error.response["Error"]["Code"] in DENIED
        _fail(session, job, "PermissionError" if denied else "JobFailed", str(error))
    except Exception as error:
        traceback.print_exc()
        _fail(session, job, "JobFailed", f"{type(error).__name__}: {error}")
    else:
        _succeed(session, job, outcome)


def _succeed(session: boto3.Session, job: Job, outcome: Outcome) -> None:
    print(outcome.summary)
    result: dict[str, Any] = (
        {"outputVariables": dict(outcome.variables)}
        if isinstance(outcome, Done)
        else {"continuationToken": json.dumps(dict(outcome.state), separators=(",", ":"))}
    )
    details = {"summary": outcome.summary[:MOST_OF_SUMMARY]}
    _answer(session, "put_job_success_result", jobId=job.id, executionDetails=details, **result)


def _fail(session: boto3.Session, job: Job, kind: str, message: str) -> None:
    print(message)
    details = {"type": kind, "message": shortened(message, MOST_OF_MESSAGE)}
    _answer(session, "put_job_failure_result", jobId=job.id, failureDetails=details)


def _answer(session: boto3.Session, operation: str, **answer: Any) -> None:
    """Lambda may deliver an event twice; the first answer to a job counts."""
    codepipeline = session.client("codepipeline")
    try:
        getattr(codepipeline, operation)(**answer)
    except codepipeline.exceptions.InvalidJobStateException:
        print("This job was answered already.")
