"""What `ship` uploads, which execution it follows, what it says in the end, and what it refuses before an upload."""

import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from brought import BringAws, folder, reached, run
from click.testing import Result
from delivery_aws import RefusedError

from delivery.command_line import Connection
from releases.names import aws_name

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PLACE = "s3://bucket/sources/web/source.zip"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> BringAws:
    return reached(monkeypatch)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return folder(tmp_path)


def ship(*arguments: Any) -> Result:
    return run("ship", *arguments)


def test_a_folder_is_uploaded_and_its_release_followed(aws: BringAws, app: Path) -> None:
    done = ship("--source", app, "--commit", COMMIT, "--repository", "team/web", "--yes")
    ((content, given),) = aws.uploaded
    assert zipfile.ZipFile(BytesIO(content)).namelist() == ["Dockerfile"]
    metadata = {"commit": COMMIT, "repository": "team/web"}
    assert given == {"Bucket": "bucket", "Key": "sources/web/source.zip", "Metadata": metadata}
    assert done.output.splitlines() == [
        f"web: uploads {app}, {len(content)} bytes, to {PLACE}, and releases it",
        f"Uploaded {app} ({len(content)} bytes) to {PLACE}, version v1",
        "Execution run-1 of dev-web",
        "Source / Source: Succeeded",
        "Package / Package: Succeeded",
        "Execution run-1: Succeeded",
        "Delivered in 0.0 s; it answers at https://web.example.com/",
    ]
    assert (done.exit_code, aws.writes) == (0, ["PutObject"])


def test_a_build_of_0_1_0_names_neither_context_nor_dockerfile(aws: BringAws, app: Path) -> None:
    del aws.project["CONTEXT"], aws.project["DOCKERFILE"]
    assert ship("--source", app, "--yes").exit_code == 0
    (app / "Dockerfile").unlink()
    assert f"error: {app} has no Dockerfile; at its top it has: nothing" in ship("--source", app, "--yes").output


def test_without_a_commit_none_is_named(aws: BringAws, app: Path) -> None:
    ship("--source", app, "--yes")
    assert aws.uploaded[0][1]["Metadata"] == {}


def test_nobody_waits_where_nobody_wants_to(aws: BringAws, app: Path) -> None:
    aws.ends = "InProgress"
    done = ship("--source", app, "--yes", "--no-wait")
    assert done.exit_code == 0
    assert "Execution run-1 goes on. Watch it: `delivery status web --stack dev --watch`" in done.output


def test_what_is_the_same_as_before_deploys_nothing(aws: BringAws, app: Path) -> None:
    aws.packaged = {"DEPLOY": "no", "SUMMARY": "nothing has changed"}
    assert ship("--source", app, "--yes").output.splitlines()[-1] == "Nothing was deployed: nothing has changed"


def test_json_keeps_its_fields_and_stands_alone(aws: BringAws, app: Path) -> None:
    done = ship("--source", app, "--yes", "--json")
    shown = json.loads(done.stdout)
    assert {key: value for key, value in shown.items() if key != "stages"} == {
        "pipeline": "dev-web",
        "execution": "run-1",
        "status": "Succeeded",
        "summary": None,
        "variables": {
            "variables.image": "none", "Source.VersionId": "v1", "Package.DEPLOY": "yes", "Package.SUMMARY": "an image",
        },
        "sourceVersion": "v1",
    }  # fmt: skip
    source = {"name": "Source", "status": "Succeeded", "summary": None, "error": None, "seconds": 0.0}
    assert shown["stages"] == [
        {"name": "Source", "status": "Succeeded", "actions": [source]},
        {"name": "Package", "status": "Succeeded", "actions": [{**source, "name": "Package"}]},
    ]
    assert "Delivered in 0.0 s" in done.stderr


