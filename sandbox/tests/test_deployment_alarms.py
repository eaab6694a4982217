"""A rolling deployment that alarms watch, as a state machine: no processes, no time."""

from contextlib import nullcontext
from typing import Any

import pytest
from scheduler_rig import Rig, rig

from sandbox.account.errors import AwsError
from sandbox.ecs.alarms import LONGEST_BAKE, bake_time
from sandbox.ecs.deployment import Deployment
from sandbox.ecs.deployments import begin
from sandbox.ecs.validation import check_controller

WATCHED = {"alarmNames": ["errors", "latency"], "enable": True, "rollback": True}
BAKE = 10.0
"""Real seconds: the alarms look back for 100, and time runs ten times faster."""


def settled(**how: Any) -> Rig:
    """A service that runs its first revision, watched by alarms that are silent."""
    r = rig(desired=2, **{"alarms": WATCHED, **how})
    r.alarms = {"errors": "OK", "latency": "INSUFFICIENT_DATA"}
    r.settle()
    assert r.state == "COMPLETED"
    return r


def deploy(r: Rig) -> Deployment:
    """A second revision, of which ECS has started the tasks."""
    new = Deployment("td:2", {})
    begin(r.service, new)
    r.step()
    return new


def steady(r: Rig) -> None:
    """The new tasks are ready and the old ones gone; no more time passes than that takes."""
    for task in r.active():
        r.become_ready(task)
    r.step()
    for task in r.stopping():
        task.last_status = "STOPPED"
    r.look()


def test_an_alarm_fails_the_deployment_and_rolls_it_back() -> None:
    r = settled()
    good, bad = r.service.primary, deploy(r)
    r.become_ready(r.active()[0])
    r.alarms["latency"] = "ALARM"
    r.step()
    assert (bad.rollout_state, bad.rollout_reason) == ("FAILED", "ECS deployment alarm: alarm detected.")
    assert r.service.primary.task_definition == "td:1"
    assert r.service.primary.rollout_reason == f"ECS deployment alarm: rolling back to deploymentId {good.id}."
    said = [
        f"(service web) rolling back to deployment {good.id}.",
        f"(service web) (deployment {bad.id}) deployment failed: alarm detected.",
    ]
    assert [message for message in r.messages() if message in said] == said
    r.settle()
    assert r.state == "COMPLETED", "the alarm goes on, and the rollback is not watched"
    assert {task.deployment_id for task in r.active()} == {r.service.primary.id}
    assert [name for _, name in r.events][-3:] == [
        "SERVICE_DEPLOYMENT_FAILED",
        "SERVICE_DEPLOYMENT_IN_PROGRESS",
        "SERVICE_DEPLOYMENT_COMPLETED",
    ]


def test_it_is_watched_on_for_the_bake_time() -> None:
    r = settled()
    new = deploy(r)
    steady(r)
    assert [task.deployment_id for task in r.service.tasks if not task.stopped] == [new.id, new.id]
    assert r.state == "IN_PROGRESS"
    r.now += BAKE - 1
    r.look()
    assert r.state == "IN_PROGRESS"
    r.now += 1
    r.look()
    assert r.state == "COMPLETED"


def test_an_alarm_within_the_bake_time_starts_the_old_tasks_again() -> None:
    r = settled()
    bad = deploy(r)
    steady(r)
    r.alarms["errors"] = "ALARM"
    r.now += BAKE - 1
    r.look()
    assert bad.rollout_state == "FAILED"
    assert [task.deployment_id for task in r.active()] == [r.service.primary.id] * 2
    r.settle()
    assert (r.state, r.service.primary.task_definition) == ("COMPLETED", "td:1")


def test_one_after_the_bake_time_changes_nothing() -> None:
    r = settled()
    deploy(r)
    steady(r)
    r.now += BAKE
    r.look()
    r.alarms["errors"] = "ALARM"
    r.settle()
    assert (r.state, r.service.primary.task_definition) == ("COMPLETED", "td:2")


def test_a_task_that_fails_within_the_bake_time_begins_it_anew() -> None:
    r = settled()
    deploy(r)
    steady(r)
    r.now += BAKE - 1
    r.crash(r.active()[0])
    r.look()
    r.now += 1
    r.look()
    for task in r.active():
        r.become_ready(task)
    r.look()
    assert r.state == "IN_PROGRESS"
    r.now += BAKE
    r.look()
    assert r.state == "COMPLETED"


@pytest.mark.parametrize("other", ["OK", "ALARM"])
def test_no_alarm_is_watched_when_one_was_in_alarm_before(other: str) -> None:
    r = settled()
    r.alarms["errors"] = "ALARM"
    new = deploy(r)
    r.alarms = {"errors": "OK", "latency": other}
    steady(r)
    assert new.rollout_state == "COMPLETED", "and there is no bake time"


def test_nothing_is_watched_before_a_new_task_runs() -> None:
    r = settled()
    deploy(r)
    r.alarms["errors"] = "ALARM"
    r.step()
    assert r.service.primary.task_definition == "td:2"
    r.become_ready(r.active()[0])
    r.step()
    assert r.service.primary.task_definition == "td:1"


@pytest.mark.parametrize("how", [{"enable": False}, {"alarmNames": []}])
def test_alarms_that_are_off_are_not_watched(how: dict[str, Any]) -> None:
    r = settled(alarms={**WATCHED, **how})
    new = deploy(r)
    r.alarms["errors"] = "ALARM"
    steady(r)
    assert new.rollout_state == "COMPLETED"


def test_without_rollback_the_deployment_fails_and_stays() -> None:
    r = settled(alarms={**WATCHED, "rollback": False})
    bad = deploy(r)
    r.become_ready(r.active()[0])
    r.alarms["errors"] = "ALARM"
    r.step()
    assert (r.service.primary, r.state) == (bad, "FAILED")


def test_no_task_no_bake_time() -> None:
    r = rig(desired=0, alarms=WATCHED)
    r.alarms = {"errors": "OK", "latency": "OK"}
    r.look()
    assert r.state == "COMPLETED"


@pytest.mark.parametrize(("alarms", "refused"), [({}, False), ({**WATCHED, "enable": False}, False), (WATCHED, True)])
def test_ecs_watches_alarms_of_its_own_controller_only(alarms: dict[str, Any], refused: bool) -> None:
    settings = {
        "deploymentController": {"type": "CODE_DEPLOY"},
        "loadBalancers": [{}],
        "deploymentConfiguration": {"alarms": alarms},
    }
    with pytest.raises(AwsError, match="with ECS deployment controller only") if refused else nullcontext():
        check_controller(settings)
    check_controller({**settings, "deploymentController": {"type": "ECS"}})


@pytest.mark.parametrize(
    ("alarms", "seconds"),
    [
        ([], 0),
        ([{"Period": 60, "EvaluationPeriods": 1}], 60),
        ([{"Period": 60, "EvaluationPeriods": 2}, {"Period": 30, "EvaluationPeriods": 3}], 120),
        ([{"Metrics": [{"Expression": "m"}, {"MetricStat": {"Period": 60}}], "EvaluationPeriods": 3}], 180),
        ([{"Period": 3600, "EvaluationPeriods": 24}], LONGEST_BAKE),
    ],
)
def test_bake_time(alarms: list[dict[str, Any]], seconds: float) -> None:
    assert bake_time(alarms) == seconds
