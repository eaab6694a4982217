"""How far an operation of Pulumi's is, by the log of its engine's events."""

import json
from pathlib import Path
from typing import Any

import pytest

from delivery.updates import engine_log
from delivery.updates.engine_log import SECONDS_OF_A_REMARK, EngineLog
from releases.progress import SECONDS_BETWEEN_LINES


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(engine_log, "time", clock)
    return clock


def event(kind: str, op: str, name: str) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::p::aws:sqs/queue:Queue::{name}"
    return {kind: {"metadata": {"op": op, "urn": urn, "type": "aws:sqs/queue:Queue"}}}


REMARK = {"diagnosticEvent": {"message": "web: 1 of 2 tasks run", "severity": "info", "urn": "", "ephemeral": True}}
READ = [event("resourcePreEvent", "refresh", "a"), event("resOutputsEvent", "refresh", "a")]
BEGUN = [
    event("resourcePreEvent", op, name) for op, name in (("update", "a"), ("replace", "b"), ("create-replacement", "b"))
]
DONE = [event("resOutputsEvent", "update", "a")]


@pytest.mark.parametrize(
    ("events", "total", "words"),
    [
        ([], 0, "up: the program starts"),
        (READ, 0, "up: 1 resources read"),
        ([*READ, *BEGUN, *DONE], 0, "up: 1 resources"),
        ([*READ, *BEGUN, *DONE], 9, "up: 1 of 9 resources"),
        ([*BEGUN, *DONE], 1, "up: 1 of 2 resources"),
        ([*BEGUN, REMARK], 2, "up: 0 of 2 resources; web: 1 of 2 tasks run"),
    ],
)  # fmt: skip
def test_how_far_it_is(tmp_path: Path, clock: Clock, events: list[Any], total: int, words: str) -> None:
    log = EngineLog(tmp_path / "events", "up", pytest.fail, total=total)
    log.read()  # before the CLI has begun to write
    log.path.write_text("".join(f"{json.dumps(each)}\n" for each in events) + '{"half a line')
    log.read()
    assert str(log) == words
    clock.now += SECONDS_OF_A_REMARK
    assert str(log) == words.partition(";")[0]


def test_without_a_terminal_it_is_a_line_a_minute(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    log = EngineLog(tmp_path / "events", "up", pytest.fail)
    log.path.write_text("".join(f"{json.dumps(each)}\n" for each in BEGUN))
    for _ in range(7):
        log.read()
        clock.now += SECONDS_BETWEEN_LINES / 3
    with log.path.open("a") as file:
        file.write(f"{json.dumps(DONE[0])}\n")
    log.read()
    log.end()
    assert capsys.readouterr().out == "up: 0 resources\n"
    clock.now += SECONDS_BETWEEN_LINES
    log.read()
    assert capsys.readouterr().out == "up: 1 resources\n"
