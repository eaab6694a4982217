"""`delivery continue` and `delivery abort`: what they answer, and when there is nothing to answer."""

from typing import Any

import pytest
from click.testing import CliRunner, Result
from delivery_aws import FakeAws, digest

from delivery.__main__ import main
from delivery.command_line import Connection

ARN = "arn:aws:ecs:eu-west-1:111111111111:service-deployment/dev/dev-web/d1"
PAUSE = {"hookId": "ecs-pause-1", "targetType": "PAUSE", "status": "AWAITING_ACTION"}


@pytest.fixture
def aws() -> FakeAws:
    """A service whose canary waits in its pause."""
    aws = FakeAws()
    aws.record("none")
    revision = aws.revision(1, f"@{digest('a')}")
    aws.release(1, digest("a"), revision)
    aws.image(digest("a"), "release-1", "live")
    aws.service(revision, digest("a"))
    aws.shift("IN_PROGRESS", lifecycleStage="POST_TEST_TRAFFIC_SHIFT", lifecycleHookDetails=[PAUSE])
    return aws


@pytest.fixture
def run(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "web", "--stack", "dev"])

    return call


def asked(aws: FakeAws, operation: str) -> list[dict[str, Any]]:
    return [given for _, called, given in aws.calls if called == operation]


@pytest.mark.parametrize(
    ("verb", "action", "words"), [("continue", "CONTINUE", "It goes on"), ("abort", "ROLLBACK", "It goes back")]
)
def test_a_pause_is_answered(aws: FakeAws, run: Any, verb: str, action: str, words: str) -> None:
    result = run(verb)
    assert result.exit_code == 0, result.output
    answer = {"serviceDeploymentArn": ARN, "hookId": "ecs-pause-1", "action": action}
    assert asked(aws, "ContinueServiceDeployment") == [answer]
    assert asked(aws, "StopServiceDeployment") == []
    assert result.output.startswith(f"{ARN} is IN_PROGRESS at POST_TEST_TRAFFIC_SHIFT\n{words}")


def test_what_does_not_wait_is_aborted_and_not_continued(aws: FakeAws, run: Any) -> None:
    aws.shift("IN_PROGRESS", lifecycleStage="BAKE_TIME", lifecycleHookDetails=[{**PAUSE, "status": "SUCCEEDED"}])
    refused = run("continue")
    assert refused.exit_code == 1
    assert "the deployment of web waits for nobody; it is IN_PROGRESS at BAKE_TIME" in refused.output
    assert run("abort").exit_code == 0
    assert asked(aws, "StopServiceDeployment") == [{"serviceDeploymentArn": ARN, "stopType": "ROLLBACK"}]
    assert asked(aws, "ContinueServiceDeployment") == []


def test_a_hook_that_calls_a_function_is_nobody_s_to_answer(aws: FakeAws, run: Any) -> None:
    aws.shift("IN_PROGRESS", lifecycleHookDetails=[{**PAUSE, "targetType": "AWS_LAMBDA"}])
    assert "waits for nobody" in run("continue").output


@pytest.mark.parametrize("status", ["ROLLBACK_IN_PROGRESS", "ROLLBACK_REQUESTED", "STOP_REQUESTED"])
def test_what_goes_back_is_not_told_to(aws: FakeAws, run: Any, status: str) -> None:
    aws.shift(status)
    assert f"goes back already; it is {status}" in run("abort").output
    assert asked(aws, "StopServiceDeployment") == []


@pytest.mark.parametrize("verb", ["continue", "abort"])
def test_there_is_nothing_to_answer(aws: FakeAws, run: Any, verb: str) -> None:
    aws.shift("SUCCESSFUL")
    result = run(verb)
    assert result.exit_code == 1
    assert "ECS does not shift the traffic of web: nothing is in flight" in result.output
    assert asked(aws, "StopServiceDeployment") == asked(aws, "ContinueServiceDeployment") == []


@pytest.mark.parametrize("deploying", [False, True])
def test_status_says_the_commands(aws: FakeAws, run: Any, deploying: bool) -> None:
    """Though a release waits for it."""
    latest = {"status": "InProgress", "pipelineExecutionId": "e1"}
    aws.pipeline["stages"] = [{"stageName": "Deploy", "latestExecution": latest}] if deploying else []
    output = run("status").output
    assert "it waits for `delivery continue web --stack dev` or `delivery abort web --stack dev`" in output
