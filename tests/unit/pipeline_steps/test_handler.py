"""How a step's end is told to CodePipeline."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pipeline_steps_fakes import FakeSession, error

from pipeline_steps import handler
from pipeline_steps.job import Done, Job, Outcome, StepError, Waiting
from pipeline_steps.settings import Settings

SECRET = "the secret of the artifacts' session"  # noqa: S105
SETTINGS = Settings("dev-web", "dev", "dev-web", "ECS", ("web",), (), 1, 15, "dev-web", "/record", "registry/dev-web")


def event(**data: Any) -> dict[str, Any]:
    """What CodePipeline calls the function with (CodePipeline, JSON event example)."""
    artifact = {"name": "package", "revision": None,
                "location": {"type": "S3", "s3Location": {"bucketName": "b", "objectKey": "k"}}}  # fmt: skip
    return {"CodePipeline.job": {"id": "job-1", "accountId": "1", "data": {
        "actionConfiguration": {"configuration": {
            "FunctionName": "f", "UserParameters": json.dumps({"step": "release", "digest": "sha256:1"}),
        }},
        "inputArtifacts": [artifact], "outputArtifacts": [],
        "artifactCredentials": {"accessKeyId": "a", "secretAccessKey": SECRET, "sessionToken": "t"},
        **data,
    }}}  # fmt: skip


def answered(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome | Exception, given: dict[str, Any] | None = None, **answers: Any
) -> tuple[list[tuple[str, Any]], list[Job]]:
    """What the handler answers, and the job that the step was given."""
    aws, jobs = FakeSession(answers), list[Job]()

    def step(session: Any, settings: Settings, job: Job) -> Outcome:
        jobs.append(job)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setenv("SERVICE", json.dumps(dataclasses.asdict(SETTINGS)))
    monkeypatch.setattr(handler.boto3, "Session", lambda: aws)  # type: ignore[attr-defined]
    monkeypatch.setattr(handler, "STEPS", {"release": step})
    handler.handle(given or event(), None)
    return aws.calls, jobs


def test_what_a_step_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    _, (job,) = answered(monkeypatch, Done("done"), event(continuationToken='{"since":1}'))
    assert (job.id, job.step, job.parameters) == ("job-1", "release", {"digest": "sha256:1"})
    assert (job.inputs, job.outputs, job.state) == ({"package": {"Bucket": "b", "Key": "k"}}, {}, {"since": 1})
    assert job.credentials == {
        "aws_access_key_id": "a",
        "aws_secret_access_key": SECRET,
        "aws_session_token": "t",
    }


@pytest.mark.parametrize(
    ("outcome", "operation", "rest"),
    [
        (Done("done", {"digest": "d"}), "PutJobSuccessResult",
         {"executionDetails": {"summary": "done"}, "outputVariables": {"digest": "d"}}),
        (Waiting("waits", {"n": 1}), "PutJobSuccessResult",
         {"executionDetails": {"summary": "waits"}, "continuationToken": '{"n":1}'}),
        (StepError("why"), "PutJobFailureResult", {"failureDetails": {"type": "JobFailed", "message": "why"}}),
        (StepError("w" * 9000), "PutJobFailureResult",
         {"failureDetails": {"type": "JobFailed", "message": "w" * 2899 + "…"}}),
        (error("AccessDeniedException", "DescribeServices", "may not"), "PutJobFailureResult",
         {"failureDetails": {"type": "PermissionError",
          "message": "An error occurred (AccessDeniedException) when calling the DescribeServices operation: may not"}}),
        (error("ThrottlingException", "DescribeServices", "slow"), "PutJobFailureResult",
         {"failureDetails": {"type": "JobFailed",
          "message": "An error occurred (ThrottlingException) when calling the DescribeServices operation: slow"}}),
        (KeyError("digest"), "PutJobFailureResult",
         {"failureDetails": {"type": "JobFailed", "message": "KeyError: 'digest'"}}),
    ],
    ids=["done", "waiting", "failed", "a long reason", "refused", "throttled", "a bug"],
)  # fmt: skip
def test_how_it_is_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outcome: Any, operation: str, rest: Any
) -> None:
    calls, _ = answered(monkeypatch, outcome)
    assert calls == [(operation, {"jobId": "job-1", **rest})]
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err


def test_a_job_that_was_answered_already_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lambda delivers an event at least once."""
    again = error("InvalidJobStateException", "PutJobSuccessResult")
    answered(monkeypatch, Done("done"), PutJobSuccessResult=lambda _: again)
    assert "This job was answered already." in capsys.readouterr().out


def test_an_answer_that_is_refused_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """So Lambda tries again, and the log has the reason."""
    with pytest.raises(ClientError):
        answered(monkeypatch, Done("done"), PutJobSuccessResult=lambda _: error("AccessDeniedException"))
