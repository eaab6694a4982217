"""`delivery continue` and `delivery abort`: what they answer, and when there is nothing to answer."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from delivery_aws import NOW, FakeAws, RefusedError, digest

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.executions.shift import Verb, answer

ARN = "arn:aws:ecs:eu-west-1:111111111111:service-deployment/dev/dev-web/d1"
CANARY = {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 20}}
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
    aws.shift(
        "IN_PROGRESS",
        lifecycleStage="POST_TEST_TRAFFIC_SHIFT",
        lifecycleHookDetails=[PAUSE],
        deploymentConfiguration=CANARY,
    )
    return aws


def before(aws: FakeAws) -> None:
    """Beside it what was released before serves."""
    revision = aws.revision(0, f"@{digest('b')}")
    serving = {"id": "ecs-svc/0", "status": "ACTIVE", "taskDefinition": revision, "runningCount": 1, "createdAt": NOW}
    aws.services["dev-web"]["deployments"].append(serving)


@pytest.fixture
def run(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "web", "--stack", "dev"])

    return call


def asked(aws: FakeAws, operation: str) -> list[dict[str, Any]]:
    return [given for _, called, given in aws.calls if called == operation]


@pytest.mark.parametrize(
    ("verb", "action", "words"),
    [
        ("continue", "CONTINUE", "goes on: 10 % of the traffic shifts, and the rest 20 min later. {} until then."),
        ("abort", "ROLLBACK", "goes back, as a failed one. {} as before."),
    ],
)
@pytest.mark.parametrize("others", [True, False], ids=["another one serves", "the first"])
def test_a_pause_is_answered(aws: FakeAws, run: Any, verb: str, action: str, words: str, others: bool) -> None:
    if others:
        before(aws)
    result = run(verb, "--yes", "--no-wait")
    assert result.exit_code == 0, result.output
    answer = {"serviceDeploymentArn": ARN, "hookId": "ecs-pause-1", "action": action}
    assert asked(aws, "ContinueServiceDeployment") == [answer]
    assert asked(aws, "StopServiceDeployment") == []
    watch = "Watch it: `delivery status web --stack dev --watch`\n"
    back = "To have it go back: `delivery abort web --stack dev`\n"
    left = f"It goes back. {watch}" if verb == "abort" else f"Deployment ecs-svc/1 goes on. {watch}{back}"
    serves = "dev-web:0 serves" if others else "Nothing serves"
    assert result.output == (
        f"Deployment ecs-svc/1 of dev-web:1, which is at POST_TEST_TRAFFIC_SHIFT, {words.format(serves)}\n{left}"
    )


@pytest.mark.parametrize("verb", ["continue", "abort"])
@pytest.mark.parametrize(
    "change", [{"serviceDeploymentArn": f"{ARN}2"}, {"status": "SUCCESSFUL"}], ids=["another one waits", "none"]
)
def test_a_deployment_that_was_not_shown_is_told_nothing(
    aws: FakeAws, run: Any, monkeypatch: pytest.MonkeyPatch, verb: Verb, change: dict[str, str]
) -> None:
    """The one that was shown has ended before AWS is told."""
    shown = answer(aws.session(), "dev", "web", verb)
    monkeypatch.setattr("delivery.executions.shift.agreed", lambda *_, **__: shown)
    aws.shifts[0] |= change
    result = run(verb, "--no-wait")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: nothing was changed, because the deployment of web that was shown has ended; "
        "`delivery status web --stack dev` says what runs\n",
    )
    assert asked(aws, "StopServiceDeployment") == asked(aws, "ContinueServiceDeployment") == []


def test_what_does_not_wait_is_aborted_and_not_continued(aws: FakeAws, run: Any) -> None:
    aws.shift("IN_PROGRESS", lifecycleStage="BAKE_TIME", lifecycleHookDetails=[{**PAUSE, "status": "SUCCEEDED"}])
    refused = run("continue")
    assert refused.exit_code == 1
    assert "the deployment of web does not wait for an answer; it is IN_PROGRESS at BAKE_TIME" in refused.output
    before(aws)
    aws.shifts[0]["targetServiceRevision"] = {"requestedProductionTrafficWeight": 100.0}
    assert run("abort", "--yes", "--no-wait").output.startswith(
        "Deployment ecs-svc/1 of dev-web:1, which is at BAKE_TIME, goes back, as a failed one, with its 100 % of the "
        "traffic. dev-web:0 serves all of it then.\n"
    )
    assert asked(aws, "StopServiceDeployment") == [{"serviceDeploymentArn": ARN, "stopType": "ROLLBACK"}]
    assert asked(aws, "ContinueServiceDeployment") == []


def test_a_hook_that_calls_a_function_is_nobody_s_to_answer(aws: FakeAws, run: Any) -> None:
    aws.shift("IN_PROGRESS", lifecycleHookDetails=[{**PAUSE, "targetType": "AWS_LAMBDA"}])
    assert "does not wait for an answer" in run("continue").output


@pytest.mark.parametrize("status", ["ROLLBACK_IN_PROGRESS", "ROLLBACK_REQUESTED", "STOP_REQUESTED"])
def test_what_goes_back_is_not_told_to(aws: FakeAws, run: Any, status: str) -> None:
    aws.shift(status)
    assert f"already rolls back; it is {status}" in run("abort").output
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


RULE = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:listener-rule/app/dev/b1/l1/r1"
LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:listener/app/dev/b1/l1"


class WithTestPort(FakeAws):
    """Whose load balancer has a test listener."""

    def _DescribeRules(self, given: dict[str, Any]) -> dict[str, Any]:
        if "ListenerArn" in given:
            return super()._DescribeRules(given)
        assert given == {"RuleArns": [RULE]}
        hosts = {"Field": "host-header", "HostHeaderConfig": {"Values": ["web.example.com"]}}
        return {"Rules": [{"Conditions": [{"Field": "path-pattern"}, hosts]}]}

    def _DescribeListeners(self, given: dict[str, Any]) -> dict[str, Any]:
        if "LoadBalancerArn" in given:
            return super()._DescribeListeners(given)
        assert given == {"ListenerArns": [LISTENER]}
        return {"Listeners": [{"Port": 8443, "Protocol": "HTTPS"}]}


SINCE = NOW - timedelta(seconds=30)


@pytest.mark.parametrize(
    ("status", "fields", "words", "shown"),
    [
        ("IN_PROGRESS", {"lifecycleStage": "SCALE_UP"}, "SCALE_UP: its new tasks have 0 % of the traffic", ("", None)),
        (
            "IN_PROGRESS",
            {"lifecycleHookDetails": [{**PAUSE, "expiresAt": SINCE + timedelta(minutes=60)}]},
            "IN_PROGRESS: its new tasks have 0 % of the traffic; 60 min left of its pause, and then it goes back",
            ("pause", 60),
        ),
        (
            "IN_PROGRESS",
            {"lifecycleStage": "PRODUCTION_TRAFFIC_SHIFT", "percent": 10.0},
            "PRODUCTION_TRAFFIC_SHIFT: its new tasks have 10 % of the traffic; 20 min left of its step, until more of it "
            "shifts",
            ("step", 20),
        ),
        (
            "IN_PROGRESS",
            {"lifecycleStage": "BAKE_TIME", "percent": 100.0, "updatedAt": SINCE - timedelta(days=1)},
            "BAKE_TIME: its new tasks have 100 % of the traffic; 0 min left of its bake, and then the old tasks go",
            ("bake", 0),
        ),
        (
            "ROLLBACK_IN_PROGRESS",
            {},
            "ROLLBACK_IN_PROGRESS: its new tasks have 0 % of the traffic, and it goes back",
            ("", None),
        ),
    ],
)
def test_status_says_how_far_a_shift_is(
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    fields: dict[str, Any],
    words: str,
    shown: tuple[str, int | None],
) -> None:
    aws = WithTestPort()
    aws.record("none")
    aws.service(aws.revision(1, f"@{digest('a')}"), digest("a"))
    percent = fields.pop("percent", 0.0)
    aws.shift(
        status,
        **{
            "updatedAt": SINCE,
            "deploymentConfiguration": {**CANARY, "bakeTimeInMinutes": 5},
            "targetServiceRevision": {"requestedProductionTrafficWeight": percent},
            **fields,
        },
    )
    aws.services["dev-web"]["loadBalancers"][0]["advancedConfiguration"]["testListenerRule"] = RULE
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))
    monkeypatch.setattr("delivery.commands.status.datetime", SimpleNamespace(now=lambda _: NOW))
    runner = CliRunner()
    lines = runner.invoke(main, ["status", "web", "--stack", "dev"]).output.splitlines()
    assert f"{'shift':<16} {words}" in lines
    assert f"{'test port':<16} https://web.example.com:8443" in lines
    found = json.loads(runner.invoke(main, ["status", "web", "--stack", "dev", "--json"]).output)["shift"]
    assert (found["waits_in"], found["minutes_left"]) == shown
    assert (found["deployment"], found["status"], found["percent"]) == (ARN, status, percent)
    aws.refuse["DescribeRules"] = RefusedError("AccessDenied")
    assert "test port" not in runner.invoke(main, ["status", "web", "--stack", "dev"]).output


def test_status_says_nothing_of_a_shift_where_there_is_none(aws: FakeAws, run: Any) -> None:
    aws.shift("SUCCESSFUL")
    assert not [line for line in run("status").output.splitlines() if line.startswith(("shift", "test port"))]


def test_where_ecs_rolls_the_way_back_is_told(aws: FakeAws, run: Any) -> None:
    aws.shift("SUCCESSFUL")
    latest = {"pipelineExecutionId": "run-9", "status": "InProgress"}
    aws.pipeline["stages"] = [{"stageName": "Deploy", "latestExecution": latest}]
    assert "is in flight; `delivery rollback web --to 1` deploys the last release again after it" in run("abort").output


@pytest.mark.parametrize("wait", [True, False])
def test_a_rollback_while_the_traffic_shifts_is_the_deployment_s_own(
    aws: FakeAws, run: Any, monkeypatch: pytest.MonkeyPatch, wait: bool
) -> None:
    before(aws)
    of_a_release(aws)
    monkeypatch.setattr("releases.waiting.time.sleep", lambda _: ended(aws))
    result = run("rollback", "--yes", *([] if wait else ["--no-wait"]))
    assert result.exit_code == 0, result.output
    answer = {"serviceDeploymentArn": ARN, "hookId": "ecs-pause-1", "action": "ROLLBACK"}
    assert asked(aws, "ContinueServiceDeployment") == [answer]
    assert asked(aws, "StartPipelineExecution") == []
    lines = result.output.splitlines()
    assert (
        lines[0]
        == "web: back from dev-web:1, which has 0 % of the traffic, to the image of release-1, whose tasks still run"
    )
    end = "dev-web:0 serves alone." if wait else "It goes back. Watch it: `delivery status web --stack dev --watch`"
    assert lines[-1] == end


def test_a_rollback_while_an_edit_shifts_is_no_release_s(aws: FakeAws, run: Any) -> None:
    before(aws)
    result = run("rollback", "--yes")
    assert result.exit_code == 1
    assert (
        "ECS shifts the traffic of web to an edit, not to a release: `delivery abort web --stack dev`" in result.output
    )
    assert asked(aws, "ContinueServiceDeployment") == asked(aws, "StopServiceDeployment") == []


def test_a_rollback_that_comes_too_late_says_so(aws: FakeAws, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new version serves: nothing has gone back."""
    before(aws)
    of_a_release(aws)

    def goes_on(_: float) -> None:
        aws.services["dev-web"]["deployments"] = aws.services["dev-web"]["deployments"][:1]
        aws.services["dev-web"]["deployments"][0] |= {"rolloutState": "COMPLETED", "runningCount": 1}
        aws.shifts[0]["status"] = "SUCCESSFUL"
        aws.pipeline["stages"] = []

    monkeypatch.setattr("releases.waiting.time.sleep", goes_on)
    result = run("rollback", "--yes")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "error: dev-web:1 was not rolled back, and serves; `delivery rollback web --stack dev`"
    )


