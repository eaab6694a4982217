"""What starts a run of a job, with which image and settings, and what becomes of one that fails."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from pipeline_steps_fakes import FakeSession, error

from pipeline_steps import jobs
from pipeline_steps.job_settings import VARIABLE, JobCommand, JobSettings
from pipeline_steps.jobs import BY_HAND, SCHEDULED, Jobs, Run, token_of
from releases.command_task import JOB_LABEL
from releases.events import JOB_FAILED, JOB_SKIPPED
from releases.names import job_family
from releases.record import Release

Json = dict[str, Any]
SETTINGS = JobSettings(
    name="dev-web", cluster="dev", service="dev-web", controller="ECS", containers=("web", "worker"),
    repository_uri="registry/web", record="/record", function="arn:function", schedule_group="dev-web",
    schedule_role="arn:role",
    jobs={"clean": JobCommand(("bin/clean", "--old"), 30, 1), "import": JobCommand(("bin/import",), 5, 0)},
)  # fmt: skip
RELEASE = Release(3, "sha256:released", "dev-web:7", "print", "v1", "execution", "now")
SERVICE = {
    "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}],
    "launchType": "FARGATE",
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
    "tags": [{"key": "team", "value": "web"}, {"key": "aws:cloudformation:stack-name", "value": "x"}],
}
AWSLOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/dev-web", "awslogs-stream-prefix": "web"}}
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def deployment(revision: str, status: str = "PRIMARY", state: str = "COMPLETED") -> Json:
    return {"id": revision, "taskDefinition": revision, "status": status, "rolloutState": state, "createdAt": NOW}


class Aws:
    """A service, its release, and the tasks of its jobs."""

    def __init__(
        self,
        deployments: Sequence[Json] = (deployment("dev-web:8"),),
        record: str = RELEASE.value(),
        settings: JobSettings = SETTINGS,
        log: Sequence[str] = (),
    ) -> None:
        self.service: Json = {**SERVICE, "deployments": list(deployments)}
        self.definitions = {f"dev-web:{number}": definition(number) for number in (7, 8, 9)}
        self.running: dict[str, list[Json]] = {}
        self.refused: Any = None
        self.schedule_refused: Any = None
        self.failures: list[Json] = []
        self.aws = FakeSession({
            "GetParameter": lambda _: {"Parameter": {"Value": record}},
            "DescribeServices": lambda _: {"services": [self.service]},
            "DescribeTaskDefinition": self._describe,
            "RegisterTaskDefinition": self._register,
            "RunTask": self._run,
            "StopTask": lambda _: self.refused or {},
            "DescribeTasks": lambda given: {"tasks": [t for ts in self.running.values() for t in ts if t["taskArn"] in given["tasks"]]},
            "CreateSchedule": lambda _: self.schedule_refused or {},
            "GetLogEvents": lambda _: {"events": [{"message": line} for line in log]},
        })  # fmt: skip
        self.aws.answers["ListTasks"] = lambda given: {
            "taskArns": [
                t["taskArn"]
                for t in self.running.get(given["family"], [])
                if t.get("desiredStatus", "RUNNING") == given["desiredStatus"]
            ]
        }
        self.jobs = Jobs(cast(boto3.Session, self.aws), settings)

    def _describe(self, given: Json) -> Any:
        name = given["taskDefinition"]
        found = [key for key in self.definitions if key == name or key.rpartition(":")[0] == name]
        return {"taskDefinition": self.definitions[found[-1]]} if found else error("ClientException")

    def _register(self, given: Json) -> Json:
        arn = f"{given['family']}:{1 + sum(key.startswith(given['family'] + ':') for key in self.definitions)}"
        self.definitions[arn] = {**given, "taskDefinitionArn": arn}
        return {"taskDefinition": self.definitions[arn]}

    def _run(self, given: Json) -> Any:
        if self.refused:
            return self.refused
        task = {"taskArn": f"task/dev/{given['clientToken']}", "startedBy": given["startedBy"], "lastStatus": "RUNNING"}
        if self.failures:
            return {"tasks": [], "failures": self.failures}
        self.running[given["taskDefinition"].rpartition(":")[0]] = [task]
        return {"tasks": [task], "failures": []}

    @property
    def counted(self) -> list[str]:
        """The metrics that were written, each of one run of the service's."""
        of_service = [{"Name": "PipelineName", "Value": "dev-web"}]
        put = self.aws.called("PutMetricData")
        assert all(each["Namespace"] == "fargate-delivery" for each in put)
        data = [metric for each in put for metric in each["MetricData"]]
        assert all((each["Value"], each["Unit"], each["Dimensions"]) == (1.0, "Count", of_service) for each in data)
        return [each["MetricName"] for each in data]

    @property
    def told(self) -> list[tuple[str, Json]]:
        entries = [given["Entries"][0] for given in self.aws.called("PutEvents")]
        assert {entry["Source"] for entry in entries} <= {"fargate-delivery"}
        return [(entry["DetailType"], json.loads(entry["Detail"])) for entry in entries]


