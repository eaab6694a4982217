"""What `history` prints."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from click import unstyle
from click.testing import CliRunner
from delivery_aws import NOW, FakeAws, RefusedError, action, digest

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.commands.history import history_lines
from delivery.executions.failed import MOST, FailedDelivery, failed_deliveries
from delivery.services.history import entries, seconds_of
from releases.history import KEPT, History
from releases.pipeline import Pipeline
from releases.record import Release

ARN = "arn:aws:ecs:eu-west-1:111111111111:task-definition/dev-web:8"
A, B = digest("a"), digest("b")
EVE = "arn:aws:sts::111111111111:assumed-role/admin/eve"


def release(number: int, image: str, **fields: Any) -> Release:
    return Release(number, image, ARN, "f1", "v1", f"exec-{number}", "2026-11-01T00:00:00Z", **fields)


def line(number: int, image: str, live: str = "") -> str:
    tag = f"release-{number}".ljust(11)
    return f"{tag}  2026-11-01T00:00:00Z  {image[:19]}  dev-web:8  execution exec-{number}  source v1{live}"


def lines(found: History, live: str | None = A, width: int | None = None) -> list[str]:
    return [unstyle(each) for each in history_lines(found, entries(found, live, {"exec-7": 250}), width)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (History([], [], 1, 1), ["Nothing was released yet."]),
        (History([release(1, A)], [], 1, 2), [line(1, A, "  live")]),
        (History([release(2, A), release(1, B)], [], 1, 3), [line(2, A, "  live"), line(1, B)]),
        (History([release(2, B), release(1, A)], [], 1, 3), [line(2, B), line(1, A, "  live")]),
        (
            History([release(3, A), release(2, B), release(1, A)], [], 1, 3),
            [line(3, A, "  back to release-1  live"), line(2, B), line(1, A)],
        ),
        (
            History([release(3, A, without_migration=True), release(2, B), release(1, A)], [], 1, 3),
            [line(3, A, "  back to release-1  without its migration  live"), line(2, B), line(1, A)],
        ),
        (
            History([replace(release(3, A), source_version="v3"), release(2, B), release(1, A)], [], 1, 3),
            [line(3, A, "  live").replace("source v1", "source v3"), line(2, B), line(1, A)],
        ),
        (History([release(2, A), release(1, A)], [], 1, 3), [line(2, A, "  live"), line(1, A)]),
        (History([], [2], 1, 2), ["version 2 of the record is not a release"]),
        (
            History([release(9, B)], [], 3, 103),
            [line(9, B), f"Older releases are forgotten: Parameter Store keeps {KEPT} versions of the record."],
        ),
    ],
    ids=[
        "none",
        "one",
        "two",
        "the one before",
        "two of one image",
        "without its migration",
        "an upload that built the same image",
        "the same again",
        "one that is none",
        "older ones",
    ],
)
def test_the_releases_are_lines(found: History, expected: list[str]) -> None:
    assert lines(found) == expected


WHOLE = History([release(7, A, commit="1234567890abcdef", by=EVE)])


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (
            None,
            "release-7    2026-11-01T00:00:00Z  sha256:aaaaaaaaaaaa  dev-web:8  commit 1234567890ab  by eve  in 4 min  "
            "execution exec-7  source v1  live",
        ),
        (110, "release-7    2026-11-01 00:00  sha256:aaaaaaaaaaaa  dev-web:8  commit 1234567890ab  by eve  in 4 min  live"),
        (80, "release-7    2026-11-01 00:00  commit 1234567890ab  by eve  live"),
        (40, "release-7    2026-11-01 00:00  live"),
        (20, "release-7    live"),
        (1, "release-7"),
    ],
)  # fmt: skip
def test_a_narrow_terminal_has_what_matters_most(width: int | None, expected: str) -> None:
    assert lines(WHOLE, width=width) == [expected]


def by(execution: str, days: int = 0) -> Release:
    """A release of an execution, so many days after the executions began."""
    return Release(1, A, ARN, "f1", "v1", execution, (NOW + timedelta(days=days)).isoformat())


def test_how_long_executions_took() -> None:
    aws = FakeAws()
    first, second = aws.executing("Succeeded"), aws.executing("Failed")
    pipeline = Pipeline(aws.session(), "dev-web")
    assert seconds_of(pipeline, [by(first), by("forgotten")]) == {first: 90}
    assert seconds_of(pipeline, [by(second), by(first)]) == {second: 90, first: 90}
    assert seconds_of(pipeline, [by(first, 29)]) == {first: 90}, "it may have waited so long"
    aws.refuse["ListPipelineExecutions"] = RefusedError("PipelineNotFoundException")
    assert seconds_of(pipeline, [by(first)]) == {}


class Endless(Pipeline):
    """Which has had an execution a day, for ever."""

    looked_at = 0

    def executions(self) -> Iterator[dict[str, Any]]:
        for day in count():
            self.looked_at += 1
            began = NOW - timedelta(days=day)
            ended = began + timedelta(seconds=90)
            yield {"pipelineExecutionId": f"run-{day}", "startTime": began, "lastUpdateTime": ended}


def test_not_all_executions_are_looked_at_for_one_that_is_made_up() -> None:
    pipeline = Endless(FakeAws().session(), "dev-web")
    assert seconds_of(pipeline, [by("made-up", 0), by("run-9", -9)]) == {"run-9": 90}
    assert pipeline.looked_at == 32
    pipeline.looked_at = 0
    assert seconds_of(pipeline, [by("run-1", -1)]) == {"run-1": 90}
    assert pipeline.looked_at == 2


CAUSE = {"errorDetails": {"message": "arn:1 is\nill"}}
PACKAGED = action("Package", "Package", "Invoke", variables={"COMMIT": "c0ffee"})


def with_failures() -> FakeAws:
    """A release after two deliveries that failed, one of which was stopped, and before one; and the first, of nothing."""
    aws = FakeAws()
    aws.record("none")
    aws.service(aws.revision(1, f"@{A}"), A)
    aws.executing("Failed", action("Source", "Source", "Source", "Failed"))
    aws.executing("Failed", action("Source", "Source", "Source", "Failed", result=CAUSE))
    aws.executing("Stopped", PACKAGED, action("Deploy", "Migrate", "Invoke", "Abandoned"))
    released = aws.executing("Succeeded", PACKAGED)
    aws.release(1, A, ARN, execution=released, time=(NOW + timedelta(minutes=4)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    aws.executing("Failed", PACKAGED, action("Deploy", "Deploy", "Deploy", "Failed", result=CAUSE))
    aws.executing("InProgress")
    return aws


def history(monkeypatch: pytest.MonkeyPatch, aws: FakeAws, *options: str) -> str:
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))
    done = CliRunner().invoke(main, ["history", "web", "--stack", "dev", *options])
    assert done.exit_code == 0, done.output
    assert aws.writes == []
    return done.output


def test_deliveries_that_failed_are_between_the_releases_with_their_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = with_failures()
    lines = history(monkeypatch, aws, "--all").splitlines()
    assert lines[0] == (
        "failed       2030-01-10T00:05:30Z  Deploy / Deploy: arn:1 is ill  commit c0ffee  in 1 min  execution run-5"
    )
    assert lines[1].startswith("release-1 ")
    assert lines[2].startswith("stopped      2030-01-10T00:03:30Z  Deploy / Migrate: ")
    assert lines[3:] == ["failed       2030-01-10T00:02:30Z  Source / Source: arn:1 is ill  in 1 min  execution run-2"]
    assert [line.split()[0] for line in history(monkeypatch, aws).splitlines()] == ["release-1"]


def test_the_document_has_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = with_failures()
    first, release, second, third = json.loads(history(monkeypatch, aws, "--all", "--json"))
    assert first == {
        "time": "2030-01-10T00:05:30Z", "status": "Failed", "cause": "Deploy / Deploy: arn:1 is ill",
        "execution": "run-5", "commit": "c0ffee", "seconds": 90,
    }  # fmt: skip
    assert (release["release"], second["status"], third["execution"]) == (1, "Stopped", "run-2")
    assert len(json.loads(history(monkeypatch, aws, "--json"))) == 1


def test_a_narrow_terminal_has_the_beginning_of_a_cause() -> None:
    each = FailedDelivery("2030-01-10T00:04:30Z", "Failed", "x" * 40, "run-4", "unknown", 90)
    assert each.line(40) == f"failed       2030-01-10 00:04  {'x' * 8}…"
    assert each.line(120) == f"failed       2030-01-10 00:04  {'x' * 40}  in 1 min"


def test_not_more_than_so_many_are_looked_at() -> None:
    aws = FakeAws()
    for _ in range(MOST + 5):
        aws.executing("Failed", PACKAGED, action("Deploy", "Deploy", "Deploy", "Failed"))
    assert len(failed_deliveries(Pipeline(aws.session(), "dev-web"))) == MOST
    aws.refuse["ListPipelineExecutions"] = RefusedError("PipelineNotFoundException")
    assert failed_deliveries(Pipeline(aws.session(), "dev-web")) == []
