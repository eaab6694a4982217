"""Following a release: how far its deployment is, what Ctrl-C leaves, and what is said after a failure."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click
import pytest
from click.testing import CliRunner
from delivery_aws import NOW, FakeAws, RefusedError, action, digest

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.executions import following
from delivery.executions.start import Course, Start
from delivery.output.terminal import StatusLine
from releases.errors import DeliveryError
from releases.failure import MARK
from releases.pipeline import Pipeline

A, B = digest("a"), digest("b")
LOG = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/dev-web", "awslogs-stream-prefix": "web"}}
LATER = NOW + timedelta(days=1)


class Aws(FakeAws):
    """An AWS whose tasks log, and whose balancer tells of its targets."""

    health: tuple[str, ...] = ()

    def _ListTasks(self, given: dict[str, Any]) -> dict[str, Any]:
        stopped = given.get("desiredStatus") == "STOPPED"
        return {"taskArns": [task["taskArn"] for task in self._of(given) if ("stoppedAt" in task) == stopped]}

    def _GetLogEvents(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"events": [{"message": f"{given['logStreamName']} {number}\n"} for number in range(given["limit"])]}

    def _DescribeTargetGroups(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"TargetGroups": [{"TargetGroupArn": given["TargetGroupArns"][0], "HealthCheckPath": "/healthz"}]}

    def _DescribeTargetHealth(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"TargetHealthDescriptions": [{"TargetHealth": {"State": state}} for state in self.health]}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The service `web` runs its release 1."""
    aws = Aws()
    aws.record("none")
    revision = aws.revision(1, f"@{A}", container={"logConfiguration": LOG})
    aws.image(A, "live", "release-1")
    aws.service(revision, A)
    aws.services["dev-web"]["loadBalancers"] = [{"targetGroupArn": "group"}]
    aws.release(1, A, revision, execution=aws.executing("Succeeded"))
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(following, "datetime", Clock)
    return aws


class Clock:
    @staticmethod
    def now(_: Any) -> datetime:
        return NOW


def fail_a_task(aws: Aws, stopped: datetime = LATER, reason: str = "Task failed ELB health checks") -> None:
    task = aws.task(aws.services["dev-web"]["taskDefinition"], B)
    task["containers"][0]["exitCode"] = 1
    aws.tasks.append({**task, "stoppedAt": stopped, "stoppedReason": reason, "startedBy": "ecs-svc/2"})


def follow(aws: Aws, execution: str) -> list[str]:
    said: list[str] = []
    session = aws.session()
    following.follow(session, "dev", "web", execution, said.append)
    return said


Change = Callable[[str], None]
"""Something that happens at AWS during an execution."""
DEPLOYS = action("Deploy", "Deploy", "Deploy", "InProgress")


def during(aws: Aws, monkeypatch: pytest.MonkeyPatch, *looks: Change) -> str:
    """An execution that is in Deploy, with something that happens at each pause of whoever follows it."""
    execution = aws.executing("InProgress", DEPLOYS)
    left = iter(looks)
    monkeypatch.setattr("time.sleep", lambda _: next(left)(execution))
    return execution


def end(aws: Aws, status: str, **fields: Any) -> Change:
    def over(execution: str) -> None:
        aws.pipeline["actions"][execution] = [action("Deploy", "Deploy", "Deploy", status, **fields)]
        next(e for e in aws.pipeline["executions"] if e["pipelineExecutionId"] == execution)["status"] = status

    return over


def deploying(aws: Aws, running: int, failed: int = 0) -> Change:
    def change(_: str) -> None:
        shown = {"rolloutState": "IN_PROGRESS", "runningCount": running, "desiredCount": 2, "failedTasks": failed}
        aws.services["dev-web"]["deployments"][0] |= shown

    return change