def definition(number: int) -> Json:
    """The service's task definition; otel is essential to it."""
    return {
        "family": "dev-web", "cpu": str(256 * number), "revision": number, "taskDefinitionArn": f"dev-web:{number}",
        "containerDefinitions": [
            {"name": "web", "image": "registry/web@sha256:other", "logConfiguration": AWSLOGS, "healthCheck": {"command": ["true"]}},
            {"name": "worker", "image": "registry/web@sha256:other"},
            {"name": "otel", "image": "otel"},
        ],
    }  # fmt: skip


def run(by: str = SCHEDULED, key: str = "t1") -> Run:
    return Run(by, 1, key)


def stopped(started_by: str = "schedule/1/t1", code: int | None = 7, **changes: Any) -> Json:
    """The detail of ECS's event of a task that has ended."""
    container = {"name": "web", "lastStatus": "STOPPED", **({"exitCode": code} if code is not None else {})}
    return {
        "taskArn": "task/dev/1", "taskDefinitionArn": "dev-web:8", "group": "family:dev-web_clean", "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED", "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
        "startedBy": started_by, "containers": [container], "createdAt": "2026-03-01T12:00:00Z", **changes,
    }  # fmt: skip


def test_a_run_has_the_released_image_and_the_settings_that_the_service_runs() -> None:
    aws = Aws()
    assert aws.jobs.run("clean", run()) == {"task": "task/dev/t1"}
    (registered,) = aws.aws.called("RegisterTaskDefinition")
    web, otel = registered["containerDefinitions"]
    assert (registered["family"], registered["cpu"]) == ("dev-web_clean", "2048")
    assert (web["image"], web["command"]) == ("registry/web@sha256:released", ["bin/clean", "--old"])
    assert "healthCheck" not in web
    assert len(web["dockerLabels"][JOB_LABEL]) == 32
    assert (otel["image"], otel["essential"]) == ("otel", False)
    (asked,) = aws.aws.called("RunTask")
    assert asked == {
        "cluster": "dev", "taskDefinition": "dev-web_clean:1", "startedBy": "schedule/1/t1", "clientToken": "t1",
        "networkConfiguration": SERVICE["networkConfiguration"],
        "tags": [{"key": "team", "value": "web"}],
        "enableECSManagedTags": True,
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("deployments", "revision"),
    [
        ([deployment("dev-web:8")], 8),
        ([deployment("dev-web:9", state="IN_PROGRESS"), deployment("dev-web:8", "ACTIVE")], 8),
        ([deployment("dev-web:9"), deployment("dev-web:8", "ACTIVE")], 8),
        ([deployment("dev-web:8"), deployment("dev-web:9", "ACTIVE", "FAILED")], 8),
        ([deployment("dev-web:9", state="IN_PROGRESS")], 7),
        ([deployment("dev-web:9", state="IN_PROGRESS"), deployment("dev-web:8", "ACTIVE", "FAILED")], 7),
    ],
)
def test_its_settings_are_those_of_a_deployment_that_is_proven(deployments: list[Json], revision: int) -> None:
    aws = Aws(deployments)
    aws.jobs.run("clean", run())
    assert aws.aws.called("RegisterTaskDefinition")[0]["cpu"] == str(256 * revision)


def test_where_code_deploy_deploys_they_are_those_of_the_release() -> None:
    settings = JobSettings(**{**SETTINGS.__dict__, "controller": "CODE_DEPLOY"})
    aws = Aws([], settings=settings)
    aws.jobs.run("clean", run())
    assert aws.aws.called("RegisterTaskDefinition")[0]["cpu"] == str(256 * 7)


