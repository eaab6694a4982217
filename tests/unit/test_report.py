"""Why an execution has ended without a release: what the build that looks finds, and publishes."""

import json
from typing import Any

import pytest

from buildspecs import report

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCE = {"BucketName": "store", "ObjectKey": "sources/a/source.zip", "VersionId": "v1"}
NAMED = {"commit": COMMIT, "repository": "team/a"}


def action(
    name: str, stage: str, status: str = "Succeeded", provider: str = "CodeBuild", **output: Any
) -> dict[str, Any]:
    return {
        "actionName": name, "stageName": stage, "status": status, "output": output, "startTime": 1000.5,
        "input": {"actionTypeId": {"provider": provider}},
    }  # fmt: skip


class Aws:
    """The command line's answers."""

    def __init__(
        self, actions: list[dict[str, Any]], image: str = "none", metadata: dict[str, str] | None = None
    ) -> None:
        variables = [{"name": "image", "resolvedValue": image}]
        self.published: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {
            "get-pipeline-execution": {"pipelineExecution": {"variables": variables}},
            "list-action-executions": {"actionExecutionDetails": actions},
            "head-object": {"Metadata": NAMED if metadata is None else metadata},
            "batch-get-builds": {"builds": [{"logs": {"groupName": "g", "streamName": "s"}}]},
            "filter-log-events": {"events": []},
            "get-log-events": {"events": [{"message": "```no```\n"}, {"message": "such column\n"}]},
        }
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, *arguments: str) -> Any:
        self.calls.append(arguments)
        if arguments[1] == "put-events":
            (entry,) = json.loads(arguments[3])
            self.published.append({**entry, "Detail": json.loads(entry["Detail"])})
            return {"FailedEntryCount": 0}
        return self.answers[arguments[1]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(aws: Aws) -> list[dict[str, Any]]:
        monkeypatch.setenv("PIPELINE", "dev-a")
        monkeypatch.setenv("EXECUTION", "e1")
        monkeypatch.setattr(report, "aws", aws)
        report.main()
        return aws.published

    return run


def source() -> dict[str, Any]:
    return action("Source", "Source", provider="S3", outputVariables=SOURCE)


def failed(name: str, stage: str, message: str, provider: str = "CodeBuild") -> dict[str, Any]:
    result = {"externalExecutionId": "p:1", "externalExecutionSummary": "short", "errorDetails": {"message": message}}
    return action(name, stage, "Failed", provider, executionResult=result)


def packaged(**said: str) -> dict[str, Any]:
    return action("Package", "Package", outputVariables={"COMMIT": COMMIT, "COMMIT_REPOSITORY": "team/a", **said})


def test_a_failed_build(run: Any) -> None:
    aws = Aws([failed("Package", "Package", "exit status 1"), source()])
    (event,) = run(aws)
    assert (event["Source"], event["DetailType"]) == ("fargate-delivery", "Release Failed")
    assert event["Detail"] == {
        "pipeline": "dev-a", "execution-id": "e1", "commit": COMMIT, "repository": "team/a", "owner": "team",
        "name": "a", "stage": "Package", "action": "Package", "reason": "exit status 1", "message": "exit status 1",
        "log": "'''no'''\nsuch column\n",
    }  # fmt: skip
    assert (
        "s3api",
        "head-object",
        "--bucket",
        "store",
        "--key",
        "sources/a/source.zip",
        "--version-id",
        "v1",
    ) in aws.calls


def test_what_was_packaged_names_the_commit_of_a_redeployment(run: Any) -> None:
    aws = Aws([source(), packaged(), failed("Deploy", "Deploy", "rolled back", "ECS")], image="live")
    (event,) = run(aws)
    assert (event["Detail"]["commit"], event["Detail"]["reason"]) == (COMMIT, "rolled back")
    assert event["Detail"]["log"] == "There is no log of a build."
    assert not any("head-object" in call for call in aws.calls)


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
def test_nobody_is_told(run: Any, aws: Aws) -> None:
    assert run(aws) == []


def test_one_that_was_stopped(run: Any) -> None:
    (event,) = run(Aws([source(), packaged()]))
    assert (event["Detail"]["stage"], event["Detail"]["reason"]) == ("Pipeline", "somebody has stopped it")


@pytest.mark.parametrize(
    ("message", "reason"),
    [("two\nlines  of it", "two lines of it"), ("x" * 200, "x" * 127 + "…"), ("x" * 128, "x" * 128), ("", "short")],
)
def test_a_reason_is_one_short_line(run: Any, message: str, reason: str) -> None:
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
def test_a_read_only_root_s_refusal_names_the_file_and_repeats_no_line(run: Any, line: str) -> None:
    """Of the task of a deployment, and of a migration."""
    (words,) = [each for each in report.READ_ONLY if each in line]
    for failing, provider in (("Deploy", "ECS"), ("Migrate", "CodeBuild")):
        aws = Aws([source(), packaged(), failed(failing, "Deploy", "circuit breaker", provider)])
        aws.answers["filter-log-events"] = {"events": [{"message": "nothing\n"}, {"message": f"{line}\n"}]}
        (event,) = run(aws)
        told = f"Read-only file system: {REFUSALS[line]}. " if REFUSALS[line] else ""
        assert event["Detail"]["message"] == f"{told}circuit breaker"
        assert "s3cret" not in json.dumps(event)
        asked = [call[2:] for call in aws.calls if call[1] == "filter-log-events"]
        assert set(asked) <= {
            (
                "--log-group-name",
                "/ecs/dev-a",
                "--start-time",
                "1000500",
                "--filter-pattern",
                f'"{each}"',
                "--max-items",
                "40",
            )
            for each in report.READ_ONLY
        }
        assert any(f'"{words}"' in call for call in asked)


def test_nothing_is_looked_for_where_no_task_has_run(run: Any) -> None:
    aws = Aws([failed("Package", "Package", "exit status 1"), source()])
    run(aws)
    assert not any("filter-log-events" in call for call in aws.calls)


@pytest.mark.parametrize(
    "moment", [1577836800.25, "2020-01-01T00:00:00.250000+00:00", "2020-01-01T01:00:00.250000+01:00"]
)
def test_both_versions_of_the_command_line_tell_the_time(moment: float | str) -> None:
    assert report.milliseconds(moment) == 1577836800250


def test_no_log_and_no_reason() -> None:
    assert report.why(action("Deploy", "Deploy", "Failed"))["reason"] == "CodePipeline gives no reason"


def test_a_build_that_has_no_log(run: Any) -> None:
    aws = Aws([source(), packaged(), failed("Migrate", "Deploy", "x")])
    aws.answers["batch-get-builds"] = {"builds": [{"logs": {}}]}
    (event,) = run(aws)
    assert event["Detail"]["log"] == "The build has not come as far as a log."


def test_an_event_that_is_not_taken_fails_the_build(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(Aws):
        def __call__(self, *arguments: str) -> Any:
            answer = super().__call__(*arguments)
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "x"}]} if "put-events" in arguments else answer

    with pytest.raises(SystemExit, match="EventBridge did not take the event"):
        run(Refusing([source(), packaged()]))
