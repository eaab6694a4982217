"""What starts a migration, what ends one, and what is told of its failure."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import boto3
import pytest
from pipeline_steps_fakes import FakeSession, error

from pipeline_steps import command_run, migrate
from pipeline_steps.command_definition import ESSENTIAL_LABEL
from pipeline_steps.job import Done, Job, StepError, Waiting
from pipeline_steps.settings import Migration, Settings

Json = dict[str, Any]
NOW = 1_700_000_000.0
SETTINGS = Settings(
    pipeline="dev-web", cluster="dev", service="dev-web", controller="ECS", containers=("web", "worker"),
    sidecars=("otel", "init"), minimum_tasks=1, deploy_minutes=15, repository="web", record="/record",
    repository_uri="registry/web", migration=Migration(("bin/migrate", "up"), 10, "dev-web-migrate"),
)  # fmt: skip
AWSLOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/dev-web", "awslogs-stream-prefix": "web"}}
SERVICE = {
    "taskDefinition": "dev-web:7",
    "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}],
    "launchType": "FARGATE",
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
    "tags": [{"key": "team", "value": "web"}, {"key": "aws:cloudformation:stack-name", "value": "x"}],
}
LOG = "Its log: /ecs/dev-web, stream web/web/"


def definition(logging: Json = AWSLOGS) -> Json:
    """The service's task definition; otel is essential to it, init is not."""
    return {
        "family": "dev-web", "cpu": "256", "revision": 7,
        "containerDefinitions": [
            {"name": "web", "image": "registry/web:live", "logConfiguration": logging},
            {"name": "worker", "image": "registry/web:live"},
            {"name": "otel", "image": "otel"},
            {"name": "init", "image": "init", "essential": False},
        ],
    }  # fmt: skip


class Ecs:
    """A cluster: RunTask starts a task for each client token, and tests say what becomes of it."""

    def __init__(self, service: Json | None = None, log: Sequence[str] = (), logging: Json = AWSLOGS) -> None:
        self.service, self.log = {**SERVICE, **(service or {})}, log
        self.tasks: dict[str, Json] = {}
        self.requests: dict[str, Json] = {}
        self.definitions = {"dev-web:7": definition(logging)}
        self.failures: list[Json] = []
        self.hidden = False
        self.aws = FakeSession({
            "DescribeServices": lambda _: {"services": [self.service]},
            "DescribeTaskDefinition": lambda given: {"taskDefinition": self.definitions[given["taskDefinition"]]},
            "RegisterTaskDefinition": self._register,
            "RunTask": self._run,
            "ListTasks": self._list,
            "DescribeTasks": self._describe,
            "StopTask": self._stop,
            "GetLogEvents": lambda _: {"events": [{"message": line} for line in self.log]},
        })  # fmt: skip

    def task(self, number: int = 1) -> Json:
        return self.tasks[f"task/{number}"]

    def is_now(
        self, status: str, desired: str = "RUNNING", number: int = 1, **containers: tuple[str, int | None]
    ) -> None:
        """A task's state, with the status and the exit code of its containers."""
        self.task(number).update(
            lastStatus=status,
            desiredStatus=desired,
            containers=[
                {"name": name, "lastStatus": state, **({} if code is None else {"exitCode": code})}
                for name, (state, code) in containers.items()
            ],
        )

    def ends(self, code: int | None = 0, number: int = 1, reason: str = "", **fields: Any) -> None:
        """A task's end, by the end of its migration unless the fields say otherwise."""
        self.is_now("STOPPED", "STOPPED", number, web=("STOPPED", code), otel=("STOPPED", 137))
        self.task(number)["containers"][0] |= {"reason": reason} if reason else {}
        ended = {"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited"}
        self.tasks[f"task/{number}"] = {**ended, **self.task(number), **fields}

    def starts(self, by: str) -> str:
        """A migration that somebody has started."""
        arn = f"task/{len(self.tasks) + 1}"
        self.tasks[arn] = {
            "taskArn": arn, "taskDefinitionArn": self._registered()[-1], "startedBy": by, "containers": [],
            "createdAt": datetime.fromtimestamp(NOW, UTC), "lastStatus": "PROVISIONING", "desiredStatus": "RUNNING",
        }  # fmt: skip
        return arn

    def _registered(self) -> list[str]:
        return list(self.definitions)

    def _register(self, given: Json) -> Json:
        arn = f"{given['family']}:{len(self.definitions)}"
        self.definitions[arn] = given
        return {"taskDefinition": {"taskDefinitionArn": arn}}

    def _run(self, given: Json) -> Any:
        """As ECS makes it idempotent: the same request again answers the same, and another one is refused."""
        if self.failures:
            return {"tasks": [], "failures": self.failures}
        token = given["clientToken"]
        if token in self.requests:
            arn, request = self.requests[token]["arn"], self.requests[token]["request"]
            if request != given:
                return error("ConflictException", "RunTask", resourceIds=[arn])
            return {"tasks": [self.tasks[arn]], "failures": []}
        arn = self.starts(given["startedBy"])
        self.requests[token] = {"arn": arn, "request": given}
        return {"tasks": [self.tasks[arn]], "failures": []}

    def _list(self, given: Json) -> list[Json]:
        assert given["family"] == "dev-web-migrate"
        arns = [arn for arn, task in self.tasks.items() if task["desiredStatus"] == given["desiredStatus"]]
        return [{"taskArns": []}, {"taskArns": arns}]

    def _describe(self, given: Json) -> Json:
        return {"tasks": [] if self.hidden else [self.tasks[arn] for arn in given["tasks"]]}

    def _stop(self, given: Json) -> Json:
        task = self.tasks[given["task"]]
        task.update(desiredStatus="STOPPED", stopCode="UserInitiated", stoppedReason=given["reason"])
        return {"task": task}

    @property
    def stops(self) -> list[str]:
        return [given["reason"] for given in self.aws.called("StopTask")]


