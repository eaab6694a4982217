"""Why an execution has ended without a release: what is looked at, and published once."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from pipeline_steps_fakes import FakeSession, error

from pipeline_steps import failed as failures
from pipeline_steps import report
from pipeline_steps.failed import NotListedYet
from releases import failure

Json = dict[str, Any]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCE = {"BucketName": "store", "ObjectKey": "sources/a/source.zip", "VersionId": "v1"}
NAMED = {"commit": COMMIT, "repository": "team/a"}
NOW = 1_700_000_000.0
BEGAN = datetime.fromtimestamp(1000.5, UTC)
ENDED = datetime.fromtimestamp(1900.5, UTC)
COMMAND = (
    "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, Message: Error while executing "
    "command: python3 -m package. Reason: exit status 1"
)
PHASE = "[Container] 2026/01/01 00:00:00 Phase complete: BUILD State: FAILED"


def action(name: str, stage: str, status: str = "Succeeded", provider: str = "CodeBuild", **output: Any) -> Json:
    return {
        "actionName": name, "stageName": stage, "status": status, "output": output, "startTime": BEGAN,
        "lastUpdateTime": ENDED, "actionExecutionId": f"run-of-{name}",
        "input": {"actionTypeId": {"provider": provider}, "configuration": {"ClusterName": "dev", "ServiceName": "dev-a"}},
    }  # fmt: skip


def source() -> Json:
    return action("Source", "Source", provider="S3", outputVariables=SOURCE)


def failed(name: str, stage: str, message: str, provider: str = "CodeBuild") -> Json:
    result = {"externalExecutionId": "p:1", "externalExecutionSummary": "short", "errorDetails": {"message": message}}
    return action(name, stage, "Failed", provider, executionResult=result)


def packaged(**variables: str) -> Json:
    return action("Package", "Package", outputVariables={"COMMIT": COMMIT, "COMMIT_REPOSITORY": "team/a", **variables})


class Aws(FakeSession):
    """What AWS answers, with a bucket that keeps what is put."""

    def __init__(self, actions: list[Json], image: str = "none", metadata: dict[str, str] | None = None) -> None:
        self.objects: dict[str, bytes] = {}
        self.refusals: dict[str, list[ClientError]] = {}
        self.taken = 0
        execution = {"variables": [{"name": "image", "resolvedValue": image}]}
        answers: dict[str, Callable[[Json], Any]] = {
            "GetPipelineExecution": lambda _: {"pipelineExecution": execution},
            "ListActionExecutions": lambda _: {"actionExecutionDetails": actions},
            "HeadObject": lambda _: {"Metadata": NAMED if metadata is None else metadata},
            "BatchGetBuilds": lambda _: {"builds": [{"logs": {"groupName": "g", "streamName": "s"}}]},
            "DescribeServices": lambda _: {"services": [{"events": []}]},
            "FilterLogEvents": lambda _: {"events": []},
            "GetLogEvents": lambda _: {"events": [{"message": "```no```\n"}, {"message": "such column\n"}]},
            "PutEvents": lambda _: {"FailedEntryCount": 0},
            "PutObject": self._put,
            "GetObject": lambda given: {"Body": io.BytesIO(self.objects[given["Key"]])},
        }
        super().__init__({name: self._or_refuse(name, answer) for name, answer in answers.items()})
        self.execution = execution

    def _or_refuse(self, name: str, answer: Callable[[Json], Any]) -> Callable[[Json], Any]:
        def either(given: Json) -> Any:
            refusals = self.refusals.get(name, [])
            return refusals.pop(0) if refusals else answer(given)

        return either

    def _put(self, given: Json) -> Any:
        if given.get("IfNoneMatch") == "*" and given["Key"] in self.objects:
            return error("PreconditionFailed", "PutObject")
        self.objects[given["Key"]] = given["Body"]
        return {}

    @property
    def published(self) -> list[Json]:
        entries = [entry for call in self.called("PutEvents") for entry in call["Entries"]]
        return [{**entry, "Detail": json.loads(entry["Detail"])} for entry in entries]


def run(aws: Aws, request: str = "r1", state: str = "FAILED", after: float = 1.0) -> list[Json]:
    """What is published of an execution, by a call `after` seconds after its event."""
    moment = f"{datetime.fromtimestamp(NOW - after, UTC):%Y-%m-%dT%H:%M:%SZ}"
    event = {"pipeline": "dev-a", "execution": "e1", "state": state, "time": moment}
    report.run(cast(boto3.Session, aws), "store", report.Ended.parse(event), request)
    return aws.published


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)


def test_a_failed_build() -> None:
    aws = Aws([failed("Package", "Package", "out of quota"), source()])
    (event,) = run(aws)
    assert (event["Source"], event["DetailType"]) == ("fargate-delivery", "Release Failed")
    assert event["Detail"] == {
        "pipeline": "dev-a", "execution-id": "e1", "commit": COMMIT, "repository": "team/a", "owner": "team",
        "name": "a", "stage": "Package", "action": "Package", "reason": "out of quota", "message": "out of quota",
        "log": "\n\n```\n'''no'''\nsuch column\n```",
    }  # fmt: skip
    assert aws.called("HeadObject") == [{"Bucket": "store", "Key": "sources/a/source.zip", "VersionId": "v1"}]


@pytest.mark.parametrize(
    ("message", "lines", "cause"),
    [
        (COMMAND, ["#5 ERROR\n", "no  such column\n", f"{PHASE}\n", "[Container] Entering phase\n"], "no such column"),
        (COMMAND, ["one event of\ntwo lines\n", f"{PHASE}\n"], "two lines"),
        (COMMAND, ["the cause\n", " \n", f"{PHASE}\n"], "the cause"),
        (COMMAND, [f"{failure.MARK}no Dockerfile\n", "docker says more\n", f"{PHASE}\n"], "no Dockerfile"),
        (COMMAND, [f"{failure.MARK}{'x' * 600}\n"], "x" * 500),
        (COMMAND, [f"{PHASE}\n"], COMMAND),
        (COMMAND, [], COMMAND),
        ("Build terminated with state: TIMED_OUT", ["halfway\n"], "Build terminated with state: TIMED_OUT"),
    ],
    ids=["last line", "several in an event", "blank", "marked", "long", "prints nothing", "no log", "not the command"],
)
def test_the_cause_of_a_failed_command_is_the_last_line_that_it_printed(
    message: str, lines: list[str], cause: str
) -> None:
    aws = Aws([failed("Package", "Package", message), source()])
    aws.answers["GetLogEvents"] = lambda _: {"events": [{"message": line} for line in lines]}
    (event,) = run(aws)
    assert event["Detail"]["message"] == cause


def test_a_log_is_waited_for_until_it_has_the_failure_and_a_minute_at_most() -> None:
    aws = Aws([failed("Package", "Package", COMMAND), source()])
    with pytest.raises(NotListedYet, match="The build's log has not come as far as its failure"):
        run(aws, after=59)
    assert (aws.published, aws.objects) == ([], {})
    (event,) = run(aws, after=60)
    assert event["Detail"]["message"] == "such column"


def test_a_step_in_lambda_has_its_own_reason_and_no_log() -> None:
    aws = Aws([source(), packaged(), failed("Migrate", "Deploy", "bin/migrate: no such file", "Lambda")])
    (event,) = run(aws)
    assert (event["Detail"]["message"], event["Detail"]["log"]) == ("bin/migrate: no such file", "")
    assert not aws.called("BatchGetBuilds")


def test_what_was_packaged_names_the_commit_of_a_redeployment() -> None:
    aws = Aws([source(), packaged(), failed("Deploy", "Deploy", "rolled back", "ECS")], image="live")
    (event,) = run(aws)
    assert (event["Detail"]["commit"], event["Detail"]["reason"]) == (COMMIT, "rolled back")
    assert event["Detail"]["log"] == ""
    assert not aws.called("HeadObject")


@pytest.mark.parametrize(
    "aws",
    [
        Aws([source(), failed("Package", "Package", "x")], metadata={}),
        Aws([source(), failed("Package", "Package", "x")], metadata={"commit": COMMIT}),
        Aws([source(), failed("Package", "Package", "x")], image="live"),
        Aws([failed("Source", "Source", "no such object", "S3")]),
        Aws([source(), packaged(COMMIT="unknown"), failed("Migrate", "Deploy", "x")]),
    ],
    ids=["no metadata", "no repository", "no new source", "no source", "unknown to the release"],
)
def test_nobody_is_told(aws: Aws) -> None:
    assert run(aws) == []
    assert aws.objects == {}


def test_where_nothing_is_uploaded_no_object_is_asked() -> None:
    """Source has fetched the code of the pipeline's own steps, which names no commit."""
    code = action("Source", "Source", provider="S3", outputVariables={**SOURCE, "ObjectKey": "steps/0.zip"})
    aws = Aws([code, failed("Package", "Package", "build it with --platform", "Lambda")])
    assert (run(aws), aws.called("HeadObject")) == ([], [])


