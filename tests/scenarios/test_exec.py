"""A shell in a task and a tunnel to it, by AWS's own Session Manager plugin: what is typed, shown, logged and refused."""

import concurrent.futures
import contextlib
import http.server
import json
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.conftest import REPOSITORY, Apps, Stack, new_stack
from tests.support.plugin import session_manager_plugin
from tests.support.terminal import CTRL_C, Terminal, at_terminal

pytestmark = pytest.mark.nightly

BIN = REPOSITORY / ".venv/bin"
PLAIN = {**os.environ, "NO_COLOR": "1"}
SESSIONS = "/ecs/local/sessions"
SERVER = """\
import http.server, os, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(1 if self.path == "/slow" else 0)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"VERSION")

    def log_message(self, *args):
        pass

http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    session_manager_plugin()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`hello` is released and opens sessions; `mailer` opens none."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services(["hello", "mailer"])
        stack.edit("Pulumi.local.yaml", "    hello:\n", "    hello:\n      exec: true\n")
        stack.up()
        app = Apps(tmp_path_factory.mktemp("apps")).make("v1", server=SERVER)
        assert stack.ship("hello", app).code == 0
        yield stack


@contextlib.contextmanager
def session(stack: Stack, *arguments: str, size: tuple[int, int] = (24, 80)) -> Iterator[Terminal]:
    """A command of the sandbox at a terminal."""
    command = [str(BIN / "sandbox"), arguments[0], "hello", "--stack", stack.name, *arguments[1:]]
    with at_terminal(command, stack.root, PLAIN, size) as terminal:
        yield terminal


def stopped(stack: Stack, *arguments: str) -> str:
    """All that a session shows that ends by itself."""
    with session(stack, *arguments) as terminal:
        assert terminal.ends() == 0, terminal.text
        return terminal.text


def logged(stack: Stack) -> dict[str, str]:
    """The logs of sessions, by their ids."""
    logs = stack.client("logs")
    streams = logs.describe_log_streams(logGroupName=SESSIONS)["logStreams"]
    return {
        stream["logStreamName"]: "".join(
            event["message"]
            for event in logs.get_log_events(logGroupName=SESSIONS, logStreamName=stream["logStreamName"])["events"]
        )
        for stream in streams
    }


def test_a_command_runs_with_what_the_service_has_and_its_session_is_logged(stack: Stack) -> None:
    shown = stopped(stack, "exec", "--", "sh", "-c", "echo $GREETING, $(id -un) in $(pwd) at $(tty); exit 3")
    assert "Hello from the sandbox, root in /app at /dev/pts/0\n" in shown
    (id,) = [word.rstrip(".") for line in shown.splitlines() if "Exiting" in line for word in line.split()[-1:]]
    for _ in range(100):
        if id in (found := logged(stack)):
            break
        time.sleep(0.1)
    assert found[id] == "Hello from the sandbox, root in /app at /dev/pts/0\r\n"
    (task,) = stack.client("ecs").list_tasks(cluster="local", serviceName="local-hello")["taskArns"]
    assert f"Task {task.rpartition('/')[2]}, container web.\n" in shown


def test_a_shell_shows_what_is_typed_and_ends_with_exit(stack: Stack) -> None:
    with session(stack, "exec") as terminal:
        terminal.shows("# ")
        terminal.type("cd bin && ls\n")
        terminal.shows("migrate\n")
        terminal.type("echo $((6 * 7))\n")
        terminal.shows("\n42\n")
        terminal.type("exit\n")
        terminal.shows("Exiting session with sessionId: ecs-execute-command-")
        assert terminal.ends() == 0


def test_ctrl_c_reaches_the_process_and_not_the_session(stack: Stack) -> None:
    with session(stack, "exec") as terminal:
        terminal.shows("# ")
        terminal.type("sleep 600; echo ended with $?\n")
        time.sleep(1)
        terminal.type(CTRL_C)
        terminal.shows("# ")
        terminal.type("echo still he''re\n")
        terminal.shows("\nstill here\n")
        assert "ended with 0" not in terminal.text
        terminal.type("exit\n")
        assert terminal.ends() == 0


def test_the_terminal_there_is_as_large_as_the_one_here(stack: Stack) -> None:
    with session(stack, "exec", size=(31, 97)) as terminal:
        terminal.shows("# ")
        time.sleep(1)
        terminal.type("stty size\n")
        terminal.shows("\n31 97\n")
        terminal.resize(50, 132)
        time.sleep(1.5)  # the plugin looks twice a second
        terminal.type("stty size\n")
        terminal.shows("\n50 132\n")
        terminal.type("exit\n")
        assert terminal.ends() == 0


def test_much_output_arrives_whole(stack: Stack) -> None:
    shown = stopped(stack, "exec", "--", "seq", "1", "20000")
    numbers = [line for line in shown.splitlines() if line.isdigit()]
    assert numbers == [str(number) for number in range(1, 20001)]


def test_a_command_that_is_not_in_the_container(stack: Stack) -> None:
    shown = stopped(stack, "exec", "--", "no-such-command")
    assert 'Failed to start pty: exec: "no-such-command": executable file not found in $PATH' in shown


def test_without_a_terminal_no_session_is_opened(stack: Stack) -> None:
    refused = stack.run("exec", "hello")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "exec needs a terminal" in refused.err


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextlib.contextmanager
def tunnel(stack: Stack, port: int, *more: str) -> Iterator[str]:
    """The address at which a tunnel is open, until Ctrl-C ends it."""
    here = free_port()
    with session(stack, "tunnel", str(port), "--local-port", str(here), *more) as terminal:
        terminal.shows(f"Port {here} opened for sessionId .*\nWaiting for connections")
        yield f"http://localhost:{here}/"
        terminal.type(CTRL_C)
        terminal.shows("Terminate signal received")
        assert terminal.ends() == 0


def answer(address: str) -> str:
    with urllib.request.urlopen(address, timeout=30) as answered:  # noqa: S310
        return str(answered.read().decode())


def test_http_reaches_the_task_through_a_tunnel_in_several_connections_at_once(stack: Stack) -> None:
    with tunnel(stack, 4000) as address, concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert answer(address) == "v1"
        begun = time.monotonic()
        assert list(pool.map(answer, [f"{address}slow"] * 8)) == ["v1"] * 8
        assert time.monotonic() - begun < 5, "one after another they take 8 seconds"


class Elsewhere(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * 1_000_000)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


def test_a_tunnel_leads_to_another_host(stack: Stack) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as database:
        threading.Thread(target=database.serve_forever, daemon=True).start()
        with tunnel(stack, database.server_port, "--host", "localhost") as address:
            assert len(answer(address)) == 1_000_000
        database.shutdown()


def test_a_service_without_exec_is_refused_before_anything_is_asked(stack: Stack) -> None:
    for verb in (["exec", "mailer"], ["tunnel", "mailer", "4000"]):
        with at_terminal([str(BIN / "sandbox"), *verb, "--stack", "local"], stack.root, PLAIN) as terminal:
            assert terminal.ends() == 1
            assert (
                terminal.text == "error: ECS Exec is off for mailer; write `exec: true` in the stack file, then `up`\n"
            )


def may(stack: Stack, *statements: dict[str, Any]) -> dict[str, str]:
    """The variables of an operator who may do this, and look at services."""
    iam = stack.client("iam")
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_user(UserName="operator")
    reads = ["ecs:Describe*", "ecs:List*", "ssm:GetParameter*", "codepipeline:Get*", "codepipeline:List*"]
    looks = {"Effect": "Allow", "Action": reads, "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [looks, *statements]}
    iam.put_user_policy(UserName="operator", PolicyName="own", PolicyDocument=json.dumps(document))
    environment = {**PLAIN, **stack.ok("env", "--as", "operator", "--json").json}
    return {name: value for name, value in environment.items() if value is not None}


def delivery(stack: Stack, variables: dict[str, str], *arguments: str) -> Any:
    command = [str(BIN / "delivery"), arguments[0], "hello", "--stack", "local", *arguments[1:]]
    return at_terminal(command, stack.root, variables)


def arn(stack: Stack, resource: str) -> str:
    server = stack.account.server
    return f"arn:aws:ecs:{server.region}:{server.account}:{resource}"


def allow(action: str, *resources: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resources}


def test_who_may_not_execute_commands_is_denied(stack: Stack) -> None:
    cluster, tasks = arn(stack, "cluster/local"), arn(stack, "task/local/*")
    for allowed, denied in (([], cluster), ([tasks], cluster), ([cluster], "task/local/")):
        variables = may(stack, *([allow("ecs:ExecuteCommand", *allowed)] if allowed else []))
        with delivery(stack, variables, "exec", "--", "id") as terminal:
            terminal.shows(r"\(AccessDeniedException\) when calling the ExecuteCommand operation")
            terminal.shows("is not authorized to perform: ecs:ExecuteCommand on resource: .*" + denied)
            assert terminal.ends() != 0
    variables = may(stack, allow("ecs:ExecuteCommand", cluster, tasks))
    with delivery(stack, variables, "exec", "--", "id", "-un") as terminal:
        terminal.shows("\n.*root\n")
        assert terminal.ends() == 0


def test_who_may_not_open_tunnels_is_denied(stack: Stack) -> None:
    tasks, region = arn(stack, "task/local/*"), stack.account.server.region
    document = f"arn:aws:ssm:{region}::document/AWS-StartPortForwardingSession"
    for allowed, denied in (([], "task/local/"), ([tasks], document)):
        variables = may(stack, *([allow("ssm:StartSession", *allowed)] if allowed else []))
        with delivery(stack, variables, "tunnel", "4000", "--local-port", str(free_port())) as terminal:
            terminal.shows("is not authorized to perform: ssm:StartSession on resource: .*" + denied)
            assert terminal.ends() != 0
    variables = may(stack, allow("ssm:StartSession", tasks, document))
    with delivery(stack, variables, "tunnel", "4000", "--local-port", str(free_port())) as terminal:
        terminal.shows("Waiting for connections")


def test_a_role_that_lost_the_rights_of_the_agent(stack: Stack) -> None:
    """Found out by whoever calls first: the running agent is not connected, and that of a new task does not run."""
    iam, ecs, role = stack.client("iam"), stack.client("ecs"), "local-hello-task"
    policies = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }
    (name,) = [name for name, document in policies.items() if "ssmmessages:" in json.dumps(document)]
    iam.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        with session(stack, "exec") as terminal:
            terminal.shows(r"\(TargetNotConnectedException\) when calling the ExecuteCommand operation")
            assert terminal.ends() != 0
        (task,) = ecs.list_tasks(cluster="local", serviceName="local-hello")["taskArns"]
        ecs.stop_task(cluster="local", task=task)
        stack.settled("hello")
        with session(stack, "exec") as terminal:
            terminal.shows("error: the agent of ECS Exec runs in no container web of hello")
            assert terminal.ends() == 1
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policies[name]))


def test_sessions_change_nothing(stack: Stack) -> None:
    assert stack.changes() == {}
