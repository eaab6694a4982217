"""What the engine wrote of an operation is read to its end, however soon it has ended, and however it ended."""

import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import EngineEvent

from sandbox.engine import Engine, EngineError
from sandbox.event_log import EventLog
from sandbox.reports import Outcome
from sandbox.stacks import Server, StackFolder

REASON = "chuoi is left as it is: run the repair"
OF_THE_PROGRAM = "Resource monitor has terminated, shutting down"
OF_ITS_CONNECTION = "Exception calling application: failed to connect to all addresses: Connection refused"
SUMMARY = {"maybeCorrupt": False, "durationSeconds": 1, "resourceChanges": {"create": 2}, "PolicyPacks": {}}
CLI = """\
#!/bin/sh
case " $* " in *" up "*) exec {python} -IS "$0.py" "$@" ;; *) echo v3.259.0 ;; esac
"""
UP = """\
import json, os, signal, sys
events = open(sys.argv[sys.argv.index("--event-log") + 1], "a")
def event(**content):
    events.write(json.dumps(dict(sequence=0, timestamp=0, **content)) + "\\n")
    events.flush()
def diagnostic(message):
    event(diagnosticEvent=dict(message=message, severity="error", color="never", urn="", prefix=""))
"""


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Outcome:
    """One `up` with a Pulumi CLI that does nothing but this."""
    cli = folder / ".tools/bin/pulumi"
    cli.parent.mkdir(parents=True)
    cli.write_text(CLI.format(python=sys.executable))
    cli.with_name("pulumi.py").write_text(UP + textwrap.dedent(script))
    cli.chmod(0o755)
    (folder / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").touch()
    monkeypatch.setattr(Engine, "variables", lambda _: {})
    monkeypatch.setattr(Engine, "_environment", lambda _: {})
    server = Server(pid=1, port=1, account="1", region="r", aws_port=1, awsx_port=1)
    return Engine(StackFolder("dev", folder), server, lambda _: None).run("up")


FAILED: dict[str, tuple[str, str]] = {
    "a reason": (f"diagnostic({REASON!r}); sys.exit(255)", REASON),
    "a reason between its consequences": (
        f"diagnostic({OF_THE_PROGRAM!r}); diagnostic({REASON!r}); diagnostic({OF_ITS_CONNECTION!r}); sys.exit(255)",
        REASON,
    ),
    "a reason, and a consequence in the CLI's last words": (
        f"diagnostic({REASON!r}); sys.exit('error: ' + {OF_ITS_CONNECTION!r})",
        REASON,
    ),
    "a consequence only": (f"diagnostic({OF_THE_PROGRAM!r}); sys.exit(255)", OF_THE_PROGRAM),
    "a consequence, and a reason in the CLI's last words": (
        f"diagnostic({OF_THE_PROGRAM!r}); sys.exit('error: the disk is full')",
        "the disk is full",
    ),
    "before it begins": ("sys.exit('error: no such stack')", "no such stack"),
    "on its way": (
        "print('Updating (dev):', flush=True); event(preludeEvent=dict(config={})); os.kill(os.getpid(), 9)",
        "the engine was ended by signal 9 (Killed); it printed last: Updating (dev):",
    ),
    "within an event": (
        f'diagnostic({REASON!r}); events.write(\'{{"sequence": 1, "diag\'); events.flush(); os.kill(os.getpid(), 9)',
        f"{REASON}\nthe engine was ended by signal 9 (Killed); it had printed nothing",
    ),
    "by a fault of its own": (
        "sys.exit('=====\\nThis is a bug!\\nPanic:            no such checkpoint\\n\\ngoroutine 1 [running]:\\nmain.go:53')",
        "the engine crashed: no such checkpoint",
    ),
    "by a fault beside": (
        "print('panic: send on closed channel\\n\\ngoroutine 7 [running]:', file=sys.stderr); sys.exit(2)",
        "the engine crashed: send on closed channel",
    ),
}


@pytest.mark.parametrize("how", FAILED)
def test_an_engine_that_fails(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, reason = FAILED[how]
    with pytest.raises(EngineError) as failed:
        run(tmp_path, monkeypatch, script)
    assert str(failed.value) == reason


def test_what_an_engine_has_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run(tmp_path, monkeypatch, f"event(summaryEvent={SUMMARY!r}); event(cancelEvent={{}})")
    assert outcome.changes() == {"create": 2}


def test_what_it_had_done_before_it_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError) as failed:
        run(tmp_path, monkeypatch, f"event(summaryEvent={SUMMARY!r}); os.kill(os.getpid(), 9)")
    assert failed.value.outcome.changes() == {"create": 2}


def test_an_event_that_the_sdk_cannot_read_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[EngineEvent] = []
    log = EventLog(taken.append)
    log.path.write_text('no JSON\n{"sequence": 1, "timestamp": 0, "cancelEvent": {}}\n')
    log.start()
    log.join()
    assert [event.sequence for event in taken] == [1]
    assert "an event cannot be read: b'no JSON'" in caplog.text


def test_an_event_is_taken_while_the_engine_runs() -> None:
    taken = threading.Event()
    log = EventLog(lambda _: taken.set())
    log.start()
    with log.path.open("a") as file:
        file.write('{"sequence": 1, "timestamp": 0, "cancelEvent": {}}\n')
    came = taken.wait(60)
    log.join()
    assert came


def test_a_take_that_fails_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Any] = []

    def take(event: EngineEvent) -> None:
        seen.append(event.sequence)
        raise KeyError(event.sequence)

    log = EventLog(take)
    log.path.write_text("".join(f'{{"sequence": {n}, "timestamp": 0, "cancelEvent": {{}}}}\n' for n in (1, 2)))
    log.start()
    log.join()
    assert seen == [1, 2]