def test_one_that_was_stopped() -> None:
    (event,) = run(Aws([source(), packaged()]), state="STOPPED")
    detail = event["Detail"]
    assert (detail["stage"], detail["action"], detail["reason"]) == ("Pipeline", "none", "somebody has stopped it")


@pytest.mark.parametrize(
    ("summary", "reason"), [("A condition\nhas failed", "A condition has failed"), ("", failure.NO_REASON)]
)
def test_a_failed_action_is_waited_for_until_it_is_listed_and_a_minute_at_most(summary: str, reason: str) -> None:
    aws = Aws([source(), packaged()])
    aws.execution["statusSummary"] = summary  # type: ignore[assignment]
    with pytest.raises(NotListedYet, match="CodePipeline does not list yet which action has failed"):
        run(aws, after=59)
    (event,) = run(aws, after=60)
    detail = event["Detail"]
    assert (detail["stage"], detail["action"], detail["reason"]) == ("Pipeline", "none", reason)


@pytest.mark.parametrize(
    ("message", "reason"),
    [("two\nlines  of it", "two lines of it"), ("x" * 200, "x" * 127 + "…"), ("x" * 128, "x" * 128), ("", "short")],
)
def test_a_reason_is_one_short_line(message: str, reason: str) -> None:
    (event,) = run(Aws([source(), packaged(), failed("Migrate", "Deploy", message)]))
    assert event["Detail"]["reason"] == reason
    assert event["Detail"]["message"] == " ".join((message or "short").split())