def test_what_ecs_does_is_told_when_it_changes(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.health = ("healthy", "initial", "healthy")
    deploying(aws, 0)("")
    execution = during(aws, monkeypatch, deploying(aws, 0), deploying(aws, 1, 1), end(aws, "Succeeded"))
    assert follow(aws, execution)[-1] == f"Execution {execution}: Succeeded"
    assert capsys.readouterr().out.splitlines() == [
        "deployment of dev-web:1: 0 of 2 tasks run; targets: 2 healthy, 1 initial",
        "deployment of dev-web:1: 1 of 2 tasks run, 1 failed; targets: 2 healthy, 1 initial",
    ]


def test_what_aws_does_not_tell_stops_nothing(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.refuse = {
        "DescribeServices": RefusedError("AccessDeniedException"),
        "GetParameterHistory": RefusedError("AccessDenied"),
    }
    assert follow(aws, during(aws, monkeypatch, end(aws, "Succeeded")))[-1].endswith("Succeeded")
    assert capsys.readouterr().out == ""


def test_a_failure_says_what_serves_what_the_task_said_and_what_to_do(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_a_task(aws, reason="Scaling activity initiated by (deployment x)")
    fail_a_task(aws, NOW - timedelta(hours=1), "an earlier one")
    fail_a_task(aws)
    with pytest.raises(DeliveryError) as failed:
        follow(aws, during(aws, monkeypatch, end(aws, "Failed", result={"errorDetails": {"message": "not\nstable"}})))
    assert str(failed.value) == "execution run-2 of dev-web ended as Failed: Deploy / Deploy: not stable"
    stream = aws.tasks[-1]["taskArn"].rpartition("/")[2]
    assert failed.value.more == [
        "release-1 still serves.",
        "Its last task stopped: Task failed ELB health checks (web exit code 1)",
        *(f"  | web: web/web/{stream} {number}" for number in range(10)),
        f"All of its log: `delivery logs web --stack dev --task {stream}`. Fix it and release again; "
        "`delivery status web --stack dev` says what runs.",
    ]


IN_FLIGHT = "deployment ecs-svc/1 of dev-web:1"
SETTLING = (
    f"{IN_FLIGHT} is in flight, and may bring back what ran before. It is followed to its end, for 30 min at most."
)


PAUSES = {"hookId": "h", "targetType": "PAUSE", "status": "AWAITING_ACTION"}
OTHER = {
    "stageName": "Deploy",
    "latestExecution": {"pipelineExecutionId": "other", "status": "InProgress"},
    "actionStates": [],
}


def settle(aws: Aws, running: int = 2) -> Change:
    """ECS has ended what it deployed, whatever that was."""

    def over(_: str) -> None:
        aws.services["dev-web"]["deployments"][0] |= {"rolloutState": "COMPLETED", "runningCount": running}

    return over


def test_after_a_failure_what_ecs_deploys_is_followed_to_its_end(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CodePipeline's action fails at once when ECS begins to roll back, and after so many minutes while ECS goes on."""

    def fail(execution: str) -> None:
        deploying(aws, 0)("")
        end(aws, "Failed")(execution)

    execution = during(aws, monkeypatch, fail, deploying(aws, 1), settle(aws))
    said: list[str] = []
    with pytest.raises(DeliveryError) as failed:
        following.follow(aws.session(), "dev", "web", execution, said.append)
    assert said[-3:] == [f"Execution {execution}: Failed", str(failed.value), SETTLING]
    assert capsys.readouterr().out.splitlines() == [
        "deployment of dev-web:1: 0 of 2 tasks run",
        "deployment of dev-web:1: 1 of 2 tasks run",
    ]
    assert failed.value.more[0] == "release-1 still serves."


@pytest.mark.parametrize(
    ("actions", "change"),
    [
        ([action("Build", "Build", "Build", "Failed")], lambda aws: deploying(aws, 1)("")),
        ([action("Deploy", "Migrate", "Invoke", "Failed")], lambda aws: deploying(aws, 1)("")),
        ([action("Deploy", "Deploy", "Deploy", "Failed")], lambda aws: aws.shift("IN_PROGRESS", lifecycleHookDetails=[PAUSES])),
        ([action("Deploy", "Deploy", "Deploy", "Failed")], lambda aws: aws.pipeline.update(stages=[OTHER])),
    ],
    ids=["of another writer, as it has failed before", "nor has a migration deployed", "somebody is asked", "another release"],
)  # fmt: skip
def test_what_else_is_in_flight_after_a_failure_is_not_followed(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, actions: list[dict[str, Any]], change: Callable[[Aws], None]
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it is followed"))
    execution = aws.executing("Failed", *actions)
    change(aws)
    said: list[str] = []
    with pytest.raises(DeliveryError) as failed:
        following.follow(aws.session(), "dev", "web", execution, said.append)
    assert not [line for line in said if "It is followed" in line]
    assert " is still in flight" in failed.value.more[0]


def test_what_ecs_deploys_after_a_failure_is_followed_for_half_an_hour(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10**6, 600))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    deploying(aws, 1)("")
    with pytest.raises(DeliveryError) as failed:
        follow(aws, aws.executing("Failed", action("Deploy", "Deploy", "Deploy", "Failed")))
    assert failed.value.more[0] == (
        f"{IN_FLIGHT} is still in flight, so ECS may be about to bring back what ran before; "
        "wait until it is over, as `delivery status web --stack dev --watch` shows."
    )


def test_ctrl_c_after_a_failure_says_the_cause_and_how_to_watch(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    deploying(aws, 1)("")
    monkeypatch.setattr("time.sleep", interrupt)
    said: list[str] = []
    failed = action("Deploy", "Deploy", "Deploy", "Failed", result={"errorDetails": {"message": "not stable"}})
    with pytest.raises(KeyboardInterrupt):
        following.follow(aws.session(), "dev", "web", aws.executing("Failed", failed), said.append)
    assert said[-3:] == [
        "Deployment ecs-svc/1 goes on. Watch it: `delivery status web --stack dev --watch`",
        "To return to release-1 after it: `delivery rollback web --stack dev --to 1`",
        "execution run-2 of dev-web ended as Failed: Deploy / Deploy: not stable",
    ]


@pytest.mark.parametrize("looks", ["read_state", "after_failure"])
def test_ctrl_c_while_aws_is_asked_after_a_failure_says_the_cause(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, looks: str
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(following, looks, interrupt)
    said: list[str] = []
    failed = action("Deploy", "Deploy", "Deploy", "Failed", result={"errorDetails": {"message": "not stable"}})
    with pytest.raises(KeyboardInterrupt):
        following.follow(aws.session(), "dev", "web", aws.executing("Failed", failed), said.append)
    assert said[-1] == "execution run-2 of dev-web ended as Failed: Deploy / Deploy: not stable"


@pytest.mark.parametrize(
    ("change", "serves"),
    [
        (lambda aws: aws.service(aws.services["dev-web"]["taskDefinition"], None), "No task runs, so nothing serves."),
        (lambda aws: aws.tasks[0]["containers"][0].update(imageDigest=B), f"{B[:19]} serves."),
        (lambda aws: deploying(aws, 1)(""), "deployment ecs-svc/1 of dev-web:1 is still in flight, so ECS may be about to bring back what ran before; wait until it is over, as `delivery status web --stack dev --watch` shows."),
    ],
)  # fmt: skip
def test_what_serves_after_a_failure(aws: Aws, change: Callable[[Aws], None], serves: str) -> None:
    change(aws)
    assert next(iter(following.after_failure(aws.session(), "dev", "web", NOW))) == serves


GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/1"
CODES = "Health checks failed with these codes: [404]"
UNHEALTHY = f"(service dev-web) (task abc) (port 4000) is unhealthy in (target-group {GROUP}) due to (reason {CODES})"
ASKED = f"The load balancer asked for /healthz at port 4000: {CODES}."


def test_what_the_load_balancer_asked_for_and_got_is_said(aws: Aws) -> None:
    stopped = aws.task(aws.services["dev-web"]["taskDefinition"], B, "service:dev-web")
    aws.tasks.append({**stopped, "stoppedAt": LATER, "stoppedReason": "Task failed ELB health checks"})
    aws.services["dev-web"]["events"] = [{"message": UNHEALTHY, "createdAt": NOW}]
    assert ASKED in following.after_failure(aws.session(), "dev", "web", NOW)
    assert ASKED not in following.after_failure(aws.session(), "dev", "web", NOW + timedelta(seconds=1))


def test_what_the_cause_says_is_not_said_again_below_it(aws: Aws) -> None:
    stopped = aws.task(aws.services["dev-web"]["taskDefinition"], B, "service:dev-web")
    aws.tasks.append({**stopped, "stoppedAt": LATER, "stoppedReason": "Task failed ELB health checks"})
    aws.services["dev-web"]["events"] = [{"message": UNHEALTHY, "createdAt": NOW}]
    deploy = action("Deploy", "Deploy", "Deploy", "Failed", startTime=NOW, lastUpdateTime=NOW)
    deploy["input"] = {
        "actionTypeId": {"category": "Deploy", "provider": "ECS"},
        "configuration": {"ClusterName": "dev", "ServiceName": "dev-web"},
    }
    execution = aws.executing("Failed", deploy)
    with pytest.raises(DeliveryError, match=re.escape(f"Deploy / Deploy: {ASKED}")) as failed:
        following.follow(aws.session(), "dev", "web", execution, lambda _: None)
    assert [line for line in failed.value.more if line.startswith("The load balancer")] == []


def test_a_failed_migration_is_the_task_that_failed(aws: Aws) -> None:
    task = aws.task(aws.revision(1, "@x", family="dev-web-migrate"), A, "family:dev-web-migrate")
    task["containers"][0]["exitCode"] = 3
    aws.tasks.append({**task, "stoppedAt": LATER, "stoppedReason": "Essential container in task exited"})
    lines = list(following.after_failure(aws.session(), "dev", "web", NOW))
    assert lines[1] == "Its last task stopped: Essential container in task exited (web exit code 3)"


def test_who_may_see_nothing_is_told_what_to_do(aws: Aws) -> None:
    aws.refuse = {"DescribeServices": RefusedError("AccessDeniedException")}
    (line,) = following.after_failure(aws.session(), "dev", "web", NOW)
    assert line.startswith("All of its log: `delivery logs web --stack dev --since 1h`")


@pytest.mark.parametrize("shifts", [False, True])
def test_ctrl_c_leaves_the_release_and_says_how_to_watch_and_end_it(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, shifts: bool
) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    if shifts:
        aws.shift("IN_PROGRESS")
    monkeypatch.setattr("time.sleep", interrupt)
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))
    monkeypatch.setattr(
        "delivery.commands.redeploy.plan", lambda *_: Start("dev", "web", A, "web: deploys A", Course())
    )
    done = CliRunner().invoke(main, ["redeploy", "web", "--stack", "dev", "--yes"])
    end_it = (
        "To have it go back: `delivery abort web --stack dev`"
        if shifts
        else "To return to release-1 after it: `delivery rollback web --stack dev --to 1`"
    )
    assert done.exit_code == 130
    assert done.stdout.splitlines()[-2:] == [
        "Execution run-2 goes on. Watch it: `delivery status web --stack dev --watch`",
        end_it,
    ]
    assert done.stderr.splitlines()[-1] == "interrupted; what was started at AWS goes on"


def test_credentials_that_expire_meanwhile_leave_the_release_and_say_how_to_watch_it(aws: Aws) -> None:
    """Whoever ran the command again, as is said otherwise, would start another one."""
    execution = aws.executing("InProgress", DEPLOYS)
    aws.refuse["GetPipelineExecution"] = RefusedError("ExpiredTokenException")
    with pytest.raises(DeliveryError) as left:
        follow(aws, execution)
    assert str(left.value).startswith(f"execution {execution} is followed no longer: ")
    assert "ExpiredTokenException" in str(left.value)
    assert left.value.more == [
        f"Execution {execution} goes on. Watch it: `delivery status web --stack dev --watch`",
        "To return to release-1 after it: `delivery rollback web --stack dev --to 1`",
    ]


def test_the_lines_below_an_error_are_printed(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    def fail(*_: Any) -> None:
        raise DeliveryError("it failed", ["one", "two"])

    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))
    monkeypatch.setattr("delivery.commands.live.live", fail)
    done = CliRunner().invoke(main, ["live", "web", "--stack", "dev"])
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "error: it failed\none\ntwo\n")


def test_the_usual_time_is_the_median_of_the_last_releases(aws: Aws) -> None:
    session = aws.session()
    assert following.usual_seconds(session, "dev", "web", Pipeline(session, "dev-web")) == 90
    aws.parameters["/fargate-delivery/dev/web/release"].versions[:] = ["none"]
    assert following.usual_seconds(session, "dev", "web", Pipeline(session, "dev-web")) is None


@pytest.mark.parametrize(
    ("seconds", "usual", "words"),
    [
        (30, 60.0, "[##########..........] 30 s of usually 1 min"),
        (90, 60.0, "[####################] 1 min of usually 1 min"),
        (0, 60.0, "[....................] 0 s of usually 1 min"),
        (30, None, "30 s"),
    ],
)
def test_the_bar(seconds: float, usual: float | None, words: str) -> None:
    assert following.bar(seconds, usual) == words


def test_a_terminal_has_one_line_written_over_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("delivery.output.terminal.width", lambda **_: 12)
    line = StatusLine()
    line.clear()
    line.show("how far it is", "[#]")
    line.clear()
    assert click.unstyle(capsys.readouterr().out) == "\r[#] how far\r"


def test_a_failed_build_shows_the_end_of_its_log(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it marks as the cause is said already, and CodeBuild's own lines say nothing."""
    said = ["[Container] Running command a", *(f"line {number}" for number in range(21)), f"{MARK}line 21"]
    kind = {"actionTypeId": {"category": "Build", "provider": "CodeBuild"}}
    failed = action("Build", "Build", "Build", "Failed", input=kind, result={"externalExecutionId": "p:1"})
    execution = aws.executing("Failed", failed)
    place = {"groupName": "g", "streamName": "s"}
    monkeypatch.setattr(aws, "_BatchGetBuilds", lambda _: {"builds": [{"logs": place}]}, raising=False)
    monkeypatch.setattr(aws, "_GetLogEvents", lambda _: {"events": [{"message": f"{line}\n"} for line in said]})
    with pytest.raises(DeliveryError) as error:
        follow(aws, execution)
    assert error.value.more[:-1] == ["release-1 still serves.", *(f"  | line {number}" for number in range(1, 21))]
    assert error.value.more[-1].startswith("All of its log: `delivery logs web --stack dev --delivery`. Fix it")
