"""A service's scheduler as a state machine: no processes, no time."""

from typing import Any

import pytest
from scheduler_rig import rig

from sandbox.ecs.deployment import Deployment
from sandbox.ecs.deployments import begin, breaker_threshold
from sandbox.ecs.shapes import service_shape

ROLLBACK = {"enable": True, "rollback": True}


def test_a_new_service_completes_when_all_tasks_are_ready() -> None:
    r = rig(desired=2)
    r.step()
    assert len(r.active()) == 2
    assert r.state == "IN_PROGRESS"
    r.become_ready(r.active()[0])
    r.step()
    assert r.state == "IN_PROGRESS"
    r.become_ready(r.active()[1])
    r.step()
    assert r.state == "COMPLETED"
    assert r.events == [(r.service.primary.id, "SERVICE_DEPLOYMENT_COMPLETED")]
    assert "(service web) has reached a steady state." in r.messages()


def test_nothing_desired_completes_at_once() -> None:
    r = rig(desired=0)
    r.step()
    assert r.state == "COMPLETED"
    assert r.service.tasks == []


def test_steady_state_is_announced_once() -> None:
    r = rig(desired=1)
    r.settle()
    assert r.messages().count("(service web) has reached a steady state.") == 1


def test_old_tasks_stay_until_the_new_ones_are_ready() -> None:
    r = rig(desired=2)
    r.settle()
    old = r.service.primary
    begin(r.service, Deployment("td:2", {}))
    r.step()
    assert len(r.active()) == 2
    assert len(r.active(old)) == 2
    r.become_ready(r.active()[0])
    r.step()
    assert len(r.active(old)) == 1
    r.become_ready(r.active()[1])
    r.step()
    assert r.active(old) == []
    assert r.state == "IN_PROGRESS", "old tasks are still stopping"
    r.settle()
    assert r.state == "COMPLETED"
    assert [d.task_definition for d in r.service.deployments] == ["td:2"]


def test_without_room_an_old_task_goes_first() -> None:
    r = rig(desired=2, least=50, most=100)
    r.settle()
    old = r.service.primary
    begin(r.service, Deployment("td:2", {}))
    r.look()
    assert len(r.active(old)) == 1
    assert r.active() == []
    r.look()
    assert len(r.active()) == 1
    r.settle()
    assert r.state == "COMPLETED"


def test_with_room_no_old_task_goes_before_a_new_one_is_ready() -> None:
    r = rig(desired=2, least=0, most=200)
    r.settle()
    old = r.service.primary
    begin(r.service, Deployment("td:2", {}))
    r.step()
    assert len(r.active(old)) == 2
    r.become_ready(r.active()[0])
    r.look()
    assert len(r.active(old)) == 2, "ECS takes a while to see it"
    r.step()
    assert len(r.active(old)) == 1


def test_never_fewer_healthy_tasks_than_the_minimum() -> None:
    r = rig(desired=4, least=75, most=150)
    r.settle()
    begin(r.service, Deployment("td:2", {}))
    for _ in range(40):
        r.step()
        assert sum(task.ready for task in r.service.tasks) >= 3
        assert len([t for t in r.service.tasks if t.active]) <= 6
        fresh = [task for task in r.active() if not task.ready]
        if fresh:
            r.become_ready(fresh[0])
        for task in r.stopping()[:1]:
            task.last_status = "STOPPED"
    assert r.state == "COMPLETED"


def test_a_breaker_fails_after_the_threshold_and_rolls_back() -> None:
    r = rig(desired=1, breaker=ROLLBACK)
    r.settle()
    good = r.service.primary
    bad = Deployment("td:2", {})
    begin(r.service, bad)
    for attempt in range(3):
        assert bad.rollout_state == "IN_PROGRESS", attempt
        r.step()
        r.crash(r.active(bad)[0])
    r.step()
    assert bad.rollout_state == "FAILED"
    assert bad.rollout_reason == "ECS deployment circuit breaker: tasks failed to start."
    assert r.service.primary.task_definition == "td:1"
    assert (
        r.service.primary.rollout_reason == f"ECS deployment circuit breaker: rolling back to deploymentId {good.id}."
    )
    assert f"(service web) (deployment {bad.id}) deployment failed: tasks failed to start." in r.messages()
    shape = service_shape(r.service)
    assert [(d["status"], d["rolloutState"], d["failedTasks"]) for d in shape["deployments"]][:2] == [
        ("PRIMARY", "IN_PROGRESS", 0),
        ("ACTIVE", "FAILED", 3),
    ]
    r.settle()
    assert r.state == "COMPLETED"
    assert [name for _, name in r.events][-3:] == [
        "SERVICE_DEPLOYMENT_FAILED",
        "SERVICE_DEPLOYMENT_IN_PROGRESS",
        "SERVICE_DEPLOYMENT_COMPLETED",
    ]