def test_a_revision_is_registered_only_where_something_has_changed() -> None:
    aws = Aws()
    for token in ("t1", "t2"):
        aws.running.clear()
        aws.jobs.run("clean", run(key=token))
    assert [each["taskDefinition"] for each in aws.aws.called("RunTask")] == ["dev-web_clean:1", "dev-web_clean:1"]
    aws.running.clear()
    aws.service["deployments"] = [deployment("dev-web:9")]
    aws.jobs.run("clean", run(key="t3"))
    assert aws.aws.called("RunTask")[-1]["taskDefinition"] == "dev-web_clean:2"


def test_a_run_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return NOW

    monkeypatch.setattr(jobs, "datetime", Clock)
    aws = Aws()
    aws.jobs.run("clean", run())
    (asked,) = aws.aws.called("CreateSchedule")
    assert asked == {
        "GroupName": "dev-web", "Name": "stop-t1", "ScheduleExpression": "at(2026-03-01T12:30:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"}, "ActionAfterCompletion": "DELETE",
        "Target": {"Arn": "arn:function", "RoleArn": "arn:role", "Input": '{"stop": "task/dev/t1", "minutes": 30}'},
    }  # fmt: skip


def test_an_event_that_comes_twice_starts_one_run_and_gives_it_its_limit() -> None:
    aws = Aws()
    aws.schedule_refused = error("ConflictException")
    assert aws.jobs.run("clean", run()) == aws.jobs.run("clean", run()) == {"task": "task/dev/t1"}
    assert (len(aws.aws.called("RunTask")), len(aws.aws.called("CreateSchedule"))) == (1, 2)
    assert aws.told == []


def test_a_token_of_another_revision_is_the_run_that_there_is() -> None:
    aws = Aws()
    aws.refused = error("ConflictException", resourceIds=["task/dev/earlier"])
    assert aws.jobs.run("clean", run()) == {"task": "task/dev/earlier"}


@pytest.mark.parametrize(("by", "told"), [(SCHEDULED, [JOB_SKIPPED]), (BY_HAND, [])])
def test_while_a_run_goes_on_another_one_is_left_out(by: str, told: list[str]) -> None:
    aws = Aws()
    aws.jobs.run("clean", run())
    assert aws.jobs.run("clean", run(by, "t2")) == {"reason": "The previous run goes on in task/dev/t1"}
    assert len(aws.aws.called("RunTask")) == 1
    assert [kind for kind, _ in aws.told] == told
    assert all(
        d
        == {
            "pipeline": "dev-web",
            "job": "clean",
            "reason": "The previous run goes on in task/dev/t1",
            "task": "task/dev/t1",
        }
        for _, d in aws.told
    )
    assert aws.jobs.run("import", run(key="t3")) == {"task": "task/dev/t3"}, "another job does not wait"


@pytest.mark.parametrize(("last", "starts"), [("DEACTIVATING", False), ("STOPPED", True)])
def test_a_run_goes_on_until_its_task_has_stopped(last: str, starts: bool) -> None:
    """One that is to stop may work for two minutes yet."""
    aws = Aws()
    task = {"taskArn": "task/dev/1", "startedBy": "x", "desiredStatus": "STOPPED", "lastStatus": last}
    aws.running[job_family("dev-web", "clean")] = [task]
    assert ("task" in aws.jobs.run("clean", Run(BY_HAND, 1, "t"))) is starts


def test_a_run_that_can_have_no_limit_is_stopped() -> None:
    aws = Aws()
    aws.schedule_refused = error("ServiceQuotaExceededException", "CreateSchedule")
    reason = aws.jobs.run("clean", Run(SCHEDULED, 1, "t"))["reason"]
    assert reason.startswith("It is being stopped, because it would have had no time limit: ")
    (stopped,) = aws.aws.called("StopTask")
    assert (stopped["task"], stopped["reason"]) == ("task/dev/t", "It would have had no time limit")
    assert aws.told == [], "its end tells"


@pytest.mark.parametrize(
    ("by", "operation", "told"),
    [(SCHEDULED, "GetParameter", [JOB_FAILED]), (SCHEDULED, "ListTasks", [JOB_FAILED]), (BY_HAND, "GetParameter", [])],
)
def test_a_run_for_which_aws_cannot_be_asked_is_told(by: str, operation: str, told: list[str]) -> None:
    aws = Aws()
    aws.aws.answers[operation] = lambda _: error("AccessDeniedException", operation)
    reason = aws.jobs.run("clean", run(by))["reason"]
    assert reason.startswith("It was not started: ")
    assert "AccessDeniedException" in reason
    assert aws.aws.called("RunTask") == []
    assert [(kind, detail["reason"]) for kind, detail in aws.told] == [(kind, reason) for kind in told]


