"""Health checks of a task: what fits, what counts in a row, and how often is asked."""

from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.clock import Clock
from sandbox.ecs.health import Check, HealthTracker, matches, target_check


@pytest.mark.parametrize(
    ("matcher", "status", "fits"),
    [("200", 200, True), ("200", 201, False), ("200-299,302", 302, True), ("200-299,302", 250, True), ("200-299,302", 301, False), ("200,202", 202, True), ("x", 200, False)],
)  # fmt: skip
def test_matcher(matcher: str, status: int, fits: bool) -> None:
    assert matches(matcher, status) is fits


def test_thresholds_count_in_a_row() -> None:
    tracker = HealthTracker(2, 3)
    for success, state in [(True, "initial"), (False, "initial"), (True, "initial"), (True, "healthy"), (False, "healthy"), (False, "healthy"), (False, "unhealthy"), (True, "unhealthy"), (True, "healthy")]:  # fmt: skip
        tracker.record(success)
        assert tracker.state == state


def test_a_container_that_boots_is_not_yet_unhealthy() -> None:
    answers: list[bool | None] = [None, None, None, False, False]
    check = Check(HealthTracker(2, 2), 10, 5, 0, "failed", lambda _: answers.pop(0), "app")
    clock = Clock(1000, patience=1000)
    for now in (0.0, 1.0, 2.0):
        check.run(now, clock)
        assert not check.failed(now, clock)
    for now in (3.0, 4.0):
        check.run(now, clock)
    assert check.failed(4.0, clock), "a wrong answer is an answer"


def test_what_is_healthy_is_checked_less_often_until_it_gives_a_wrong_answer() -> None:
    answers: list[bool | None] = [True, True, True, False, False]
    check = Check(HealthTracker(2, 2), 10, 5, 0, "failed", lambda _: answers.pop(0), "app")
    left = []
    for now in (0.0, 0.1, 0.2, 0.6, 1.0, 1.1, 1.3):
        check.run(now, Clock(100))
        left.append(len(answers))
    assert left == [4, 3, 3, 2, 2, 1, 0]
    assert check.tracker.state == "unhealthy"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (404, "Health checks failed with these codes: [404]"),
        (TimeoutError(), "Request timed out"),
        (ConnectionRefusedError(), "Health checks failed"),
    ],
)
def test_an_event_says_what_a_target_has_answered(answer: int | Exception, reason: str) -> None:
    """Amazon ECS service unhealthy event messages (ECS developer guide)."""

    def http_get(*_: Any) -> int:
        if isinstance(answer, Exception):
            raise answer
        return answer

    group = {
        "TargetGroupArn": "arn", "TargetGroupName": "web", "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2,
        "HealthCheckIntervalSeconds": 10, "HealthCheckTimeoutSeconds": 5,
    }  # fmt: skip
    container: Any = SimpleNamespace(http_get=http_get)
    check = target_check(group, {"containerName": "web", "containerPort": 4000}, container, 0)
    assert not check.probe(5)
    assert check.event() == f"(port 4000) is unhealthy in (target-group arn) due to (reason {reason})"
