"""Lambda invoke actions: what a function is given, how it answers, and what it may not."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_fakes import eventually
from botocore.exceptions import ClientError
from moto.moto_api._internal.models import moto_api_backend

from sandbox.account.account import Account
from sandbox.clock import Clock
from sandbox.codepipeline.jobs import open_job
from sandbox.server.listener import Listener

Json = dict[str, Any]
A, R = "111122223333", "eu-west-1"
CODE = """
import boto3, json, os

def handler(event, context):
    job = event["CodePipeline.job"]
    data, pipeline, ssm = job["data"], boto3.client("codepipeline"), boto3.client("ssm")
    wanted = json.loads(data["actionConfiguration"]["configuration"]["UserParameters"])
    if "continuationToken" not in data and wanted.get("continues"):
        pipeline.put_job_success_result(
            jobId=job["id"], continuationToken=json.dumps([1]), executionDetails={"summary": "at it"})
        return
    if "fails" in wanted:
        details = {"type": "JobFailed", "message": wanted["fails"], "externalExecutionId": context.aws_request_id}
        pipeline.put_job_failure_result(jobId=job["id"], failureDetails=details)
        return
    if wanted.get("silent"):
        return
    given = data["artifactCredentials"]
    keys = dict(aws_access_key_id=given["accessKeyId"], aws_secret_access_key=given["secretAccessKey"],
                aws_session_token=given["sessionToken"])
    s3, variables = boto3.client("s3", **keys), {"CONTINUED": data.get("continuationToken", "no")}
    for artifact in data["inputArtifacts"]:
        place = artifact["location"]["s3Location"]
        variables["READ"] = s3.get_object(Bucket=place["bucketName"], Key=place["objectKey"])["Body"].read().decode("latin-1")[:2]
    for artifact in data["outputArtifacts"]:
        place = artifact["location"]["s3Location"]
        s3.put_object(Bucket=place["bucketName"], Key=place["objectKey"], Body=b"made")
    try:
        boto3.client("ssm", **keys).put_parameter(Name="told", Type="String", Value="x")
    except Exception as error:
        variables["DENIED"] = error.response["Error"]["Code"]
    pipeline.put_job_success_result(jobId=job["id"], outputVariables=variables, executionDetails={"summary": "done"})
"""


def trust(*services: str) -> str:
    principals = [f"{service}.amazonaws.com" for service in services]
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": principals}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def may(account: Account, role: str, *actions: str) -> None:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    account.client("iam").put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document)


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account with a function, and a bucket that has a source."""
    monkeypatch.setenv("MOTO_ACCOUNT_ID", A)
    listener = Listener(tmp_path, A, R, clock=Clock(10_000.0))
    found = listener.account
    iam, s3 = found.client("iam"), found.client("s3")
    made = {
        name: iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(service))["Role"]["Arn"]
        for name, service in {"pipe": "codepipeline", "step": "lambda"}.items()
    }
    may(found, "pipe", "lambda:InvokeFunction", "s3:*", "ssm:PutParameter")
    may(found, "step", "codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult", "logs:*")
    s3.create_bucket(Bucket="store", CreateBucketConfiguration={"LocationConstraint": R})
    s3.put_bucket_versioning(Bucket="store", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="store", Key="source.zip", Body=b"PK")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("step.py", CODE)
    found.client("lambda").create_function(
        FunctionName="step", Runtime="python3.13", Role=made["step"], Handler="step.handler",
        Code={"ZipFile": code.getvalue()}, Timeout=60,
    )  # fmt: skip
    yield found
    listener.stop()
    moto_api_backend.reset()


def run(account: Account, function: str = "step", **wanted: Any) -> Json:
    """The action's execution, of a pipeline that calls the function with these parameters."""

    def action(name: str, category: str, provider: str, configuration: Json, **flow: Any) -> Json:
        type_id = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
        return {"name": name, "actionTypeId": type_id, "configuration": configuration, **flow}

    source = action("Source", "Source", "S3", {"S3Bucket": "store", "S3ObjectKey": "source.zip", "PollForSourceChanges": "false"}, outputArtifacts=[{"name": "source"}])  # fmt: skip
    call = action(
        "Call", "Invoke", "Lambda", {"FunctionName": function, "UserParameters": json.dumps(wanted)},
        inputArtifacts=[{"name": "source"}], outputArtifacts=[{"name": "made"}], namespace="Call",
    )  # fmt: skip
    check = action("Check", "Approval", "Manual", {"CustomData": "#{Call.READ}"})
    stages = [
        {"name": "Source", "actions": [source]},
        {"name": "Step", "actions": [call]},
        *([{"name": "Check", "actions": [check]}] if wanted.get("checked") else []),
    ]
    client = account.client("codepipeline")
    client.create_pipeline(
        pipeline={
            "name": "pipe",
            "roleArn": f"arn:aws:iam::{A}:role/pipe",
            "artifactStore": {"type": "S3", "location": "store"},
            "stages": stages,
            "pipelineType": "V2",
            "executionMode": "QUEUED",
            "version": 1,
        }
    )

    def ended() -> Json | None:
        found = client.list_action_executions(pipelineName="pipe")["actionExecutionDetails"]
        return next((each for each in found if each["actionName"] == "Call" and each["status"] != "InProgress"), None)

    found: Json = eventually(ended, 60)
    return found


