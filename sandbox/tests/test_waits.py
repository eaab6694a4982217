"""What the sandbox's commands wait for: they say so once a minute, and not for ever."""

import fcntl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.clients import upload
from sandbox.clients.follow import ExecutionFollower
from sandbox.clients.upload import Uploaded
from sandbox.engine import Engine
from sandbox.stacks import SandboxError, StackFolder

Json = dict[str, Any]
Wait = Callable[[Path, list[str]], Any]
RUNNING = {
    "actionExecutionId": "1", "stageName": "Deploy", "actionName": "Deploy", "status": "InProgress", "input": {
        "actionTypeId": {"provider": "ECS", "category": "Deploy"}
    },
}  # fmt: skip


def account(*actions: Json) -> Any:
    """One whose only execution never ends: it has had no turn yet, or is at its last action."""
    paginator = SimpleNamespace(paginate=lambda **_: [{"actionExecutionDetails": list(actions)}])
    codepipeline = SimpleNamespace(
        get_pipeline_execution=lambda **_: {"pipelineExecution": {"status": "InProgress"}},
        get_pipeline_state=lambda **_: {"stageStates": []},
        get_paginator=lambda _: paginator,
        list_pipeline_executions=lambda **_: {
            "pipelineExecutionSummaries": [{"pipelineExecutionId": "e1", "status": "InProgress"}]
        },
    )
    events = SimpleNamespace(list_rules=lambda: {"Rules": []})
    codepipeline.get_pipeline = lambda **_: {"metadata": {"pipelineArn": "arn"}}
    return SimpleNamespace(client=lambda name: events if name == "events" else codepipeline)


def a_pipeline(*actions: Json) -> Wait:
    return lambda _, said: ExecutionFollower(account(*actions), {"name": "dev-web"}, "e1", said.append).follow()


def a_turn(_: Path, said: list[str]) -> None:
    upload.wait_for_execution(
        account(), {"name": "dev-web"}, Uploaded("b", "k", "v", "me", 1, frozenset()), said.append
    )


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
    "an action": (
        a_pipeline(RUNNING),
        "  Deploy/Deploy goes on",
        7 * 24 * 60,
        "Deploy/Deploy goes on for more than 7 days; execution e1 of dev-web is InProgress and goes on",
    ),
    "between two": (a_pipeline(), "  It waits for its turn", 7 * 24 * 60, "It waits for its turn for more than 7 days"),
    "the execution before": (
        a_turn,
        "The execution waits for the one before it",
        60,
        "waits for the one before it, for 60 minutes",
    ),
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
