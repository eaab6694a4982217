"""The CLI ends before the last of its events are taken: what they say is not lost."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import EngineEvent
from pulumi.automation._cmd import CommandResult
from pulumi.automation.errors import CommandError

from sandbox import reports
from sandbox.engine import Engine, EngineError
from sandbox.stacks import Server, StackFolder

REASON = "chuoi is left as it is: run the repair"
CONSEQUENCE = "error: Exception calling application: connection refused"
DIAGNOSTIC = {"message": REASON, "severity": "error", "color": "never", "urn": "", "prefix": ""}


class Late:
    """A stack whose events come when its command is over already."""

    def __init__(self, code: int, *events: dict[str, Any]) -> None:
        self.code, self.events = code, events

    def up(self, on_event: Any, **_: Any) -> None:
        on_event(EngineEvent.from_json({"sequence": 0, "timestamp": 0, "preludeEvent": {"config": {}}}))
        threading.Thread(target=self._tell, args=(on_event,)).start()
        if self.code:
            raise CommandError(CommandResult("", CONSEQUENCE, self.code))

    def _tell(self, on_event: Any) -> None:
        time.sleep(0.3)
        for number, event in enumerate(self.events, 1):
            on_event(EngineEvent.from_json({"sequence": number, "timestamp": 0, **event}))


def run(late: Late, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (folder / "Pulumi.dev.yaml").touch()
    monkeypatch.setattr(Engine, "_stack", lambda *_: late)
    monkeypatch.setattr(Engine, "_aws", lambda _: {})
    server = Server(pid=1, port=1, account="1", region="r", aws_port=1, awsx_port=1)
    return Engine(StackFolder("dev", folder), server, lambda _: None).run("up")


def test_the_reason_of_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError) as failed:
        run(Late(255, {"diagnosticEvent": DIAGNOSTIC}, {"cancelEvent": {}}), tmp_path, monkeypatch)
    assert str(failed.value) == REASON


def test_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = {"maybeCorrupt": False, "durationSeconds": 1, "resourceChanges": {"create": 2}, "PolicyPacks": {}}
    outcome = run(Late(0, {"summaryEvent": summary}, {"cancelEvent": {}}), tmp_path, monkeypatch)
    assert outcome.changes() == {"create": 2}


def test_nothing_is_waited_for_when_the_engine_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "SECONDS_FOR_EVENTS", None)  # as long as it takes, and nothing comes
    with pytest.raises(EngineError):
        run(Late(-9), tmp_path, monkeypatch)


def test_nothing_is_waited_for_when_nothing_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(Late):
        def up(self, on_event: Any, **_: Any) -> None:
            raise CommandError(CommandResult("", "error: no such stack", 255))

    monkeypatch.setattr(reports, "SECONDS_FOR_EVENTS", None)
    with pytest.raises(EngineError, match="no such stack"):
        run(Refused(255), tmp_path, monkeypatch)
