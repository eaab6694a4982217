"""ECS Exec: who gets a session, what runs in it, and where it is logged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_fakes import eventually, misfits
from ecs_account import Aws, FakeContainer, FakeTerminal, container, ecs_account
from exec_rig import ROLE, Rights, agent_rights, start
from session_client import Plugin

from sandbox.account.errors import AwsError
from sandbox.ecs import exec_agent
from sandbox.ecs.exec_log import LARGEST_EVENT, events
from sandbox.ecs.state import state_of
from sandbox.session_manager.messages import Payload

Json = dict[str, Any]
GROUP = "/ecs/sessions"


@pytest.fixture
def rights(monkeypatch: pytest.MonkeyPatch) -> Rights:
    return agent_rights(monkeypatch)


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rights: Rights) -> Iterator[Aws]:
    with ecs_account(tmp_path, monkeypatch) as prepared:
        yield prepared


def execute(aws: Aws, running: Json, command: str = "sh", **more: Any) -> Json:
    params = {"cluster": "main", "task": running["taskArn"], "command": command, "interactive": True, **more}
    answer = aws.ecs.execute_command(**params)
    assert misfits("ecs", "ExecuteCommand", answer) == []
    return dict(answer)


def terminal_of(aws: Aws, name: str = "app") -> FakeTerminal:
    terminals: list[FakeTerminal] = eventually(lambda: aws.engine.running[name].terminals)
    return terminals[-1]


def configure(aws: Aws, logging: str = "OVERRIDE", encrypted: bool = True, **more: Any) -> None:
    log = {"cloudWatchLogGroupName": GROUP, "cloudWatchEncryptionEnabled": encrypted}
    settings = {"logging": logging, **({"logConfiguration": log} if logging == "OVERRIDE" else {}), **more}
    aws.ecs.update_cluster(cluster="main", configuration={"executeCommandConfiguration": settings})


def logged(aws: Aws, group: str = GROUP) -> dict[str, list[str]]:
    """Stream → its messages."""
    logs = aws.account.clients["logs"]
    names = [each["logStreamName"] for each in logs.describe_log_streams(logGroupName=group)["logStreams"]]
    return {
        name: [each["message"] for each in logs.get_log_events(logGroupName=group, logStreamName=name)["events"]]
        for name in names
    }


def test_a_session_shows_what_is_written_and_types_what_is_sent(aws: Aws) -> None:
    task = start(aws)
    answer = execute(aws, task, "sh -c 'a  b'")
    assert answer["taskArn"] == task["taskArn"]
    assert answer["containerArn"] == task["containers"][0]["containerArn"]
    assert answer["session"]["sessionId"].startswith("ecs-execute-command-")
    plugin = Plugin(answer["session"]).ready()
    terminal = terminal_of(aws)
    assert terminal.argv == ["sh", "-c", "a  b"]
    assert terminal.environment == {"TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": "/root"}
    assert plugin.asked["RequestedClientActions"][0]["ActionParameters"]["SessionType"] == "InteractiveCommands"
    plugin.send(Payload.SIZE, json.dumps({"cols": 80, "rows": 24}).encode())
    plugin.type("ls\r")
    eventually(lambda: (terminal.typed, terminal.sizes) == (b"ls\r", [(24, 80)]))
    terminal.write(b"x" * 2500 + b"!")
    assert plugin.shows("x" * 2500 + "!")
    terminal.finish()
    assert plugin.ended() == ""
    eventually(lambda: terminal.state == "closed")


def test_who_hangs_up_ends_the_command(aws: Aws) -> None:
    plugin = Plugin(execute(aws, start(aws))["session"]).ready()
    terminal = terminal_of(aws)
    plugin.hang_up()
    eventually(lambda: terminal.state == "closed")


@pytest.mark.parametrize("change", [{"tokenValue": "another"}, {"streamUrl": "session"}, {}])
def test_a_token_is_good_for_one_session_once(aws: Aws, change: Json) -> None:
    session = execute(aws, start(aws))["session"]
    if change.get("streamUrl"):
        change = {"streamUrl": session["streamUrl"].replace(session["sessionId"], "ecs-execute-command-0")}
    if not change:
        Plugin(session).ready()
    second = Plugin({**session, **change})
    eventually(lambda: second.code == 1008)
    assert second.asked is None


def test_a_client_that_cannot_do_it_ends_the_session(aws: Aws) -> None:
    plugin = Plugin(execute(aws, start(aws))["session"], status=2)
    assert plugin.ended() == "----------ERROR-------\nSessionType failed on client with status 2 error: too old"
    assert aws.engine.running["app"].terminals == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("missing now", 'Unable to start command: Failed to start pty: exec: "missing": executable file not found'),
        ("sh -c 'open", "Unable to start command: Failed to parse commands input: No closing quotation"),
    ],
)
def test_a_command_that_cannot_start(aws: Aws, command: str, words: str) -> None:
    assert words in Plugin(execute(aws, start(aws), command)["session"]).ended()


BOTH = container("app"), container("side")
READ_ONLY = container("app", readonlyRootFilesystem=True)
WRITABLE = container(
    "app",
    readonlyRootFilesystem=True,
    linuxParameters={"tmpfs": [{"containerPath": "/var/lib/amazon", "size": 10}]},
    mountPoints=[{"sourceVolume": "log", "containerPath": "/var/log"}],
)
REFUSALS: dict[str, tuple[Any, Json, Json, str, str]] = {
    "not interactive": ((), {}, {"interactive": False}, "InvalidParameterException", "Interactive is the only mode"),
    "another cluster": ((), {}, {"cluster": "other"}, "ClusterNotFoundException", "Cluster not found."),
    "no such task": ((), {}, {"task": "0" * 32}, "InvalidParameterException", "The referenced task was not found."),
    "it is off": ((), {"enabled": False}, {}, "InvalidParameterException", "execute command was not enabled"),
    "a read-only root": ((READ_ONLY,), {}, {}, "InvalidParameterException", "command agent isn't running"),
    "which container": (BOTH, {}, {}, "InvalidParameterException", "must be one of the task's containers"),
    "no such container": (BOTH, {}, {"container": "web"}, "InvalidParameterException", "must be one of the task's"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_refused(aws: Aws, case: str) -> None:
    containers, settings, change, code, words = REFUSALS[case]
    task = start(aws, *containers, **settings)
    with pytest.raises(AwsError, match=words) as refused:
        execute(aws, task, **change)
    assert refused.value.code == code


@pytest.mark.parametrize("missing", sorted(exec_agent.CHANNELS))
def test_the_agent_needs_each_of_its_rights(aws: Aws, rights: Rights, missing: str) -> None:
    running = start(aws)
    rights.discard(missing)
    with pytest.raises(AwsError, match="failed due to an internal error") as lost:
        execute(aws, running)
    assert lost.value.code == "TargetNotConnectedException"
    task = start(aws)
    assert task["containers"][0]["managedAgents"] == [{"name": "ExecuteCommandAgent", "lastStatus": "STOPPED"}]
    with pytest.raises(AwsError, match="command agent isn't running"):
        execute(aws, task)


def test_a_role_that_ecs_may_not_assume_any_more(aws: Aws) -> None:
    task = start(aws)
    aws.account.untrusted.add(ROLE)
    with pytest.raises(AwsError, match="internal error"):
        execute(aws, task)


def test_each_container_has_an_agent_of_its_own(aws: Aws) -> None:
    aws.engine.prepared["side"] = FakeContainer(exit_code=0)
    side = container("side", essential=False)
    task = start(aws, {**WRITABLE, "mountPoints": []}, side)
    agents = {each["name"]: each["managedAgents"][0]["lastStatus"] for each in task["containers"]}
    assert agents == {"app": "STOPPED", "side": "STOPPED"}
    ids = [each["runtimeId"] for each in task["containers"]]
    assert len(set(ids)) == 2
    assert all(each.startswith(f"{task['taskArn'].rpartition('/')[2]}-") for each in ids)


@pytest.mark.parametrize(
    ("definition", "status"), [(READ_ONLY, "STOPPED"), (WRITABLE, "RUNNING"), (container("app"), "RUNNING")]
)
def test_the_agent_needs_a_place_for_its_files(aws: Aws, definition: Json, status: str) -> None:
    task = start(aws)
    state = state_of(aws.account).tasks[task["taskArn"].rpartition("/")[2]]  # type: ignore[arg-type]
    state.task_definition = {**state.task_definition, "containerDefinitions": [definition]}
    assert exec_agent.status(state, "app") == status


def test_a_session_is_logged_when_it_is_over(aws: Aws) -> None:
    aws.account.clients["logs"].create_log_group(logGroupName=GROUP, kmsKeyId="key")
    configure(aws)
    answer = execute(aws, start(aws))
    plugin = Plugin(answer["session"]).ready()
    terminal = terminal_of(aws)
    terminal.write(b"$ whoami\r\nroot\r\n")
    assert plugin.shows("root")
    assert logged(aws) == {}
    terminal.finish()
    plugin.ended()
    eventually(lambda: logged(aws) == {answer["session"]["sessionId"]: ["$ whoami\r\nroot\r\n"]})


def ends_unlogged(aws: Aws) -> None:
    plugin = Plugin(execute(aws, start(aws))["session"]).ready()
    terminal_of(aws).write(b"text\r\n")
    terminal_of(aws).finish()
    assert plugin.ended() == ""
    eventually(lambda: terminal_of(aws).state == "closed")
    assert logged(aws) == {}


def test_without_script_and_cat_there_is_no_log(aws: Aws) -> None:
    aws.account.clients["logs"].create_log_group(logGroupName=GROUP, kmsKeyId="key")
    configure(aws)
    aws.engine.prepared["app"] = FakeContainer(health=1)
    ends_unlogged(aws)


@pytest.mark.parametrize("logging", ["NONE", "DEFAULT"])
def test_a_cluster_that_logs_nothing(aws: Aws, logging: str) -> None:
    aws.account.clients["logs"].create_log_group(logGroupName=GROUP)
    configure(aws, logging)
    ends_unlogged(aws)


def test_by_default_sessions_are_where_the_containers_log_is(aws: Aws) -> None:
    aws.account.clients["logs"].create_log_group(logGroupName="/app")
    options = {"awslogs-group": "/app", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web"}
    answer = execute(aws, start(aws, container("app", logConfiguration={"logDriver": "awslogs", "options": options})))
    plugin = Plugin(answer["session"]).ready()
    terminal_of(aws).write(b"text\r\n")
    terminal_of(aws).finish()
    plugin.ended()
    eventually(lambda: logged(aws, "/app").get(answer["session"]["sessionId"]) == ["text\r\n"])


@pytest.mark.parametrize("group", [None, {}], ids=["there is none", "it is not encrypted"])
def test_a_log_that_is_to_be_encrypted_and_is_not_allows_no_session(aws: Aws, group: Json | None) -> None:
    configure(aws)
    if group is not None:
        aws.account.clients["logs"].create_log_group(logGroupName=GROUP, **group)
    words = Plugin(execute(aws, start(aws))["session"]).ended()
    assert "encryption is not set up on the selected CloudWatch Logs log group" in words
    assert aws.engine.running["app"].terminals == []


@pytest.mark.parametrize(
    "more", [{"kmsKeyId": "key"}, {"logConfiguration": {"s3BucketName": "sessions"}}], ids=["KMS", "S3"]
)
def test_what_is_not_simulated_is_said(aws: Aws, more: Json) -> None:
    configure(aws, **more)
    with pytest.raises(NotImplementedError, match="sessions of ECS Exec that"):
        execute(aws, start(aws))


@pytest.mark.parametrize(
    ("written", "lengths"),
    [
        (b"", []),
        (b"a\r\nb", [4]),
        (b"x" * (LARGEST_EVENT - 1) + b"\n" + b"y\n", [LARGEST_EVENT, 2]),
        (b"x" * (2 * LARGEST_EVENT + 1), [LARGEST_EVENT, LARGEST_EVENT, 1]),
        (b"\xff", [1]),
    ],
)
def test_a_log_in_events(written: bytes, lengths: list[int]) -> None:
    assert [len(event) for event in events(written)] == lengths
