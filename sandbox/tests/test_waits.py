"""What the sandbox's commands wait for: they say so once a minute, and not for ever."""

import fcntl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.engine import Engine
from sandbox.stacks import SandboxError, StackFolder

Wait = Callable[[Path, list[str]], Any]


def a_lock(root: Path, said: list[str]) -> None:
    with (root / ".sandbox/dev.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with StackFolder("dev", root).locked(said.append):
            pass


def an_engine(_: Path, said: list[str]) -> None:
    folder: Any = SimpleNamespace(locking_processes=lambda: [7])
    server: Any = None
    Engine(folder, server, said.append)._release_lock()


WAITS: dict[str, tuple[Wait, str, int, str]] = {
    "another command": (
        a_lock,
        "Waiting for another command on stack dev to end",
        4 * 60,
        "another command has worked on stack dev for 4 hours; end it first",
    ),
    "an engine": (
        an_engine,
        "An earlier run was killed; waiting for its engine to end",
        10,
        "its engine, process 7, does not end; end it first",
    ),
}


@pytest.mark.parametrize("waits_for", WAITS)
def test_it_says_so_once_a_minute_and_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, waits_for: str) -> None:
    wait, words, minutes, end = WAITS[waits_for]
    now, said = [0.0], list[str]()
    (tmp_path / "Pulumi.dev.yaml").write_text("")
    (tmp_path / ".sandbox").mkdir()

    real_sleep, real_monotonic, this = time.sleep, time.monotonic, threading.current_thread()

    def sleep(seconds: float) -> None:
        if threading.current_thread() is not this:  # one that an earlier test has left
            return real_sleep(seconds)
        now[0] += 60
        assert now[0] < 8 * 24 * 3600, "it waits for ever"
        return None

    monkeypatch.setattr("time.monotonic", lambda: now[0] if threading.current_thread() is this else real_monotonic())
    monkeypatch.setattr("time.sleep", sleep)
    with pytest.raises(SandboxError, match=end):
        wait(tmp_path, said)
    assert [line for line in said if line.startswith(f"{words}, ")][:2] == [f"{words}, {n} s so far" for n in (60, 120)]
    assert minutes * 60 < now[0] <= (minutes + 3) * 60