class Step:
    """The step's calls: each gets the state of the one before, and CodePipeline's job an id of its own."""

    def __init__(
        self, ecs: Ecs, execution: str = "exec-1", settings: Settings = SETTINGS, migration: str | None = None
    ) -> None:
        self.ecs, self.execution, self.settings = ecs, execution, settings
        self.given = {} if migration is None else {"migration": migration}
        self.state: Json = {}
        self.jobs = 0

    def job(self, state: Json | None = None) -> Job:
        given = {"digest": "sha256:new", "execution": self.execution, **self.given}
        inputs = {"deployment": {"Bucket": "store", "Key": "key"}}
        identifier = f"{self.execution}-job-{self.jobs}"
        return Job(identifier, "migrate", given, inputs, {}, {"aws_access_key_id": "a"}, state or {})

    def again(self, state: Json | None = None) -> Done | Waiting:
        """The same job once more, as Lambda delivers one whose function has died, or twice."""
        job = self.job(self.state if state is None else state)
        return migrate.run(cast(boto3.Session, self.ecs.aws), self.settings, job)

    def call(self) -> Done | Waiting:
        """CodePipeline's next call."""
        self.jobs += 1
        outcome = self.again()
        if isinstance(outcome, Waiting):
            self.state = json.loads(json.dumps(outcome.state))
            assert len(json.dumps(outcome.state)) <= 2048
        return outcome

    def fails(self) -> str:
        with pytest.raises(StepError) as failure:
            self.call()
        (line,) = str(failure.value).splitlines()
        return line


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", partial(float, NOW))


def started(ecs: Ecs | None = None) -> Step:
    step = Step(ecs or Ecs())
    assert step.call().summary == "Migrating in task/1"
    return step


def test_a_migration_is_started_waited_for_and_done() -> None:
    step = started()
    summaries = []
    for status in ("PROVISIONING", "PENDING", "RUNNING", "DEACTIVATING"):
        step.ecs.is_now(status, web=("RUNNING", None))
        summaries.append(step.call().summary)
    assert summaries == [
        f"The migration's task is {status}: task/1" for status in ("PROVISIONING", "PENDING", "RUNNING", "DEACTIVATING")
    ]
    step.ecs.ends(0)
    assert step.call() == Done(f"Migrated with sha256:new. {LOG}1")
    assert len(step.ecs.tasks) == 1


def test_an_execution_may_leave_it_out() -> None:
    step = Step(Ecs(), migration="skip")
    assert step.call() == Done("The migration is left out: the execution was started with migration=skip")
    assert step.ecs.aws.calls == []


@pytest.mark.parametrize("migration", [None, "run"])
def test_it_runs_where_an_execution_does_not_leave_it_out(migration: str | None) -> None:
    """Also one of a pipeline that an earlier program has made."""
    step = Step(Ecs(), migration=migration)
    assert step.call().summary == "Migrating in task/1"


def test_a_word_of_somebody_s_own_for_the_migration_is_refused() -> None:
    step = Step(Ecs(), migration="no")
    assert step.fails() == "The variable migration is no; it may be run or skip"
    assert step.ecs.aws.calls == []


