"""What `ship` shows of a delivery: a build's log without the buildspec's scripts, and where the service answers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.cli import delivery
from sandbox.clients.build_logs import Folding
from sandbox.clients.follow import Approval, failed_run, failed_task, how_to_answer
from sandbox.clients.sites import Site
from sandbox.stacks import SandboxError

SCRIPT = "[Container] 2026/11/29 10:00:33 Running command cat > \"$HOME/release.sh\" <<'SCRIPT'"
COMMAND = '[Container] 2026/11/29 10:00:34 Running command bash -euo pipefail "$HOME/release.sh"'


@pytest.mark.parametrize(
    ("polls", "shown"),
    [
        ([[SCRIPT, "set -e", "SCRIPT", COMMAND, "Released"]], [f"{SCRIPT} …", COMMAND, "Released"]),
        ([[SCRIPT, "a"], [], ["SCRIPT", SCRIPT], ["b", "  SCRIPT"], ["c"]], [f"{SCRIPT} …", f"{SCRIPT} …", "c"]),
        ([["SCRIPT", "cat <<'SCRIPT'", "x"]], ["SCRIPT", "cat <<'SCRIPT'", "x"]),
        ([["[Container] x Running command a\nb\nc", "one\ntwo"]], ["[Container] x Running command a …", "one", "two"]),
        ([[COMMAND, "ERROR: failed"]], [COMMAND, "ERROR: failed"]),
    ],
)
def test_a_script_of_the_buildspec_is_one_line(polls: list[list[str]], shown: list[str]) -> None:
    folding = Folding()
    assert [line for poll in polls for line in folding.shown(poll)] == shown


@pytest.mark.parametrize(
    ("site", "words"),
    [
        (
            Site("hello.example.com", "127.0.0.1:80"),
            "; it answers at http://hello.example.com.localhost:80/",
        ),
        (SandboxError("no listener's rule leads to it"), ""),
    ],
)
def test_where_a_delivered_service_answers(
    monkeypatch: pytest.MonkeyPatch, site: Site | SandboxError, words: str
) -> None:
    def find(*_: Any) -> Site:
        if isinstance(site, SandboxError):
            raise site
        return site

    monkeypatch.setattr(delivery, "find_site", find)
    session: Any = None
    assert delivery._where_it_answers(session, {}, "hello") == words


@pytest.mark.parametrize(
    ("asks", "subject"), [("mine", "The execution"), ("other", "Execution other, in front of it,")]
)
def test_an_approval_and_what_answers_it(asks: str, subject: str) -> None:
    approval = Approval("Approve", "Approve", asks, "token", "sha256:1 from 2?")
    lines = how_to_answer(approval, "mine", ["yes web", "no web"])
    assert lines == [f"{subject} waits for approval: sha256:1 from 2?", "  yes web", "  no web"]


START = datetime(2026, 11, 29, 10, tzinfo=UTC)


class Aws:
    """An AWS with stopped tasks of one service, each of which said its own name."""

    def __init__(self, *tasks: tuple[str, int, str]) -> None:
        self._tasks = {
            name: {
                "taskArn": f"arn:aws:ecs:eu-west-1:1:task/local/{name}",
                "taskDefinitionArn": "local-hello:1",
                "lastStatus": "STOPPED",
                "stoppedAt": START + timedelta(seconds=seconds),
                "stoppedReason": reason,
                "startedBy": "exec-1" if name.startswith("run") else "ecs-svc/1",
            }
            for name, seconds, reason in tasks
        }

    def client(self, _: str) -> Any:
        return self

    def list_clusters(self) -> dict[str, Any]:
        return {"clusterArns": ["local"]}

    def list_tasks(self, **asked: str) -> dict[str, Any]:
        return {"taskArns": list(self._tasks) if asked["desiredStatus"] == "STOPPED" else []}

    def describe_tasks(self, cluster: str, tasks: list[str]) -> dict[str, Any]:
        return {"tasks": [self._tasks[name] for name in tasks]}

    def describe_task_definition(self, **_: str) -> dict[str, Any]:
        log = {"options": {"awslogs-group": "/ecs/local-hello", "awslogs-stream-prefix": "web"}}
        return {"taskDefinition": {"containerDefinitions": [{"name": "web", "logConfiguration": log}]}}

    def get_log_events(self, logStreamName: str, **more: Any) -> dict[str, Any]:
        said = [] if "nextToken" in more or "silent" in logStreamName else [{"message": f"I am {logStreamName}\n"}]
        return {"events": said, "nextForwardToken": "end"}


EXITED = "Essential container in task exited"


@pytest.mark.parametrize(
    ("tasks", "lines"),
    [
        ([], []),
        ([("before", -1, EXITED)], []),
        ([("scaled", 9, "Scaling activity initiated by (deployment ecs-svc/1)")], []),
        (
            [("first", 3, EXITED), ("last", 8, EXITED), ("scaled", 9, "Scaling activity initiated by (deployment x)")],
            [f"  last/web (STOPPED): {EXITED}", "  | I am web/web/last"],
        ),
        ([("silent", 3, EXITED)], [f"  silent/web (STOPPED): {EXITED}", "  | it has said nothing"]),
    ],
)
def test_a_failed_deployment_shows_what_the_last_failed_task_said(
    tasks: list[tuple[str, int, str]], lines: list[str]
) -> None:
    action = {"actionTypeId": {"provider": "ECS"}, "configuration": {"ClusterName": "local", "ServiceName": "hello"}}
    account: Any = Aws(*tasks)
    assert failed_task(account, {"stages": [{"actions": [action]}]}, "hello", START) == lines


@pytest.mark.parametrize(
    ("tasks", "lines"),
    [
        ([], []),
        ([("run-before", -1, EXITED), ("another", 3, EXITED)], []),
        (
            [("run-1", 3, EXITED), ("run-2", 8, EXITED), ("another", 9, EXITED)],
            [f"  run-2/web (STOPPED): {EXITED}", "  | I am web/web/run-2"],
        ),
    ],
)
def test_a_failed_step_shows_what_the_task_said_that_it_ran(
    tasks: list[tuple[str, int, str]], lines: list[str]
) -> None:
    account: Any = Aws(*tasks)
    assert failed_run(account, "exec-1", START) == lines
