"""The command line: one line for every mistake, help without an account, questions."""

import json
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner, Result
from delivery_aws import FakeAws, RefusedError, action, digest

from delivery.__main__ import main
from delivery.command_line import Connection

A, B = digest("a"), digest("b")
DECISIONS = ("approve", "reject", "continue", "abort")
COMMANDS = (
    *("status", "history", "rollback", "redeploy", "rebuild", "promote", "retry", "repair", *DECISIONS, "prune"),
    *("verify", "logs", "exec", "tunnel", "parameters", "freeze", "unfreeze", "deploy", "cost"),
)


@pytest.fixture
def aws() -> FakeAws:
    """Two releases; the second runs."""
    aws = FakeAws()
    aws.record("none")
    for number, image in ((1, A), (2, B)):
        arn = aws.revision(number, f"@{image}", environment={"LEVEL": "info"})
        aws.release(number, image, arn)
        aws.image(image, f"release-{number}")
    aws.image(B, "live")
    aws.service(arn, B)
    return aws


@pytest.fixture
def run(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command line against the fake."""
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))

    def call(*arguments: str) -> Result:
        result = CliRunner().invoke(main, [*arguments, "--stack", "dev"])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_needs_no_account(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: delivery {command} " in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_the_sandbox_has_the_same_help_without_running(command: str) -> None:
    program = [sys.executable, "-c", "from sandbox.cli import main; main()", command, "--help"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: sandbox {command} " in done.stdout


def test_status_as_json_keeps_its_fields_and_tells_of_disagreement(run: Any, aws: FakeAws) -> None:
    assert run("status", "web").output.count("disagreement") == 0
    aws.image(A, "live")
    aws.images[B].discard("live")
    shown = json.loads(run("status", "web", "--json").output)
    assert (shown["image_digest"], shown["live"], shown["release"]["image_digest"]) == (B, A, B)
    assert shown["environment"] == {"LEVEL": "info"}
    assert shown["repair"] == "delivery repair web --stack dev"
    assert "mend it: delivery repair web --stack dev" in run("status", "web").output


def test_status_tells_what_is_in_flight(run: Any, aws: FakeAws) -> None:
    aws.services["dev-web"]["deployments"][0]["rolloutState"] = "IN_PROGRESS"
    shown = json.loads(run("status", "web", "--json").output)
    assert shown["in_flight"] == "deployment ecs-svc/1 of dev-web:2"
    assert shown["wait"] == "wait until it is over, as `delivery status web --stack dev --watch` shows"


SOURCE_FAILED = action("Source", "Source", "Source", "Failed")
UPLOADED = (action("Source", "Source", "Source"), action("Package", "Package", "Build", "Failed"))


@pytest.mark.parametrize(
    ("executions", "waits"),
    [
        ([], True),
        ([("Failed", SOURCE_FAILED)], True),
        ([("Failed", SOURCE_FAILED), ("InProgress",)], False),
        ([("Failed", SOURCE_FAILED), ("Failed", *UPLOADED)], False),
        ([("Failed", *UPLOADED), ("Failed", SOURCE_FAILED)], False),
    ],
    ids=["none began", "the first one", "one that begins", "one that does not build", "one that failed since"],
)
def test_status_says_where_a_first_upload_is_waited_for(
    run: Any, aws: FakeAws, executions: list[Any], waits: bool
) -> None:
    place = "s3://bucket/sources/web/source.zip"
    aws.parameters["/fargate-delivery/dev/web/release"].versions[:] = ["none"]
    for status, *actions in executions:
        aws.executing(status, *actions)
    assert json.loads(run("status", "web", "--json").output)["first_upload"] == (place if waits else None)
    (line,) = [line for line in run("status", "web").output.splitlines() if line.startswith("release")]
    assert line.split(None, 1)[1] == f"nothing yet{f'; waits for its first upload, to {place}' if waits else ''}"


SOURCE = action("Source", "Source", "Source")
NOTHING, SOMETHING = (
    action("Package", "Package", "Invoke", variables={"DEPLOY": deploys}) for deploys in ("no", "yes")
)
UNFIT = action("Package", "Package", "Invoke", "Failed")


@pytest.mark.parametrize(
    ("source", "executions", "place"),
    [
        ("ecr", [], "dev-web/inbox:latest"),
        ("ecr", [("Succeeded", SOURCE, NOTHING)], "dev-web/inbox:latest"),
        ("ecr", [("Succeeded", SOURCE, NOTHING), ("Failed", SOURCE, SOMETHING)], None),
        ("ecr", [("Succeeded", SOURCE, NOTHING), ("Failed", SOURCE, UNFIT)], None),
        ("promote", [("Succeeded", SOURCE, NOTHING)], None),
    ],
)
def test_status_says_where_a_first_image_is_waited_for(
    run: Any, aws: FakeAws, source: str, executions: list[Any], place: str | None
) -> None:
    aws.source = source
    aws.parameters["/fargate-delivery/dev/web/release"].versions[:] = ["none"]
    for status, *actions in executions:
        aws.executing(status, *actions)
    assert json.loads(run("status", "web", "--json").output)["first_upload"] == place


def test_what_was_released_waits_for_no_upload(run: Any, aws: FakeAws) -> None:
    aws.executing("Failed", SOURCE_FAILED)
    assert json.loads(run("status", "web", "--json").output)["first_upload"] is None


MIGRATION_FAILED = action(
    "Deploy", "Migrate", "Invoke", "Failed", result={"errorDetails": {"message": "bin/migrate:\nno such file"}}
)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        ("Failed", "ended as Failed: Deploy / Migrate: bin/migrate: no such file"),
        ("Stopped", "ended as Stopped: Deploy / Migrate: bin/migrate: no such file"),
        ("InProgress", None),
        ("Succeeded", None),
        ("Superseded", None),
    ],
)
def test_status_says_how_the_last_delivery_failed(run: Any, aws: FakeAws, status: str, failure: str | None) -> None:
    aws.executing(status, MIGRATION_FAILED)
    assert json.loads(run("status", "web", "--json").output)["failure"] == failure
    lines = [line for line in run("status", "web").output.splitlines() if line.startswith("last delivery")]
    assert [line.split(None, 2)[2] for line in lines] == ([failure] if failure else [])


def test_status_is_without_a_failure_where_there_is_no_pipeline_and_before_the_first_upload(
    run: Any, aws: FakeAws
) -> None:
    aws.refuse["ListPipelineExecutions"] = RefusedError("PipelineNotFoundException")
    assert json.loads(run("status", "web", "--json").output)["failure"] is None
    del aws.refuse["ListPipelineExecutions"]
    aws.parameters["/fargate-delivery/dev/web/release"].versions[:] = ["none"]
    aws.executing("Failed", SOURCE_FAILED)
    assert json.loads(run("status", "web", "--json").output)["failure"] is None


def test_history_newest_first(run: Any) -> None:
    shown = json.loads(run("history", "web", "--json").output)
    assert [release["release"] for release in shown] == [2, 1]
    lines = run("history", "web").output.splitlines()
    assert lines[0].startswith("release-2 ")
    assert lines[0].endswith("live")
    assert "Parameter Store" not in lines[-1]


def test_history_says_what_parameter_store_forgot(run: Any, aws: FakeAws) -> None:
    for number in range(3, 110):
        aws.release(number, A, aws.services["dev-web"]["taskDefinition"])
    assert "Parameter Store keeps 100 versions" in run("history", "web").output


def test_history_goes_on_past_what_is_no_release(run: Any, aws: FakeAws) -> None:
    aws.parameters["/fargate-delivery/dev/web/release"].versions[1] = "junk"
    assert "version 2 of the record is not a release" in run("history", "web").output
    assert "there are: 2\n" in run("rollback", "web", "--to", "1").stderr
    assert "there are: 2\n" in run("rollback", "web", "--to", "release-1").stderr
    assert (
        "'first' is not a release; write its number, as `delivery history` shows it"
        in run("rollback", "web", "--to", "first").stderr
    )


def test_rollback_asks_only_who_can_answer(run: Any, aws: FakeAws) -> None:
    refused = run("rollback", "web")
    assert refused.exit_code == 1
    assert "image then" in refused.stdout
    assert (
        refused.stderr
        == "error: nothing was changed; there is no terminal on which to ask, so run it again with --yes\n"
    )
    assert aws.writes == []
    assert run("rollback", "web", "--yes", "--no-wait").exit_code == 0
    assert aws.writes == ["StartPipelineExecution"]


def test_prune_removes_with_yes_only(run: Any, aws: FakeAws) -> None:
    assert run("prune").output == "Nothing to remove.\n"
    for number in (1, 2):
        aws.revision(number, "@x", family="dev-web-migrate")
    assert run("prune").output.splitlines()[0] == "dev-web-migrate:1  an old migration"
    assert aws.writes == []
    assert run("prune", "--yes").output.endswith("Removed 1.\n")
    assert aws.writes == ["DeregisterTaskDefinition"]


def test_approve_says_what_it_decides_and_only_for_that_execution(run: Any, aws: FakeAws) -> None:
    waits = action("Approve", "Approve", "Approval", "InProgress", configuration={"CustomData": "B after A"})
    identifier = aws.executing("InProgress", waits)
    latest = {"pipelineExecutionId": identifier, "status": "InProgress"}
    shown = {"actionName": "Approve", "latestExecution": {"status": "InProgress", "token": "t"}}
    aws.pipeline["stages"] = [{"stageName": "Approve", "latestExecution": latest, "actionStates": [shown]}]
    aws.pipeline["token"] = "t"  # noqa: S105
    refused = run("approve", "web", "--execution", "another")
    assert refused.stderr == f"error: execution {identifier} is waiting, not another; nothing was decided\n"
    assert aws.writes == []
    done = run("reject", "web", "--reason", "no", "--yes")
    said = f"web: execution {identifier} waits in Approve, and ends as failed; what runs stays\nB after A\nRejected.\n"
    assert done.output == said
