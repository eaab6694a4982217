"""Why tasks have stopped, in words."""

from typing import Any

import pytest

from releases.stopped_tasks import why


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"stoppedReason": "Essential container in task exited", "exitCode": 3}, "Essential container in task exited (web exit code 3)"),
        ({"stoppedReason": "Task failed to start"}, "Task failed to start"),
        ({"exitCode": 0}, "ECS says no reason (web exit code 0)"),
        ({}, "ECS says no reason"),
    ],
    ids=["exited", "never ran", "no reason", "nothing"],
)  # fmt: skip
def test_why(task: dict[str, Any], words: str) -> None:
    container = {"name": "web", **{key: task[key] for key in ("exitCode",) if key in task}}
    assert why({**task, "containers": [container]}) == words
