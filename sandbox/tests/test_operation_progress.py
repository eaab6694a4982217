"""How far an operation is, and what is told of each resource."""

import sys
from typing import Any

import pytest
from pulumi.automation import EngineEvent

from sandbox import live_line, reports, step_count
from sandbox.live_line import ERASE, LiveLine
from sandbox.reports import COMPUTED, SECRET, SIGNATURE, Reporter
from sandbox.step_count import SECONDS_OF_A_REMARK, StepCount

TASK = "urn:pulumi:dev::p::aws:ecs/taskDefinition:TaskDefinition::web-task"


class Clock:
    """Time that goes on when it is told to."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(live_line, "time", clock)
    monkeypatch.setattr(step_count, "time", clock)
    return clock


def use_terminal(monkeypatch: pytest.MonkeyPatch, kind: str = "xterm") -> None:
    """Have standard error be a terminal of twelve columns."""
    for name, value in {"TERM": kind, "COLUMNS": "12"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)


def test_on_a_terminal_it_is_one_line_that_is_redrawn_below_what_stays(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_terminal(monkeypatch)
    line = LiveLine()
    for text in ("1 of 9", "2 of 9", "3 of 9"):
        clock.now += 0.06
        line.show(text)
    clock.now += 1
    line.show("a line that is too long")
    line.say("hello: waits")
    clock.now += 1
    line.show("4 of 9")
    line.end()
    assert capsys.readouterr().err == f"2 of 9{ERASE}a line that{ERASE}hello: waits\n4 of 9{ERASE}"


def test_elsewhere_it_is_a_line_each_half_minute_and_what_stays_at_once(
    capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    line = LiveLine()
    for text in ("1 of 9", "2 of 9", "3 of 9", "3 of 9", "4 of 9"):
        clock.now += 20
        line.show(text)
        line.say(f"after {text}")
    line.end()
    said = "after 1 of 9\n2 of 9\nafter 2 of 9\nafter 3 of 9\n3 of 9\nafter 3 of 9\nafter 4 of 9\n"
    assert capsys.readouterr() == ("", said)


def test_a_dumb_terminal_is_none(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_terminal(monkeypatch, "dumb")
    line = LiveLine()
    clock.now += 31
    line.show("1 of 9")
    line.end()
    assert capsys.readouterr().err == "1 of 9\n"


def test_what_is_counted(clock: Clock) -> None:
    count = StepCount("up")
    assert str(count) == "  up: the program starts"
    count.read()
    assert str(count) == "  up: 1 resources read"
    for _ in range(3):
        count.declare(None)
    count.begin("a")
    assert str(count) == "  up: 0 of 3 resources"
    for urn in ("a", "b", "c", "d", "d"):
        count.begin(urn)
        count.end(urn)
    assert str(count) == "  up: 4 of 4 resources"
    count.remark("hello: 1 of 2 tasks run")
    assert str(count) == "  up: 4 of 4 resources; hello: 1 of 2 tasks run"
    clock.now += SECONDS_OF_A_REMARK
    assert str(count) == "  up: 4 of 4 resources"


def event(kind: str, op: str, **states: Any) -> EngineEvent:
    metadata = {"op": op, "urn": TASK, "type": TASK.split("::")[2], "provider": "", **states}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, kind: {"metadata": metadata}})


def state(**inputs: Any) -> dict[str, Any]:
    base = {"type": TASK.split("::")[2], "urn": TASK, "id": "", "parent": "", "provider": "", "outputs": {}}
    return {**base, "inputs": inputs}


OLD = state(image='[{"name": "web", "port": 80}]', memory="512", key={SIGNATURE: SECRET}, tags={"a": "1"}, arn="x")
NEW = state(
    image='[{"name": "web", "port": 90}]', memory="1024", key={SIGNATURE: SECRET}, tags={"a": "1"}, arn=COMPUTED
)
DIFFS = ["image", "memory", "key", "arn"]


@pytest.mark.parametrize(
    ("lists", "told"),
    [
        (False, []),
        (
            True,
            [
                "  replace              aws:ecs/taskDefinition:TaskDefinition web-task"
                "\n      arn: 'x' → (known after up)"
                "\n      image[0].port: 80 → 90"
                "\n      key: '[secret]' → '[secret]'"
                "\n      memory: '512' → '1024'"
            ],
        ),
    ],
)
def test_a_replacement_is_listed_once_by_its_fields(lists: bool, told: list[str]) -> None:
    said: list[str] = []
    reporter = Reporter("preview", said.append, lists)
    for op in ("create-replacement", "replace", "delete-replaced"):
        reporter.take(event("resourcePreEvent", op, old=OLD, new=NEW, diffs=DIFFS))
    assert said == told
    assert [step["op"] for step in reporter.outcome.steps] == ["create-replacement", "replace", "delete-replaced"]


def test_what_an_up_has_done_is_listed_when_it_is_done() -> None:
    said: list[str] = []
    reporter = Reporter("up", said.append, True)
    for op in ("create-replacement", "replace", "delete-replaced"):
        reporter.take(event("resourcePreEvent", op, old=OLD, new=NEW))
        reporter.take(event("resOutputsEvent", op, old=OLD, new=NEW))
    assert said == [f"  {reports.DONE['replace']}: aws:ecs/taskDefinition:TaskDefinition web-task"]


def test_each_event_shows_how_far_it_is_and_what_is_ephemeral_is_shown_only() -> None:
    said: list[str] = []
    shown: list[str] = []
    reporter = Reporter("up", said.append, False, shown.append)
    reporter.take(event("resourcePreEvent", "create"))
    for ephemeral in (True, False):
        diagnostic = {"message": "waits", "severity": "info", "color": "", "ephemeral": ephemeral, "urn": ""}
        reporter.take(EngineEvent.from_json({"sequence": 1, "timestamp": 1, "diagnosticEvent": diagnostic}))
    assert said == ["  waits"]
    assert shown == ["  up: 0 of 1 resources", *["  up: 0 of 1 resources; waits"] * 2]
