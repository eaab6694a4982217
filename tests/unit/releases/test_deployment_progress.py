"""How far a deployment is, in words."""

from datetime import UTC, datetime, timedelta

import pytest

from releases.controllers.controller import Deployment
from releases.deployment_progress import minutes_left, shift_words, task_words
from releases.service_deployments import ServiceDeployment

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


def deployment(running: int, wanted: int, failed: int = 0) -> Deployment:
    return Deployment("ecs-svc/1", "arn", "IN_PROGRESS", "", running, running=running, wanted=wanted, failed=failed)


@pytest.mark.parametrize(
    ("listed", "desired", "words"),
    [
        ([deployment(1, 2)], 0, "1 of 2 tasks run"),
        ([deployment(0, 0)], 3, "0 of 3 tasks run"),
        ([deployment(1, 2, 4), deployment(1, 1), deployment(2, 2)], 0, "1 of 2 tasks run, 4 failed; 3 old"),
        ([deployment(2, 2), deployment(0, 0)], 2, "2 of 2 tasks run"),
    ],
)
def test_tasks(listed: list[Deployment], desired: int, words: str) -> None:
    assert task_words(listed, desired) == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "IN_PROGRESS: its new tasks have 0 % of the traffic"),
        (
            {"stage": "BAKE_TIME", "share": 100.0, "until": NOW + timedelta(seconds=61)},
            "BAKE_TIME: its new tasks have 100 % of the traffic; 2 min left of its bake, and then the old tasks go",
        ),
        (
            {"stage": "POST_TEST_TRAFFIC_SHIFT", "pause": "h", "until": NOW - timedelta(1)},
            "POST_TEST_TRAFFIC_SHIFT: its new tasks have 0 % of the traffic; 0 min left of its pause, and then it goes back",
        ),
        (
            {"status": "ROLLBACK_IN_PROGRESS", "share": 12.5},
            "ROLLBACK_IN_PROGRESS: its new tasks have 12.5 % of the traffic, and it goes back",
        ),
    ],
)
def test_traffic(fields: dict[str, object], words: str) -> None:
    given = {"arn": "arn", "status": "IN_PROGRESS", **fields}
    assert shift_words(ServiceDeployment(**given), NOW) == words  # type: ignore[arg-type]


@pytest.mark.parametrize(("seconds", "left"), [(-1, 0), (0, 0), (1, 1), (60, 1), (61, 2)])
def test_minutes(seconds: int, left: int) -> None:
    assert minutes_left(ServiceDeployment("arn", "BAKE", until=NOW + timedelta(seconds=seconds)), NOW) == left
