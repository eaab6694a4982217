"""What `exec` and `tunnel` run, and what they say when no session opens."""

import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from verified import Answers, released

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.tasks import sessions

Json = dict[str, Any]
CHECK_TERMINAL = sessions.check_terminal
AGENT = {"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}


def container(name: str = "web", runtime: str = "abc-1", agent: Json | None = AGENT) -> Json:
    return {"name": name, "runtimeId": runtime, **({"managedAgents": [agent]} if agent else {})}


@pytest.fixture
def aws() -> Answers:
    """A service with a task in which sessions open."""
    aws = released()
    aws.services["dev-web"]["enableExecuteCommand"] = True
    aws.tasks[0] |= {
        "taskArn": "arn:aws:ecs:eu-west-1:1:task/dev/t1",
        "containers": [container(), container("proxy", "abc-2")],
    }
    return aws


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that this process became; all programs are on PATH."""
    found: list[list[str]] = []
    monkeypatch.setattr(sessions, "become", found.append)
    monkeypatch.setattr("shutil.which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(sessions, "check_terminal", lambda: None)
    return found


@pytest.fixture
def run(aws: Answers, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PATH", "/usr/bin")
    session = aws.session()
    monkeypatch.setattr(Connection, "session", property(lambda self: session))
    return lambda *arguments: CliRunner().invoke(main, [*arguments])


EXEC = ["aws", "--region", "eu-west-1", "ecs", "execute-command", "--cluster", "dev", "--task", "t1"]
START = ["aws", "--region", "eu-west-1", "ssm", "start-session", "--target"]


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ((), [*EXEC, "--container", "web", "--interactive", "--command", "/bin/sh"]),
        (
            ("--container", "proxy", "--", "ls", "-la", "a b", "--stack"),
            [*EXEC, "--container", "proxy", "--interactive", "--command", "ls -la 'a b' --stack"],
        ),
    ],
)
def test_what_exec_runs(run: Any, ran: list[list[str]], arguments: tuple[str, ...], command: list[str]) -> None:
    done = run("exec", "web", "--stack", "dev", *arguments)
    assert (done.exit_code, ran) == (0, [command]), done.output


@pytest.mark.parametrize(
    ("arguments", "target", "document", "parameters"),
    [
        (("4000",), "ecs:dev_t1_abc-1", "", {"portNumber": ["4000"], "localPortNumber": ["4000"]}),
        (
            ("5432", "--local-port", "15432", "--host", "db.internal", "--container", "proxy"),
            "ecs:dev_t1_abc-2",
            "ToRemoteHost",
            {"portNumber": ["5432"], "localPortNumber": ["15432"], "host": ["db.internal"]},
        ),
    ],
)
def test_what_tunnel_runs(
    run: Any, ran: list[list[str]], arguments: tuple[str, ...], target: str, document: str, parameters: Json
) -> None:
    done = run("tunnel", "web", *arguments, "--stack", "dev")
    assert done.exit_code == 0, done.output
    (command,) = ran
    assert command[:-1] == [
        *START, target, "--document-name", f"AWS-StartPortForwardingSession{document}", "--parameters"
    ]  # fmt: skip
    assert json.loads(command[-1]) == parameters


def refused(aws: Answers, run: Any, change: Any) -> str:
    change(aws)
    done: Result = run("exec", "web", "--stack", "dev")
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    return done.output


def off(aws: Answers) -> None:
    aws.services["dev-web"]["enableExecuteCommand"] = False


def no_task(aws: Answers) -> None:
    aws.tasks.clear()


def another_container(aws: Answers) -> None:
    aws.tasks[0]["containers"] = [container("proxy")]


def no_agent(aws: Answers) -> None:
    aws.tasks[0]["containers"] = [container(agent=None)]


def stopped_agent(aws: Answers) -> None:
    aws.tasks[0]["containers"] = [container(agent={**AGENT, "lastStatus": "STOPPED"})]
    next(iter(aws.definitions.values()))["containerDefinitions"][0]["readonlyRootFilesystem"] = True


REFUSALS = {
    "it is off": (off, "ECS Exec is off for web; write `exec: true` in the stack file, then `up`"),
    "no task": (no_task, "no task of web runs"),
    "another container": (another_container, "web has no container web; it has: proxy"),
    "no agent": (no_agent, "the agent of ECS Exec runs in no container web of web"),
    "a read-only root": (stopped_agent, "no session opens in web: its root is read-only"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_why_no_session_opens(aws: Answers, run: Any, ran: list[list[str]], case: str) -> None:
    change, words = REFUSALS[case]
    assert words in refused(aws, run, change)
    assert ran == []


def test_a_task_of_the_newest_revision_comes_first(aws: Answers, run: Any, ran: list[list[str]]) -> None:
    older = aws.revision(0, "@x")
    aws.tasks.insert(0, {**aws.tasks[0], "taskArn": "x/old", "taskDefinitionArn": older})
    run("exec", "web", "--stack", "dev")
    assert ran[0][8] == "t1"
    aws.tasks[1]["containers"] = [container(agent=None)]
    run("exec", "web", "--stack", "dev")
    assert ran[1][8] == "old", "where an agent runs"


def test_what_is_not_on_path_is_taken_from_the_repository(
    run: Any, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sessions, "OWN_FOLDERS", (tmp_path / "a", tmp_path / "b"))
    run("exec", "web", "--stack", "dev")
    assert os.environ["PATH"] == f"/usr/bin:{tmp_path / 'a'}:{tmp_path / 'b'}"


def test_where_the_repository_has_them() -> None:
    root = Path(__file__).parents[4]
    assert (Path(sys.executable).parent, root / ".tools/bin") == sessions.OWN_FOLDERS


@pytest.mark.parametrize("program", ["aws", "session-manager-plugin"])
def test_what_is_not_installed(run: Any, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr("shutil.which", lambda wanted: None if wanted == program else wanted)
    done = run("exec", "web", "--stack", "dev")
    assert done.exit_code == 1
    assert done.output.startswith(f"error: there is no {program} on PATH; install it: https://docs.aws.amazon.com/")
    assert ("`make session-manager-plugin` builds it" in done.output) == (program != "aws")


@pytest.mark.parametrize("stdin", [io.StringIO(), None], ids=["another", "closed"])
def test_a_shell_needs_a_terminal_and_a_tunnel_does_not(
    run: Any, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, stdin: io.StringIO | None
) -> None:
    monkeypatch.setattr(sessions, "check_terminal", CHECK_TERMINAL)
    monkeypatch.setattr("delivery.tasks.sessions.sys", SimpleNamespace(stdin=stdin))
    done = run("exec", "web", "--stack", "dev")
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert done.output.startswith("error: exec needs a terminal; where there is none, `script -qec")
    assert ran == []
    assert run("tunnel", "web", "4000", "--stack", "dev").exit_code == 0


def test_the_profile_is_passed_on() -> None:
    session: Any = SimpleNamespace(profile_name="prd", region_name=None)
    place = sessions.Place("dev", "t1", "web", "abc-1")
    assert sessions.shell(session, place, ())[:4] == ["aws", "--profile", "prd", "ecs"]