@pytest.mark.parametrize("verb", [("abort", "--yes"), ("rollback", "--yes")])
def test_a_deployment_that_ends_before_it_is_stopped_is_an_error(
    aws: FakeAws, run: Any, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    before(aws)
    of_a_release(aws)
    aws.shift("IN_PROGRESS", lifecycleStage="BAKE_TIME", lifecycleHookDetails=[])
    monkeypatch.setattr("releases.service_deployments.roll_back", lambda *_: False)
    result = run(*verb)
    assert result.exit_code == 1
    assert "ECS does not roll back, because the deployment of web has ended meanwhile" in result.output


def of_a_release(aws: FakeAws) -> None:
    """The pipeline is in Deploy."""
    latest = {"status": "InProgress", "pipelineExecutionId": "e1"}
    aws.pipeline["stages"] = [{"stageName": "Deploy", "latestExecution": latest}]


def ended(aws: FakeAws) -> None:
    """It has gone back."""
    service = aws.services["dev-web"]
    service["deployments"] = [{**service["deployments"][-1], "status": "PRIMARY"}]
    service["taskDefinition"] = service["deployments"][0]["taskDefinition"]
    aws.shifts[0]["status"] = "ROLLBACK_SUCCESSFUL"
    aws.pipeline["stages"] = []
