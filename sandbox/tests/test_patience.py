"""What an app does in its own time is not shortened with AWS's waits: how long it starts, answers, stays up and ends."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aws_fakes import FakeAccount
from scheduler_rig import CLUSTER, Rig, rig

from sandbox.clock import Clock
from sandbox.codepipeline.actions.context import ActionContext
from sandbox.ecs.deployment import Deployment
from sandbox.ecs.deployments import begin
from sandbox.ecs.health import Check, HealthTracker, container_check, target_check
from sandbox.ecs.lifecycle import STEADY_SECONDS, TaskRun
from sandbox.ecs.model import Task

FAST = Clock(60, patience=1)
"""`make up`'s."""
GROUP = {
    "HealthCheckPort": "traffic-port", "HealthCheckPath": "/", "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 3,
    "HealthCheckIntervalSeconds": 10, "HealthCheckTimeoutSeconds": 5, "TargetGroupArn": "group",
}  # fmt: skip
BALANCER = {"containerName": "app", "containerPort": 80, "targetGroupArn": "group"}


@pytest.mark.parametrize(
    ("patience", "least", "given"), [(1, 0, 60), (200, 0, 0.3), (200, 10, 10), (1, 10, 60), (1000, 90, 60)]
)
def test_life_is_shortened_only_where_patience_is(patience: float, least: float, given: float) -> None:
    assert Clock(1000, patience).life(60, least) == given


def test_patience_is_not_shortened_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SANDBOX_PATIENCE")
    monkeypatch.setenv("SANDBOX_SPEED", "60")
    assert (Clock().scale(60), Clock().life(60)) == (1, 60)
    monkeypatch.setenv("SANDBOX_PATIENCE", "20")
    assert (Clock().scale(60), Clock().life(60)) == (1, 3)


# How long it starts


def test_wrong_answers_within_the_grace_period_do_not_count() -> None:
    check = Check(HealthTracker(2, 3), 10, 5, 60, "failed", lambda _: False, "app")
    for second in range(60):
        check.run(float(second), FAST)
        assert not check.failed(float(second), FAST), second
    assert check.failed(60.0, FAST)


def test_no_answer_is_waited_for_as_long_as_aws_would() -> None:
    """Three checks, 10 s apart, after a grace period of 60 s."""
    check = Check(HealthTracker(2, 3), 10, 5, 60, "failed", lambda _: None, "app")
    for second in range(90):
        check.run(float(second), FAST)
    assert check.tracker.state == "initial"
    for second in range(90, 94):
        check.run(float(second), FAST)
    assert check.failed(94.0, FAST)


@pytest.mark.parametrize(("patience", "seconds"), [(1, 5.0), (200, 2.0)])
def test_an_answer_may_take_the_whole_timeout(patience: float, seconds: float) -> None:
    given: list[float] = []

    def probe(timeout: float) -> bool:
        given.append(timeout)
        return True

    check = Check(HealthTracker(2, 3), 10, 5, 0, "failed", probe, "app")
    check.run(0.0, Clock(60, patience))
    assert given == [seconds]


# How long it stays up


def test_how_long_aws_takes_to_call_a_task_healthy() -> None:
    container: Any = None
    assert target_check(GROUP, BALANCER, container, 0).steady == 10, "from the first answer to the second"
    declared = {"command": ["CMD", "true"], "interval": 7}
    assert container_check("app", declared, container, 0).steady == 7, "the first one comes after an interval"


def task() -> Task:
    definition = {"taskDefinitionArn": "td:1", "containerDefinitions": [{"name": "app", "image": "i"}]}
    return Task(CLUSTER, definition, "eu-west-1", "111111111111", "service:web")


@pytest.mark.parametrize(("checked", "seconds"), [(True, 10.0), (False, STEADY_SECONDS)])
def test_a_task_is_healthy_when_it_has_been_for_as_long_as_that_takes(
    tmp_path: Path, checked: bool, seconds: float
) -> None:
    run = TaskRun(FakeAccount(tmp_path, clock=FAST), None, task())  # type: ignore[arg-type]
    if checked:
        container: Any = SimpleNamespace(http_get=lambda *_: 200)
        run.checks = [target_check(GROUP, BALANCER, container, 0)]
    run.registered, run.running_since, run.task.steady_after = True, 0.0, seconds
    for tenth in range(int(seconds * 10)):
        run._check_health(tenth / 10)
        assert not run.task.ready, tenth
    run._check_health(seconds)
    assert run.task.ready


ROLLBACK = {"enable": True, "rollback": True}


def running(r: Rig, deployment: Deployment) -> Task:
    """The deployment's task, which a scheduler that is not patient takes for healthy; AWS would after 10 s."""
    (found,) = r.active(deployment)
    found.running_since, found.steady_after = r.now, 10.0
    r.become_ready(found)
    r.look()
    return found


def crashes(r: Rig, deployment: Deployment, after: float) -> None:
    """A task that was healthy ends by itself so many seconds after its start."""
    found = running(r, deployment)
    r.now += after
    r.crash(found)
    found.ended = r.now
    r.step()


def deploying(desired: int = 1) -> tuple[Rig, Deployment]:
    """A new deployment beside an old one whose task never stops, so that it does not complete."""
    r = rig(desired=desired, breaker=ROLLBACK)
    r.settle()
    new = Deployment("td:2", {})
    begin(r.service, new)
    r.step()
    return r, new


def test_tasks_that_end_before_aws_would_call_them_healthy_fail_the_deployment() -> None:
    r, new = deploying()
    for failures in (1, 2):
        crashes(r, new, after=5)
        assert (new.rollout_state, new.failures_in_a_row) == ("IN_PROGRESS", failures)
    crashes(r, new, after=5)
    assert new.rollout_state == "FAILED"
    assert r.service.primary.task_definition == "td:1"


def test_a_task_that_was_healthy_for_its_time_ends_the_count() -> None:
    r, new = deploying()
    crashes(r, new, after=5)
    crashes(r, new, after=5)
    found = running(r, new)
    r.now += 10
    r.look()
    assert (new.failures_in_a_row, new.rollout_state) == (0, "IN_PROGRESS")
    r.crash(found)
    r.look()
    assert new.failures_in_a_row == 1


# How long it takes to end


def test_a_container_has_its_whole_stop_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    for clock in (FAST, Clock(60, patience=200)):
        one = task()
        one.task_definition["containerDefinitions"][0]["stopTimeout"] = 45
        run = TaskRun(FakeAccount(tmp_path, clock=clock), None, one)  # type: ignore[arg-type]
        container: Any = SimpleNamespace(stop=given.append, exit_code=0)
        run.containers["app"] = container
        monkeypatch.setattr(run, "_finish_requests", lambda: None)
        monkeypatch.setattr(run, "_set_status", lambda _: None)
        run._end()
    assert given == [45, 10]


# How long an action waits for it


@pytest.mark.parametrize(
    ("speed", "minutes", "seconds"),
    [(1, 15, 900), (5, 15, 180), (60, 15, 120), (200, 60, 120), (60, 1, 60)],
)
def test_a_deployment_s_timeout_is_aws_s_and_leaves_time_to_start(speed: float, minutes: float, seconds: float) -> None:
    context = ActionContext(FakeAccount(clock=Clock(speed)), *[None] * 4)  # type: ignore[arg-type]
    assert context.scaled_deadline(minutes) - time.monotonic() == pytest.approx(seconds, abs=1)