def test_a_function_reads_and_writes_artifacts_and_gives_variables(account: Account) -> None:
    call = run(account)
    assert call["status"] == "Succeeded"
    assert call["output"]["outputVariables"] == {"CONTINUED": "no", "READ": "PK", "DENIED": "AccessDeniedException"}
    assert call["output"]["executionResult"]["externalExecutionSummary"] == "done"
    (made,) = call["output"]["outputArtifacts"]
    place = made["s3location"]
    written = account.client("s3").get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
    assert (made["name"], written) == ("made", b"made")


def test_a_later_action_has_its_variables(account: Account) -> None:
    run(account, checked=True)
    client = account.client("codepipeline")

    def waits() -> Json | None:
        found = client.list_action_executions(pipelineName="pipe")["actionExecutionDetails"]
        return next((each for each in found if each["actionName"] == "Check"), None)

    assert eventually(waits, 30)["input"]["resolvedConfiguration"] == {"CustomData": "PK"}


def test_a_function_that_is_still_at_it_is_called_again_with_its_token(account: Account) -> None:
    call = run(account, continues=True)
    assert call["status"] == "Succeeded"
    assert call["output"]["outputVariables"]["CONTINUED"] == "[1]"


def test_a_functions_failure_is_the_actions_own_error(account: Account) -> None:
    call = run(account, fails="bin/migrate: no such file")
    result = call["output"]["executionResult"]
    assert (call["status"], result["errorDetails"]) == ("Failed", {"code": "JobFailed", "message": "bin/migrate: no such file"})  # fmt: skip
    assert result["externalExecutionId"]


def test_a_function_that_never_answers_fails_the_action(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.codepipeline.actions.context.SHORTEST_LIMIT", 3.0)
    error = run(account, silent=True)["output"]["executionResult"]["errorDetails"]
    assert error["code"] == "TimeoutError"
    assert error["message"].startswith("The AWS Lambda function step failed to return a result.")


def test_a_pipeline_that_may_not_call_it_says_so(account: Account) -> None:
    may(account, "pipe", "s3:*")
    error = run(account)["output"]["executionResult"]["errorDetails"]
    assert error["code"] == "PermissionError"
    assert "lambda:InvokeFunction" in error["message"]


def test_a_function_that_there_is_not(account: Account) -> None:
    error = run(account, function="other")["output"]["executionResult"]["errorDetails"]
    assert (error["code"], "Function not found: other" in error["message"]) == ("ConfigurationError", True)


@pytest.fixture(scope="module")
def empty_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account with nothing in it."""
    listener = Listener(tmp_path_factory.mktemp("account"), A, R)
    yield listener.account
    listener.stop()


SUCCESS, FAILURE = "put_job_success_result", "put_job_failure_result"


@pytest.mark.parametrize(
    ("operation", "answered", "given", "expected"),
    [
        (SUCCESS, True, {}, "InvalidJobStateException"),
        (FAILURE, True, {"failureDetails": {"type": "JobFailed", "message": "no"}}, "InvalidJobStateException"),
        (SUCCESS, False, {"jobId": "00000000-0000-0000-0000-000000000000"}, "JobNotFoundException"),
        (SUCCESS, False, {"continuationToken": "t", "outputVariables": {"A": "b"}}, "ValidationException"),
        (SUCCESS, False, {"continuationToken": "t" * 2049}, "ValidationException"),
        (SUCCESS, False, {"outputVariables": {"A": "b" * 122_880}}, "OutputVariablesSizeExceededException"),
        (FAILURE, False, {"failureDetails": {"type": "Odd", "message": "no"}}, "ValidationException"),
    ],
    ids=["a second success", "a failure after it", "no such job", "a token and variables", "a long token", "too many variables", "an unknown type"],
)  # fmt: skip
def test_what_an_answer_may_not_be(
    empty_account: Account, operation: str, answered: bool, given: Json, expected: str
) -> None:
    client, job = empty_account.client("codepipeline"), open_job(empty_account)
    if answered:
        client.put_job_success_result(jobId=job.id)
    with pytest.raises(ClientError, match=expected):
        getattr(client, operation)(**{"jobId": job.id, **given})
    assert job.answered.is_set() is answered