def test_a_first_deployment_has_nothing_to_roll_back_to() -> None:
    r = rig(desired=1, breaker=ROLLBACK)
    for _ in range(3):
        r.step()
        r.crash(r.active()[0], "CannotPullContainerError: x", "TaskFailedToStart")
    r.step()
    assert r.state == "FAILED"
    assert len(r.service.deployments) == 1
    r.step()
    assert r.active() == [], "a failed deployment starts no more tasks"
    assert "(service web) was unable to place a task. Reason: CannotPullContainerError: x." in r.messages()


def test_without_a_breaker_it_keeps_trying() -> None:
    r = rig(desired=1)
    for _ in range(10):
        r.step()
        r.crash(r.active()[0])
    r.step()
    assert r.state == "IN_PROGRESS"
    assert r.service.primary.failed_tasks == 10
    assert len(r.active()) == 1


def test_failures_back_off() -> None:
    r = rig(desired=1)
    r.step()
    r.crash(r.active()[0])
    r.scheduler.step(r.now + 0.1)
    assert r.active() == []
    r.scheduler.step(r.now + 0.1 + 0.6)
    assert len(r.active()) == 1


def test_elb_failures_have_their_own_words() -> None:
    r = rig(desired=1, breaker={"enable": True, "rollback": False})
    for _ in range(3):
        r.step()
        r.crash(r.active()[0], "Task failed ELB health checks in (target-group arn:tg)", "ServiceSchedulerInitiated")
    r.step()
    assert r.service.primary.rollout_reason == "ECS deployment circuit breaker: tasks failed ELB health checks."


def test_a_crash_in_steady_state_is_replaced_and_fails_nothing() -> None:
    r = rig(desired=2, breaker=ROLLBACK)
    r.settle()
    for _ in range(5):
        r.crash(r.active()[0])
        r.settle()
    assert r.state == "COMPLETED"
    assert r.service.primary.failed_tasks == 0
    assert len(r.active()) == 2


def test_a_task_that_a_user_stops_is_no_failure() -> None:
    r = rig(desired=1, breaker=ROLLBACK)
    r.step()
    r.crash(r.active()[0], "Task stopped by user", "UserInitiated")
    r.step()
    assert r.service.primary.failed_tasks == 0
    assert len(r.active()) == 1


def test_a_healthy_task_resets_the_count_unless_told_otherwise() -> None:
    for reset, expected in ((True, "IN_PROGRESS"), (False, "FAILED")):
        r = rig(desired=2, breaker={"enable": True, "rollback": False, "resetOnHealthyTask": reset})
        for attempt in range(3):
            r.step()
            first, second = r.active()
            r.become_ready(first)
            r.step()
            r.crash(second)
            if attempt < 2:
                first.ready = False
                r.crash(first, "Task stopped by user", "UserInitiated")
        r.step()
        assert r.state == expected, reset


def test_a_new_update_supersedes_one_in_progress() -> None:
    r = rig(desired=1, breaker=ROLLBACK)
    r.settle()
    begin(r.service, Deployment("td:2", {}))
    r.step()
    second = r.service.primary
    begin(r.service, Deployment("td:3", {}))
    r.step()
    assert second.status == "ACTIVE"
    assert r.active(second) == [], "tasks that were not ready make room"
    r.settle()
    assert [d.task_definition for d in r.service.deployments] == ["td:3"]


def test_scaling_in_starts_no_deployment() -> None:
    r = rig(desired=3)
    r.settle()
    r.service.desired_count = 1
    r.settle()
    assert len(r.active()) == 1
    assert len(r.service.history) == 0
    assert r.state == "COMPLETED"


def test_a_deleted_service_drains_and_becomes_inactive() -> None:
    r = rig(desired=2)
    r.settle()
    r.service.status = "DRAINING"
    r.step()
    assert service_shape(r.service)["status"] == "DRAINING"
    assert len(r.stopping()) == 2
    r.settle()
    assert service_shape(r.service)["status"] == "INACTIVE"


@pytest.mark.parametrize(
    ("breaker", "desired", "expected"),
    [
        ({}, 1, 3),
        ({}, 10, 5),
        ({}, 1000, 200),
        ({"thresholdConfiguration": {"type": "COUNT", "value": 7}}, 1, 7),
        ({"thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 25}}, 40, 10),
        ({"thresholdConfiguration": {"type": "UNBOUNDED_PERCENT", "value": 50}}, 1000, 500),
        ({"thresholdConfiguration": {"type": "UNBOUNDED_PERCENT", "value": 50}}, 1, 1),
    ],
)
def test_breaker_threshold(breaker: dict[str, Any], desired: int, expected: int) -> None:
    assert breaker_threshold(breaker, desired) == expected