DATABASE = "postgres://web:s3cret@db.internal/shop"
REFUSALS = {
    "OSError: [Errno 30] Read-only file system: '/srv/cache'": "/srv/cache",
    "touch: cannot touch '/srv/cache/a.pid': Read-only file system": "/srv/cache/a.pid",
    "mkdir: cannot create directory \u2018/srv/cache\u2019: Read-only file system": "/srv/cache",
    "sh: can't create /srv/cache: Read-only file system": "/srv/cache",
    "Errno::EROFS: Read-only file system @ rb_sysopen - /srv/cache": "/srv/cache",
    "java.nio.file.FileSystemException: /srv/cache: Read-only file system": "/srv/cache",
    "open /srv/cache: read-only file system": "/srv/cache",
    "Error: EROFS: read-only file system, open '/srv/cache'": "/srv/cache",
    f"url={DATABASE} OSError: [Errno 30] Read-only file system: '/srv/cache'": "/srv/cache",
    f"{DATABASE}: Read-only file system": "",
    "Read-only file system": "",
    f"Read-only file system: '/{'x' * 200}'": f"/{'x' * 79}",
}


@pytest.mark.parametrize("line", REFUSALS)
def test_a_read_only_root_s_refusal_names_the_file_and_repeats_no_line(line: str) -> None:
    """Of the task of a deployment, and of a migration."""
    (words,) = [each for each in failures.READ_ONLY if each in line]
    for failing, provider in (("Deploy", "ECS"), ("Migrate", "Lambda")):
        aws = Aws([source(), packaged(), failed(failing, "Deploy", "circuit breaker", provider)])
        aws.answers["FilterLogEvents"] = lambda _: {"events": [{"message": "nothing\n"}, {"message": f"{line}\n"}]}
        (event,) = run(aws)
        prefix = f"Read-only file system: {REFUSALS[line]}. " if REFUSALS[line] else ""
        assert event["Detail"]["message"] == f"{prefix}circuit breaker"
        assert "s3cret" not in json.dumps(event)
        searches = aws.called("FilterLogEvents")
        common = {"logGroupName": "/ecs/dev-a", "startTime": 1000500}
        patterns = [f'"{each}"' for each in failures.READ_ONLY]
        assert all(search in [{**common, "filterPattern": each} for each in patterns] for search in searches)
        assert {**common, "filterPattern": f'"{words}"'} in searches


def test_what_a_load_balancer_asked_for_and_got_is_said_first() -> None:
    aws = Aws([source(), packaged(), failed("Deploy", "Deploy", "it did not become stable", "ECS")])
    unhealthy = "(port 80) is unhealthy in (target-group arn:group) due to (reason Request timed out)"
    aws.answers["DescribeServices"] = lambda _: {"services": [{"events": [{"message": unhealthy, "createdAt": ENDED}]}]}
    aws.answers["DescribeTargetGroups"] = lambda _: {"TargetGroups": [{"HealthCheckPath": "/up"}]}
    (event,) = run(aws)
    asked = "The load balancer asked for /up at port 80: Request timed out."
    assert event["Detail"]["message"] == f"{asked} it did not become stable"