def test_what_may_pass_is_lambda_s_to_try_again() -> None:
    aws = Aws()
    aws.aws.answers["GetParameter"] = lambda _: error("ThrottlingException", "GetParameter")
    with pytest.raises(ClientError, match="ThrottlingException"):
        aws.jobs.run("clean", run(SCHEDULED))
    assert aws.told == []


def test_a_run_that_is_started_already_and_can_have_no_limit_is_stopped() -> None:
    aws = Aws()
    aws.jobs.run("clean", run())
    aws.schedule_refused = error("ThrottlingException", "CreateSchedule")
    assert aws.jobs.run("clean", run())["reason"].startswith("It is being stopped, because it would have had no time")
    assert [each["task"] for each in aws.aws.called("StopTask")] == ["task/dev/t1"]
    assert len(aws.aws.called("RunTask")) == 1


def test_nothing_runs_before_the_first_release() -> None:
    aws = Aws(record="none")
    assert aws.jobs.run("clean", run()) == {"reason": "Nothing was released yet"}
    assert (aws.aws.called("RunTask"), aws.told) == ([], [])


def test_a_job_that_there_is_not() -> None:
    assert Aws().jobs.run("other", run(BY_HAND)) == {"reason": "There is no job other; there is clean, import"}


@pytest.mark.parametrize(("by", "told"), [(SCHEDULED, [JOB_FAILED]), (BY_HAND, [])])
def test_a_run_that_ecs_does_not_start_is_told(by: str, told: list[str]) -> None:
    aws = Aws()
    aws.failures = [{"reason": "Capacity is unavailable at this time"}]
    reason = "It was not started: Capacity is unavailable at this time"
    assert aws.jobs.run("clean", run(by)) == {"reason": reason}
    assert [(kind, detail["reason"]) for kind, detail in aws.told] == [(kind, reason) for kind in told]


def test_a_run_that_fails_is_tried_again_as_often_as_it_may() -> None:
    aws = Aws(log=["starting", "the table is locked"])
    aws.jobs.look(stopped())
    (asked,) = aws.aws.called("RunTask")
    assert (asked["startedBy"], asked["clientToken"]) == (
        f"schedule/2/{token_of('task/dev/1')}",
        token_of("task/dev/1"),
    )
    assert aws.told == []
    aws.running.clear()
    aws.jobs.look(stopped(f"schedule/2/{token_of('task/dev/1')}", taskArn="task/dev/2"))
    assert len(aws.aws.called("RunTask")) == 1
    assert aws.told == [(JOB_FAILED, {
        "pipeline": "dev-web", "job": "clean", "task": "task/dev/2",
        "reason": "It ended with exit code 7: the table is locked. Its log: /ecs/dev-web, stream web/web/2",
    })]  # fmt: skip


def test_an_end_that_is_told_twice_is_tried_again_once() -> None:
    aws = Aws()
    aws.jobs.look(stopped())
    aws.jobs.look(stopped())
    assert len(aws.aws.called("RunTask")) == 1


def test_what_cannot_be_tried_again_is_told_with_its_first_cause() -> None:
    aws = Aws(log=["the table is locked"])
    aws.running["dev-web_clean"] = [{"taskArn": "task/dev/9", "startedBy": "schedule/1/next", "lastStatus": "RUNNING"}]
    aws.jobs.look(stopped())
    ((kind, detail),) = aws.told
    assert kind == JOB_FAILED
    assert detail["reason"] == (
        "It ended with exit code 7: the table is locked. Its log: /ecs/dev-web, stream web/web/1. It was not tried "
        "again: The previous run goes on in task/dev/9"
    )


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        (stopped("hand/1/t1"), "It ended with exit code 7: last words. Its log: /ecs/dev-web, stream web/web/1"),
        (
            stopped("hand/1/t1", 0, stopCode="UserInitiated", stoppedReason="The job did not end in 30 min"),
            "It ended with exit code 0: The job did not end in 30 min; last line: last words. Its log: /ecs/dev-web, stream web/web/1",
        ),
        (stopped("hand/1/t1", None, stopCode="TaskFailedToStart", stoppedReason="CannotPullContainerError"), "It did not run: CannotPullContainerError"),
    ],
)  # fmt: skip
def test_why_a_run_has_failed(detail: Json, reason: str) -> None:
    aws = Aws(log=["last words"])
    aws.jobs.look(detail)
    assert [(kind, told["reason"]) for kind, told in aws.told] == [(JOB_FAILED, reason)]
    assert aws.aws.called("RunTask") == [], "by hand nothing is tried again"