def test_it_runs_as_the_service_does_with_the_new_image() -> None:
    step = started()
    (registered,) = step.ecs.aws.called("RegisterTaskDefinition")
    assert registered.keys() == {"family", "cpu", "containerDefinitions"}
    assert (registered["family"], registered["cpu"]) == ("dev-web-migrate", "256")
    web, otel, init = registered["containerDefinitions"]
    assert (web["image"], web["command"]) == ("registry/web@sha256:new", ["bin/migrate", "up"])
    assert otel["dockerLabels"] == {ESSENTIAL_LABEL: "true"}
    assert init == definition()["containerDefinitions"][3]
    (run,) = step.ecs.aws.called("RunTask")
    assert run == {
        "cluster": "dev",
        "taskDefinition": "dev-web-migrate:1",
        "startedBy": "exec-1",
        "clientToken": "exec-1-job-1",
        "networkConfiguration": SERVICE["networkConfiguration"],
        "tags": [{"key": "team", "value": "web"}],
        "enableECSManagedTags": True,
        "capacityProviderStrategy": SERVICE["capacityProviderStrategy"],
    }


@pytest.mark.parametrize("strategy", [{"capacityProviderStrategy": []}, {"capacityProviderStrategy": None}])
def test_a_service_without_capacity_providers_gives_its_launch_type(strategy: Json) -> None:
    (run,) = started(Ecs(strategy)).ecs.aws.called("RunTask")
    assert run["launchType"] == "FARGATE"
    assert "capacityProviderStrategy" not in run


def test_with_code_deploy_it_runs_what_will_be_deployed() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("taskdef.json", json.dumps({**definition(), "cpu": "1024"}))
    ecs = Ecs()
    ecs.aws.answers["GetObject"] = lambda _: {"Body": io.BytesIO(content.getvalue())}
    Step(ecs, settings=replace(SETTINGS, template_folder="templates/web")).call()
    (registered,) = ecs.aws.called("RegisterTaskDefinition")
    assert registered["cpu"] == "1024"
    assert ecs.aws.called("GetObject") == [{"Bucket": "store", "Key": "key"}]
    assert ecs.aws.credentials == [("s3", {"aws_access_key_id": "a"})]
    assert ecs.aws.called("DescribeTaskDefinition") == []


def test_a_task_that_ecs_does_not_start_is_said_why() -> None:
    ecs = Ecs()
    ecs.failures = [{"arn": "a", "reason": "RESOURCE:ENI"}]
    assert Step(ecs).fails() == "The migration's task was not started: RESOURCE:ENI"


# What the job, its function or its state may go through


def test_a_call_that_dies_after_run_task_does_not_start_another() -> None:
    """Lambda delivers the job again; another revision is registered, and ECS refuses the token with it."""
    step = Step(Ecs())
    step.jobs = 1
    step.again()
    outcome = step.again()
    assert outcome.summary == "Migrating in task/1"
    assert list(step.ecs.tasks) == ["task/1"]


def test_a_call_that_dies_after_run_task_finds_a_migration_that_has_ended_since() -> None:
    step = Step(Ecs())
    step.jobs = 1
    step.again()
    step.ecs.ends(0)
    outcome = step.again()
    assert isinstance(outcome, Waiting)
    assert len(step.ecs.aws.called("RunTask")) == 2, "the token decides, as nothing runs"
    assert list(step.ecs.tasks) == ["task/1"]
    assert step.again(dict(outcome.state)) == Done(f"Migrated with sha256:new. {LOG}1")


def test_calls_of_one_job_at_the_same_time_start_one_task() -> None:
    """Neither sees what the other has started."""
    step = Step(Ecs())
    step.ecs.aws.answers["ListTasks"] = lambda _: {"taskArns": []}
    step.jobs = 1
    assert step.again() == step.again()
    assert list(step.ecs.tasks) == ["task/1"]


def test_a_later_call_that_is_repeated_says_the_same() -> None:
    step = started()
    step.ecs.is_now("RUNNING", web=("RUNNING", None))
    assert step.call() == step.again()
    step.ecs.ends(0)
    assert step.call() == step.again()
    step.ecs.ends(3)
    assert step.fails() == step.fails()


def test_a_job_whose_state_is_lost_follows_what_runs() -> None:
    step = started()
    step.state = {}
    assert step.call().summary == "Migrating in task/1"
    step.ecs.ends(0)
    assert isinstance(step.call(), Done)
    assert len(step.ecs.tasks) == 1