def test_nothing_is_looked_for_where_no_task_has_run() -> None:
    aws = Aws([failed("Package", "Package", "exit status 1"), source()])
    run(aws)
    assert not aws.called("FilterLogEvents")


def test_no_log_and_no_reason() -> None:
    assert failure.reason(action("Deploy", "Deploy", "Failed")) == "CodePipeline gives no reason"


@pytest.mark.parametrize("builds", [[{"logs": {}}], []], ids=["no stream", "no build"])
def test_a_build_that_has_no_log(builds: list[Json]) -> None:
    aws = Aws([source(), packaged(), failed("Package", "Package", "x")])
    aws.answers["BatchGetBuilds"] = lambda _: {"builds": builds}
    (event,) = run(aws)
    assert (event["Detail"]["message"], event["Detail"]["log"]) == ("x", "")


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
@pytest.mark.parametrize(
    ("operation", "failing"),
    [("GetLogEvents", ("Package", "Package")), ("FilterLogEvents", ("Migrate", "Deploy"))],
)
def test_a_log_that_cannot_be_read_is_done_without(operation: str, failing: tuple[str, str], code: str) -> None:
    aws = Aws([source(), packaged(), failed(*failing, "x")])
    aws.refusals[operation] = [error(code, operation)]
    (event,) = run(aws)
    assert event["Detail"]["message"] == "x"


@pytest.mark.parametrize(
    "operation",
    ["GetPipelineExecution", "ListActionExecutions", "HeadObject", "BatchGetBuilds", "GetLogEvents", "PutObject",
     "PutEvents"],
)  # fmt: skip
@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDenied"])
def test_a_throttled_or_refused_call_fails_the_function_and_the_next_try_publishes(operation: str, code: str) -> None:
    aws = Aws([failed("Package", "Package", "x"), source()])
    aws.refusals[operation] = [error(code, operation)]
    with pytest.raises(ClientError, match=code):
        run(aws)
    before = len(aws.published)
    assert len(run(aws)) == before + 1
    assert before == (operation == "PutEvents"), "the event that was refused counts as asked for"


def test_an_event_that_is_not_taken_fails_the_function_and_the_next_try_publishes() -> None:
    aws = Aws([source(), packaged()])
    answers = [{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "x"}]}, {"FailedEntryCount": 0}]
    aws.answers["PutEvents"] = lambda _: answers.pop(0)
    with pytest.raises(RuntimeError, match="EventBridge did not take the event"):
        run(aws, state="STOPPED")
    run(aws, state="STOPPED")
    run(aws, state="STOPPED")
    assert answers == []


@pytest.mark.parametrize("again", ["r1", "r2"], ids=["Lambda", "EventBridge"])
def test_an_event_that_is_delivered_twice_is_published_once(again: str) -> None:
    aws = Aws([failed("Package", "Package", "x"), source()])
    assert len(run(aws)) == 1
    assert len(run(aws, again)) == 1


def test_an_event_that_another_call_is_at_is_left_to_that() -> None:
    aws = Aws([failed("Package", "Package", "x"), source()])
    aws.refusals["PutEvents"] = [error("ThrottlingException", "PutEvents")]
    with pytest.raises(ClientError):
        run(aws, "r1")
    asked = len(aws.published)
    assert len(run(aws, "r2")) == asked
    assert len(run(aws, "r1")) == asked + 1


def test_a_failure_of_the_same_execution_s_retry_is_published_too() -> None:
    first = failed("Migrate", "Deploy", "x")
    aws = Aws([first, packaged(), source()])
    run(aws)
    aws.answers["ListActionExecutions"] = lambda _: {
        "actionExecutionDetails": [{**first, "actionExecutionId": "another"}, first, packaged(), source()]
    }
    assert len(run(aws, "r2")) == 2


def test_what_was_published_and_cannot_be_noted_is_no_failure() -> None:
    aws = Aws([failed("Package", "Package", "x"), source()])
    puts = [{}, error("SlowDown", "PutObject")]
    aws.answers["PutObject"] = lambda _: puts.pop(0)
    assert len(run(aws)) == 1
    assert puts == []


def test_the_function_s_entry(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    aws = Aws([failed("Package", "Package", "x"), source()])
    monkeypatch.setattr(boto3, "Session", lambda: aws)
    monkeypatch.setenv("BUCKET", "store")
    event = {"pipeline": "dev-a", "execution": "e1", "state": "FAILED", "time": "2026-01-01T00:00:00Z"}
    report.handle(event, SimpleNamespace(aws_request_id="r1"))
    assert capsys.readouterr().out == f"Told team/a {COMMIT}: Package, Package: x\n"
    assert aws.objects == {"reports/e1/run-of-Package": b"published"}