def test_each_run_is_counted_once_when_it_has_ended_for_good() -> None:
    aws = Aws()
    aws.jobs.look(stopped(code=0))
    assert aws.counted == ["SucceededJobs"]
    aws.jobs.look(stopped())
    assert aws.counted == ["SucceededJobs"], "it is tried again"
    aws.jobs.run("clean", run(SCHEDULED, "t2"))
    assert aws.counted == ["SucceededJobs", "SkippedJobs"]
    aws.jobs.look(stopped("hand/1/t1"))
    assert aws.counted == ["SucceededJobs", "SkippedJobs", "FailedJobs"]
    aws.jobs.look(stopped(group="family:dev-web"))
    assert len(aws.counted) == 3


def test_what_cannot_be_counted_is_told_all_the_same() -> None:
    aws = Aws()
    aws.aws.answers["PutMetricData"] = lambda _: error("Throttling")
    aws.jobs.look(stopped("hand/1/t1"))
    assert [kind for kind, _ in aws.told] == [JOB_FAILED]


@pytest.mark.parametrize(
    "detail",
    [
        stopped(code=0),
        stopped(group="family:dev-web"),
        stopped(group="family:dev-web_other"),
        stopped(group="service:dev-web_clean"),
        stopped(lastStatus="RUNNING"),
        stopped("somebody"),
    ],
)
def test_ends_that_nobody_is_told_of(detail: Json) -> None:
    aws = Aws()
    aws.jobs.look(detail)
    assert (aws.told, aws.aws.called("RunTask")) == ([], [])


@pytest.mark.parametrize(
    ("minutes", "reason"), [(45, "The job did not end in 45 min"), (None, "The job did not end in time")]
)
def test_a_run_that_takes_too_long_is_stopped(minutes: int | None, reason: str) -> None:
    """By what its schedule says, so one of a job that was changed or taken away since, too."""
    aws = Aws(settings=JobSettings(**{**SETTINGS.__dict__, "jobs": {}}))
    aws.jobs.stop("task/dev/1", minutes)
    (asked,) = aws.aws.called("StopTask")
    assert asked == {"cluster": "dev", "task": "task/dev/1", "reason": reason}
    aws.refused = error("InvalidParameterException")
    aws.jobs.stop("task/dev/1", minutes)


def test_what_the_function_is_called_for(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Aws()
    monkeypatch.setenv(VARIABLE, json.dumps(dataclasses.asdict(SETTINGS)))
    monkeypatch.setattr(jobs, "share_clients", lambda _: aws.aws)
    hand = jobs.handle({"job": "clean", "token": "abc", "by": "hand"}, None)
    token = token_of("clean abc")
    assert hand == {"task": f"task/dev/{token}"}
    assert aws.aws.called("RunTask")[0]["startedBy"] == f"hand/1/{token}"
    assert jobs.handle({"job": "import", "token": "2026-03-01T03:00:00Z"}, None) == {
        "task": f"task/dev/{token_of('import 2026-03-01T03:00:00Z')}"
    }
    assert aws.aws.called("RunTask")[1]["startedBy"].startswith("schedule/1/")
    assert jobs.handle({"stop": "task/dev/1", "minutes": 30}, None) is None
    assert jobs.handle({"job": "clean", "stop": "task/dev/2"}, None) is None, "a schedule of the version before"
    assert [(each["task"], each["reason"]) for each in aws.aws.called("StopTask")] == [
        ("task/dev/1", "The job did not end in 30 min"),
        ("task/dev/2", "The job did not end in time"),
    ]
    assert jobs.handle({"detail": stopped("hand/1/t")}, None) is None
    assert [kind for kind, _ in aws.told] == [JOB_FAILED]


def test_who_has_started_a_run() -> None:
    assert Run.parse("schedule/2/abc") == Run("schedule", 2, "abc")
    assert Run.parse(Run("hand", 1, "x").started_by) == Run("hand", 1, "x")
    assert [Run.parse(text) for text in ("", "ecs-svc/1", "schedule/x/abc", "other/1/abc")] == [None] * 4