def test_a_failure_is_its_cause_in_one_line_and_a_document_all_the_same(aws: BringAws, app: Path) -> None:
    aws.ends = "Failed"
    done = ship("--source", app, "--yes", "--json")
    error = "error: execution run-1 of dev-web ended as Failed: Package / Package: no such column"
    lines = done.stderr.splitlines()
    assert (done.exit_code, json.loads(done.stdout)["status"]) == (1, "Failed")
    assert lines[lines.index(error) + 1] == "release-1 still serves."
    assert lines[-1].startswith("All of its log: `delivery logs web --stack dev --since 1h`.")


@pytest.mark.parametrize("option", ["--json", "--verbose"])
def test_credentials_that_expire_while_it_is_followed_have_nobody_ship_again(
    aws: BringAws, app: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    def expire(_: float) -> None:
        aws.refuse |= dict.fromkeys(("GetPipelineExecution", "ListActionExecutions"), RefusedError("ExpiredToken"))

    aws.ends = "InProgress"
    monkeypatch.setattr("time.sleep", expire)
    done = ship("--source", app, "--yes", option)
    assert done.exit_code == 1
    assert "error: execution run-1 is followed no longer: " in done.stderr
    assert "Execution run-1 goes on. Watch it: `delivery status web --stack dev --watch`" in done.stderr
    assert "run the command again" not in done.output


def test_a_document_that_aws_does_not_tell_is_an_error(aws: BringAws, app: Path) -> None:
    aws.refuse["GetPipelineState"] = RefusedError("AccessDeniedException")
    done = ship("--source", app, "--yes", "--json", "--no-wait")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "error: these credentials may not GetPipelineState" in done.stderr


def test_a_version_that_s3_tells_nobody_of_is_started_by_hand(aws: BringAws, app: Path) -> None:
    aws.tells = False
    done = ship("--source", app, "--yes")
    (started,) = [given for _, operation, given in aws.calls if operation == "StartPipelineExecution"]
    revision = {"actionName": "Source", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "v1"}
    assert (started["name"], started["sourceRevisions"], "variables" in started) == ("dev-web", [revision], False)
    assert "S3 has sent no event, as in a new stack's first minutes: this command starts this version." in done.output
    assert (done.exit_code, aws.writes) == (0, ["PutObject", "StartPipelineExecution"])


def approval(aws: BringAws, execution: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """An execution waits for an answer as soon as something is uploaded, and this one is in it or behind it."""
    put = aws._PutObject

    def upload(given: dict[str, Any]) -> dict[str, Any]:
        answer = put(given)
        for each in aws.pipeline["executions"]:
            each["status"] = "InProgress"
        latest = {"status": "InProgress", "pipelineExecutionId": execution}
        asks = {"actionName": "Approve", "latestExecution": {"status": "InProgress", "token": "t"}}
        stage = {"stageName": "Approve", "latestExecution": latest, "actionStates": [asks]}
        aws.pipeline["stages"] = [{**stage, "inboundExecutions": [{"pipelineExecutionId": "run-2"}]}]
        question = {"actionTypeId": {"category": "Approval"}, "resolvedConfiguration": {"CustomData": "B after A"}}
        asked = {
            "stageName": "Approve",
            "actionName": "Approve",
            "actionExecutionId": "approve",
            "status": "InProgress",
            "input": question,
        }
        aws.pipeline["actions"][execution].append({**aws.pipeline["actions"][execution][0], **asked, "output": {}})
        return answer

    return upload


@pytest.mark.parametrize(
    ("execution", "who"), [("run-2", "The execution"), ("run-1", "Execution run-1, in front of it,")]
)
def test_it_ends_where_somebody_has_to_answer(
    aws: BringAws, app: Path, monkeypatch: pytest.MonkeyPatch, execution: str, who: str
) -> None:
    aws.starts("before")
    monkeypatch.setattr(aws, "_PutObject", approval(aws, execution))
    done = ship("--source", app, "--yes")
    assert (done.exit_code, done.output.splitlines()[-3:]) == (
        0,
        [
            f"{who} waits for approval: B after A",
            "  delivery approve web --stack dev",
            "  delivery reject web --stack dev",
        ],
    )


def test_frozen_releases_are_not_waited_for(aws: BringAws, app: Path) -> None:
    aws.pipeline["stages"] = [
        {"stageName": "Deploy", "inboundTransitionState": {"enabled": False, "disabledReason": "a sale"}}
    ]
    done = ship("--source", app, "--yes")
    assert (done.exit_code, aws.writes) == (1, ["PutObject"])
    assert "error: execution run-1 of dev-web waits, and is not followed: releases of web wait (a sale)" in done.stderr


def test_who_else_is_built_of_an_upload_is_said_first(aws: BringAws, app: Path) -> None:
    aws.project["SHARED"] = "yes"
    first, second = ship("--source", app).output.splitlines()[:2]
    assert (first.startswith("web: uploads"), aws.writes) == (True, [])
    assert second == "Other services are built of this upload, too; those that it changes are released."


def test_who_uploads_may_be_another_one(aws: BringAws, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def uploader(connection: Connection, name: str) -> boto3.Session:
        asked.append(name)
        return connection.session

    monkeypatch.setattr(Connection, "uploader", uploader)
    aws.key = "sources/customer-notifications/source.zip"
    assert ship("--source", app, "--yes").exit_code == 0
    assert asked == [aws_name("dev", "customer-notifications")]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("ecr", "images of web are pushed, and nothing is built here: `delivery push web --image DIR --stack dev`"),
        ("promote", "web of dev takes the images of another stack only: `delivery promote web --from STACK --to dev`"),
    ],
)  # fmt: skip
def test_where_nothing_is_uploaded(aws: BringAws, app: Path, source: str, words: str) -> None:
    aws.source = source
    done = ship("--source", app, "--yes")
    assert (done.exit_code, done.stderr, aws.writes) == (1, f"error: {words}\n", [])


def test_what_cannot_be_built_is_not_uploaded(aws: BringAws, app: Path) -> None:
    (app / "Dockerfile").rename(app / "other")
    done = ship("--source", app, "--yes")
    assert (done.exit_code, done.stderr, aws.writes) == (
        1,
        f"error: {app} has no Dockerfile; at its top it has: other\n",
        [],
    )


def test_a_build_that_is_not_there_is_told_before_an_upload(
    aws: BringAws, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "_BatchGetProjects", lambda _: {"projects": []})
    gone = "there is no CodeBuild project dev-web-package; `up` creates it for a service that is built"
    assert ship("--source", app, "--yes").stderr == f"error: {gone}\n"
    assert aws.uploaded == []


def test_a_bucket_without_versions_is_told(aws: BringAws, app: Path) -> None:
    aws.versions = {}
    assert ship("--source", app, "--yes").stderr.startswith("error: the bucket bucket keeps no versions")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "write either --source DIR, or --rebuild"),
        (("--source", ".", "--rebuild"), "write either --source DIR, or --rebuild"),
        (("--rebuild", "--json"), "--rebuild uploads nothing"),
        (("--source", ".", "--commit", "main"), "must be a whole hash"),
        (("--source", ".", "--repository", "../team"), "must be OWNER/NAME"),
        (("--source", ".", "--repository", "a" * 257), "must be OWNER/NAME"),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly(aws: BringAws, arguments: tuple[str, ...], words: str) -> None:
    done = ship(*arguments)
    assert (done.exit_code, words in done.stderr, aws.calls) == (2, True, [])


def test_rebuild_builds_what_was_uploaded_last(aws: BringAws) -> None:
    aws.starts("v0")
    done = ship("--rebuild", "--yes")
    (started,) = [given for _, operation, given in aws.calls if operation == "StartPipelineExecution"]
    assert (started["variables"], done.exit_code, aws.uploaded) == ([{"name": "image", "value": "rebuild"}], 0, [])