@pytest.mark.parametrize("state", [{"waits": "for x"}, {"version": 2, "task": "task/1", "since": 1.5}])
def test_a_state_of_another_version_is_gone_on_from(state: Json) -> None:
    step = started()
    step.ecs.is_now("RUNNING", web=("RUNNING", None))
    step.state = state
    step.call()
    step.ecs.ends(0)
    assert isinstance(step.call(), Done)
    assert len(step.ecs.tasks) == 1


def test_an_execution_that_is_retried_follows_its_migration_that_still_runs() -> None:
    ecs = started().ecs
    retried = Step(ecs)
    retried.jobs = 10
    assert retried.call().summary == "Migrating in task/1"
    ecs.ends(0)
    assert isinstance(retried.call(), Done)
    assert len(ecs.tasks) == 1


def test_an_execution_that_is_retried_after_a_failure_migrates_again() -> None:
    ecs = started().ecs
    ecs.ends(1)
    retried = Step(ecs)
    retried.jobs = 10
    assert retried.call().summary == "Migrating in task/2"
    assert len(ecs.tasks) == 2


@pytest.mark.parametrize("desired", ["RUNNING", "STOPPED"], ids=["runs", "is being stopped"])
def test_a_migration_of_another_execution_has_to_end_first(desired: str) -> None:
    step = Step(Ecs())
    earlier = step.ecs.starts("exec-0")
    step.ecs.is_now("RUNNING", desired, web=("RUNNING", None))
    for _ in range(3):
        assert step.call().summary == f"An earlier migration is still running: {earlier}"
    assert step.ecs.aws.called("RunTask") == []
    step.ecs.ends(1)
    assert step.call().summary == "Migrating in task/2"
    assert step.ecs.aws.called("RunTask")[0]["clientToken"] == "exec-1-job-1", "of the action's first job"


def test_a_migration_of_its_own_that_is_being_stopped_has_to_end_first() -> None:
    step = Step(Ecs())
    step.ecs.starts("exec-1")
    step.ecs.is_now("DEACTIVATING", "STOPPED", web=("STOPPED", 143))
    assert step.call().summary == "An earlier migration is still running: task/1"
    step.ecs.ends(143)
    assert step.call().summary == "Migrating in task/2"


def test_a_task_that_ecs_does_not_show_yet_is_waited_for() -> None:
    step = started()
    step.ecs.hidden = True
    assert step.call().summary == "ECS does not show the task task/1 yet"
    step.ecs.hidden = False
    step.ecs.is_now("RUNNING", web=("RUNNING", None))
    assert step.call().summary == "The migration's task is RUNNING: task/1"


def test_a_task_that_ecs_never_shows_ends_the_wait() -> None:
    step = started()
    step.ecs.hidden = True
    for _ in range(migrate.MOST_MISSING - 1):
        step.call()
    assert step.fails() == "ECS does not know the migration's task task/1"


# How it ends


def test_only_the_migration_s_own_exit_code_counts() -> None:
    """The sidecar is killed after it, and another one has ended with an error before."""
    step = started()
    step.ecs.is_now("RUNNING", web=("RUNNING", None), otel=("RUNNING", None), init=("STOPPED", 1))
    step.call()
    step.ecs.is_now("DEACTIVATING", "STOPPED", web=("STOPPED", 0), otel=("STOPPED", 137), init=("STOPPED", 1))
    step.call()
    step.ecs.ends(0)
    assert isinstance(step.call(), Done)
    assert step.ecs.stops == []


def test_an_essential_sidecar_that_ends_with_the_migration_is_no_reason_to_stop_it() -> None:
    step = started()
    step.ecs.is_now("RUNNING", web=("STOPPED", 0), otel=("STOPPED", 1))
    step.call()
    assert step.ecs.stops == []


