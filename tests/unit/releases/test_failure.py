"""Why something has failed: the end of a log, which CloudWatch Logs may answer in parts."""

from typing import Any

import pytest
from pipeline_steps_fakes import FakeSession

from releases.failure import MOST_PAGES, last_messages

WHERE = {"logGroupName": "/ecs/dev-web", "logStreamName": "web/web/1", "limit": 3}


def ends_with(pages: dict[str | None, tuple[str, str | None]]) -> tuple[list[str], list[Any]]:
    """The last three messages, and with which tokens they were asked for.

    Args:
        pages: token → the messages, a letter each, and the token of those before.
    """

    def answer(given: dict[str, Any]) -> dict[str, Any]:
        messages, before = pages[given.get("nextToken")]
        events = [{"message": message} for message in messages]
        return {"events": events, **({"nextBackwardToken": before} if before else {})}

    aws = FakeSession({"GetLogEvents": answer})
    found = last_messages(aws.client("logs"), "/ecs/dev-web", "web/web/1", 3)
    calls = aws.called("GetLogEvents")
    assert all({name: call[name] for name in WHERE} == WHERE for call in calls)
    return found, [call.get("nextToken") for call in calls]


@pytest.mark.parametrize(
    ("pages", "messages", "asked"),
    [
        ({None: ("abc", "b/1")}, "abc", [None]),
        ({None: ("", "b/2"), "b/2": ("", "b/1"), "b/1": ("abc", "b/0")}, "abc", [None, "b/2", "b/1"]),
        ({None: ("d", "b/1"), "b/1": ("bc", "b/0")}, "bcd", [None, "b/1"]),
        ({None: ("d", "b/1"), "b/1": ("abc", "b/0")}, "bcd", [None, "b/1"]),
        ({None: ("a", "b/1"), "b/1": ("", "b/1")}, "a", [None, "b/1"]),
        ({None: ("", "b/1"), "b/1": ("", "b/1")}, "", [None, "b/1"]),
        ({None: ("a", None)}, "a", [None]),
    ],
)
def test_the_end_of_a_log_is_looked_for_page_by_page(
    pages: dict[str | None, tuple[str, str | None]], messages: str, asked: list[str | None]
) -> None:
    """A page is of a time, in which nothing may have been written (boto3#3718); the same token again is the log's
    beginning (CloudWatch Logs, GetLogEvents: nextBackwardToken)."""
    assert ends_with(pages) == ([*messages], asked)


def test_a_long_silence_is_given_up() -> None:
    pages: dict[str | None, tuple[str, str | None]] = {f"b/{n}": ("", f"b/{n + 1}") for n in range(2 * MOST_PAGES)}
    found, asked = ends_with({None: ("", "b/0"), **pages})
    assert (found, len(asked)) == ([], MOST_PAGES)
