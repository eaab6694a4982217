"""How the traffic of a deployment shifted."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from page_facts import NOW

from delivery.page import traffic
from delivery.page.facts import Share, TaskRun

CANARY = {"canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 4}, "bakeTimeInMinutes": 6}
LINEAR = {"linearConfiguration": {"stepPercent": 40.0, "stepBakeTimeInMinutes": 3}, "bakeTimeInMinutes": 1}


def at(minute: float) -> datetime:
    return NOW + timedelta(minutes=minute)


def minutes(shares: list[Share]) -> list[tuple[float, float]]:
    return [((share.at - NOW).total_seconds() / 60, share.percent) for share in shares]


@pytest.mark.parametrize(
    ("configuration", "plan"),
    [
        (CANARY, [(10, 4), (100, 6)]),
        (LINEAR, [(40, 3), (80, 3), (100, 1)]),
        ({"linearConfiguration": {"stepPercent": 50.0, "stepBakeTimeInMinutes": 2}}, [(50, 2), (100, 0)]),
        ({"linearConfiguration": {"stepPercent": 33.3, "stepBakeTimeInMinutes": 1}}, [(33.3, 1), (66.6, 1), (99.9, 1), (100, 0)]),
        ({"bakeTimeInMinutes": 5}, [(100, 5)]),
        ({}, [(100, 0)]),
    ],
    ids=["canary", "linear", "linear by halves", "linear by thirds", "all at once", "without a bake"],
)  # fmt: skip
def test_the_plan_of_a_configuration(configuration: dict[str, Any], plan: list[tuple[float, float]]) -> None:
    assert traffic.plan_of(configuration) == plan


@pytest.mark.parametrize(
    ("ready", "cleaned", "shares"),
    [
        (1, 11, [(1, 10), (5, 100)]),
        (1, 15, [(5, 10), (9, 100)]),
        (1, 6, [(1, 10), (3, 100)]),
        (2, 2, [(2, 10), (2, 100)]),
    ],
    ids=["as planned", "after a pause", "a clock that runs twice as fast", "no time at all"],
)
def test_what_has_succeeded_has_taken_its_steps_before_the_old_tasks_went(
    ready: float, cleaned: float, shares: list[tuple[float, float]]
) -> None:
    assert minutes(traffic.of_completed(traffic.plan_of(CANARY), at(ready), at(cleaned))) == shares


def test_what_has_no_bake_shifts_when_the_old_tasks_go() -> None:
    assert minutes(traffic.of_completed([(100.0, 0.0)], at(1), at(3))) == [(3, 100)]


@pytest.mark.parametrize(
    ("ready", "back", "shares"),
    [
        (1, 3, [(1, 10), (3, 0)]),
        (1, 7, [(1, 10), (5, 100), (7, 0)]),
        (None, 3, []),
        (3, 3, []),
    ],
    ids=["at the canary", "in the bake", "no task was ready", "at once"],
)
def test_what_went_back_has_no_traffic_then(
    ready: float | None, back: float, shares: list[tuple[float, float]]
) -> None:
    began = None if ready is None else at(ready)
    assert minutes(traffic.of_interrupted(traffic.plan_of(CANARY), began, at(back))) == shares


def test_a_rolling_update_shifts_with_its_tasks() -> None:
    runs = [
        TaskRun("1", at(-60), at(2), False),
        TaskRun("2", at(-60), at(3), False),
        TaskRun("3", at(1), None, True),
        TaskRun("4", at(2), None, True),
    ]
    assert [(minute, round(share)) for minute, share in minutes(traffic.of_tasks(runs))] == [(1, 33), (2, 67), (3, 100)]
    assert traffic.of_tasks([]) == []
    assert minutes(traffic.of_tasks([TaskRun("1", at(0), at(4), True)])) == [(0, 100), (4, 0)]


@pytest.mark.parametrize(
    ("routing", "ended", "shares"),
    [
        ({"type": "AllAtOnce"}, 2, [(0, 100)]),
        ({"timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 5}}, 5, [(0, 10), (5, 100)]),
        ({"timeBasedLinear": {"linearPercentage": 50, "linearInterval": 1}}, 1, [(0, 50), (1, 100)]),
        ({"timeBasedLinear": {"linearPercentage": 25, "linearInterval": 2}}, 3, [(0, 25), (1, 50), (2, 75), (3, 100)]),
        ({"timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 5}}, None, [(0, 10)]),
        ({}, None, [(0, 100)]),
    ],
    ids=["at once", "canary", "linear", "linear on a clock twice as fast", "canary that goes on", "at once, going on"],
)
def test_what_code_deploy_has_shifted(
    routing: dict[str, Any], ended: float | None, shares: list[tuple[float, float]]
) -> None:
    assert minutes(traffic.of_code_deploy(routing, at(0), None if ended is None else at(ended))) == shares
