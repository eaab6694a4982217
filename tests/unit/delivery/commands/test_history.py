"""What `history` prints."""

import pytest

from delivery.commands.history import history_lines
from releases.history import KEPT, History
from releases.record import Release

ARN = "arn:aws:ecs:eu-west-1:111111111111:task-definition/dev-web:8"
A, B = (f"sha256:{letter * 64}" for letter in "ab")


def release(number: int, digest: str) -> Release:
    return Release(number, digest, ARN, "f1", "v1", f"exec-{number}", "2026-11-01T00:00:00Z")


def line(number: int, digest: str, live: str = "") -> str:
    return (
        f"release-{number:<5} 2026-11-01T00:00:00Z  {digest[:19]}  dev-web:8  commit unknown  source v1  "
        f"execution exec-{number}{live}"
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (History([], [], 1, 1), ["Nothing was released yet."]),
        (History([release(1, A)], [], 1, 2), [line(1, A, "  live")]),
        (History([release(2, A), release(1, B)], [], 1, 3), [line(2, A, "  live"), line(1, B)]),
        (History([], [2], 1, 2), ["version 2 of the record is not a release"]),
        (
            History([release(9, B)], [], 3, 103),
            [line(9, B), f"Older releases are forgotten: Parameter Store keeps {KEPT} versions of the record."],
        ),
    ],
    ids=["none", "one", "two", "one that is none", "older ones"],
)
def test_the_releases_are_lines(found: History, expected: list[str]) -> None:
    assert history_lines(found, A) == expected