@pytest.mark.parametrize(
    ("web", "code", "words"),
    [
        ("RUNNING", 0, f"The migration ended with exit code 0: {{}}; last line: interrupted. {LOG}1"),
        ("RUNNING", 143, f"The migration ended with exit code 143: {{}}; last line: interrupted. {LOG}1"),
        ("PENDING", None, "The migration did not run: {}"),
    ],
)
def test_a_sidecar_that_ends_first_is_named(
    web: str, code: int | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    step = started(Ecs(log=["interrupted"]))
    step.ecs.is_now(web, web=(web, None), otel=("STOPPED", 1), init=("STOPPED", 0))
    step.call()
    step.call()
    assert step.ecs.stops == ["The sidecar otel ended before the migration did"], "once"
    assert capsys.readouterr().out == "Stopping task/1: The sidecar otel ended before the migration did\n"
    step.ecs.ends(code)
    assert step.fails() == words.format("The sidecar otel ended before the migration did")


def test_a_migration_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    step = started(Ecs(log=["waiting for the lock of schema_migrations"]))
    step.ecs.is_now("RUNNING", web=("RUNNING", None))
    monkeypatch.setattr(time, "time", partial(float, NOW + 599))
    step.call()
    assert step.ecs.stops == []
    monkeypatch.setattr(time, "time", partial(float, NOW + 600))
    step.call()
    step.call()
    assert step.ecs.stops == ["The migration did not end in 10 min"], "once"
    step.ecs.ends(0)
    assert step.fails() == (
        "The migration ended with exit code 0: The migration did not end in 10 min; last line: waiting for the lock of "
        f"schema_migrations. {LOG}1"
    )


def test_an_earlier_migration_that_takes_too_long_is_stopped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step(Ecs())
    step.ecs.starts("exec-0")
    step.ecs.is_now("RUNNING", web=("RUNNING", None))
    monkeypatch.setattr(time, "time", partial(float, NOW + 600))
    step.call()
    assert step.ecs.stops == ["The migration did not end in 10 min"]


COMMAND = "sh: 1: bin/migrate: no such file"
FAILURES: dict[str, tuple[Json, list[str], str]] = {
    "the log has the cause": (
        {"code": 127},
        ["begun", COMMAND],
        f"The migration ended with exit code 127: {COMMAND}. {LOG}1",
    ),
    "the log has a secret": (
        {"code": 1},
        ["cannot reach postgres://app:s3cret@db/app"],
        f"The migration ended with exit code 1: cannot reach postgres://***@db/app. {LOG}1",
    ),
    "the log is empty": (
        {"code": 7},
        [],
        f"The migration ended with exit code 7: Essential container in task exited. {LOG}1",
    ),
    "no memory left": (
        {"code": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"},
        ["step 7"],
        f"The migration ended with exit code 137: OutOfMemoryError: Container killed due to memory usage; last line: step 7. {LOG}1",
    ),
    "interrupted by ECS": (
        {"code": 0, "stopCode": "SpotInterruption", "stoppedReason": "Your Spot Task was interrupted."},
        [],
        f"The migration ended with exit code 0: Your Spot Task was interrupted. {LOG}1",
    ),
    "not started": (
        {"code": None, "stopCode": "TaskFailedToStart", "stoppedReason": "CannotStartContainerError: no such\nfile"},
        [],
        "The migration did not run: CannotStartContainerError: no such file",
    ),
    "not started, and the container says why": (
        {"code": None, "stopCode": "EssentialContainerExited", "reason": "CannotPullContainerError: no route"},
        [],
        "The migration did not run: Essential container in task exited; CannotPullContainerError: no route",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_is_one_line_with_its_cause(case: str) -> None:
    end, log, words = FAILURES[case]
    step = started(Ecs(log=log))
    step.ecs.ends(**end)
    assert step.fails() == words


def test_the_end_of_the_migration_s_own_log_is_read() -> None:
    step = started(Ecs(log=["x"]))
    step.ecs.ends(1)
    step.fails()
    assert step.ecs.aws.called("GetLogEvents") == [
        {"logGroupName": "/ecs/dev-web", "logStreamName": "web/web/1", "limit": command_run.LOG_LINES}
    ]


def test_a_log_that_is_not_in_cloudwatch_is_said_where_to_look_for() -> None:
    step = started(Ecs(logging={"logDriver": "awsfirelens", "options": {"Name": "datadog"}}))
    step.ecs.ends(7)
    assert step.fails() == (
        "The migration ended with exit code 7: Essential container in task exited. Its log: where the logConfiguration "
        "of web sends it"
    )
    assert step.ecs.aws.called("GetLogEvents") == []


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_a_log_that_cannot_be_read_hides_no_failure(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    step = started()
    step.ecs.aws.answers["GetLogEvents"] = lambda _: error(code, "GetLogEvents")
    step.ecs.ends(7)
    assert step.fails() == f"The migration ended with exit code 7: Essential container in task exited. {LOG}1"
    assert code in capsys.readouterr().out


def test_a_service_without_migrations_has_no_such_step() -> None:
    assert Step(Ecs(), settings=replace(SETTINGS, migration=None)).fails() == "dev-web has no migrations"
