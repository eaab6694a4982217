"""The jobs of Lambda invoke actions: what a function is given, and the API by which it answers.

https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sandbox.account.errors import AwsError
from sandbox.codepipeline.model import Json, new_id

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

MOST_BYTES_OF_VARIABLES = 122_880
"""Of all variables of a pipeline; https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html"""


@dataclass
class Job:
    """One call of a function for an action.

    Attributes:
        continuation: what the function wants to be given when it is called again; None when it has ended.
        failure: PutJobFailureResult's details; None when it succeeded.
    """

    id: str = field(default_factory=new_id)
    answered: threading.Event = field(default_factory=threading.Event)
    continuation: str | None = None
    failure: Json | None = None
    variables: dict[str, str] = field(default_factory=dict)
    summary: str | None = None
    external_id: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_jobs: WeakKeyDictionary[Account, dict[str, Job]] = WeakKeyDictionary()
_lock = threading.Lock()


def open_job(account: Account) -> Job:
    """A new job, which can be answered once."""
    job = Job()
    with _lock:
        _jobs.setdefault(account, {})[job.id] = job
    return job


def put_job_success_result(account: Account, principal: Principal, params: Json) -> Json:
    """The function has succeeded, or, with a continuation token, is still at it."""
    variables = {str(name): str(value) for name, value in (params.get("outputVariables") or {}).items()}
    token = params.get("continuationToken")
    if token and variables:
        raise AwsError("ValidationException", "outputVariables can not be set along with continuationToken", 400)
    if len(json.dumps(variables).encode()) > MOST_BYTES_OF_VARIABLES:
        message = f"The variables of the pipeline have more than {MOST_BYTES_OF_VARIABLES} bytes"
        raise AwsError("OutputVariablesSizeExceededException", message, 400)
    details = params.get("executionDetails") or {}
    job = _unanswered(account, params["jobId"])
    with job.lock:
        _refuse_a_second(job)
        job.continuation, job.variables = token, variables
        job.summary, job.external_id = details.get("summary"), details.get("externalExecutionId")
        job.answered.set()
    return {}


def put_job_failure_result(account: Account, principal: Principal, params: Json) -> Json:
    """The function has failed, and so does the action, with its message."""
    job = _unanswered(account, params["jobId"])
    with job.lock:
        _refuse_a_second(job)
        job.failure = params["failureDetails"]
        job.external_id = params["failureDetails"].get("externalExecutionId")
        job.answered.set()
    return {}


def _unanswered(account: Account, identifier: str) -> Job:
    with _lock:
        job = _jobs.get(account, {}).get(identifier)
    if job is None:
        raise AwsError("JobNotFoundException", f"The job {identifier} could not be found", 400)
    return job


def _refuse_a_second(job: Job) -> None:
    if job.answered.is_set():
        message = f"The job {job.id} was answered already"
        raise AwsError("InvalidJobStateException", message, 400)
