"""Session Manager: tunnels to a container's ports and to hosts, what is refused, and how they end."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_fakes import eventually, misfits
from ecs_account import ME, Aws, FakeContainer, ecs_account
from exec_rig import Rights, agent_rights, start
from session_client import Connections, Plugin

from sandbox.account.account import Principal
from sandbox.account.errors import AwsError
from sandbox.session_manager.messages import Flag, Payload
from sandbox.session_manager.multiplex import Command
from sandbox.ssm import api

Json = dict[str, Any]
TO_HOST = {"host": ["127.0.0.1"]}
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * 5000)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def rights(monkeypatch: pytest.MonkeyPatch) -> Rights:
    return agent_rights(monkeypatch)


@pytest.fixture
def server() -> Iterator[int]:
    """The port of an HTTP server of this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serves:
        threading.Thread(target=serves.serve_forever, args=[0.02], daemon=True).start()
        yield serves.server_port
        serves.shutdown()


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rights: Rights, server: int) -> Iterator[Aws]:
    """An account whose containers' port 80 is that server, as is the name `db`."""
    with ecs_account(tmp_path, monkeypatch) as prepared:
        prepared.engine.prepared["app"] = FakeContainer(listens={80: server}, names={"db": "192.0.2.2"})
        yield prepared


def target(task: Json) -> str:
    cluster, id = task["taskArn"].split("/")[1:]
    return f"ecs:{cluster}_{id}_{task['containers'][0]['runtimeId']}"


def open_tunnel(aws: Aws, name: str, document: str | None = api.TO_PORT, **parameters: list[str]) -> Json:
    given = {"Target": name, "Parameters": parameters, **({"DocumentName": document} if document else {})}
    answer = api.start_session(aws.account, ME, given)  # type: ignore[arg-type]
    assert misfits("ssm", "StartSession", answer) == []
    return answer


def plugin_of(answer: Json) -> Plugin:
    return Plugin({"streamUrl": answer["StreamUrl"], "tokenValue": answer["TokenValue"]}).ready()


def ask(aws: Aws, document: str = api.TO_PORT, **parameters: list[str]) -> bytes:
    """What is answered through a tunnel."""
    connections = Connections(plugin_of(open_tunnel(aws, target(start(aws)), document, **parameters)))
    connections.send(Command.OPEN, 3)
    connections.send(Command.DATA, 3, REQUEST)
    return connections.answers(3)


def test_a_tunnel_leads_to_a_port_of_the_container(aws: Aws) -> None:
    assert ask(aws, portNumber=["80"]).endswith(b"\r\n\r\n" + b"x" * 5000)


def test_a_tunnel_leads_to_a_host(aws: Aws, server: int) -> None:
    assert ask(aws, api.TO_HOST, host=["localhost"], portNumber=[str(server)]).endswith(b"x" * 5000)


def test_a_name_of_service_connect_is_reached_in_the_task(aws: Aws) -> None:
    assert ask(aws, api.TO_HOST, host=["db"], portNumber=["80"]).endswith(b"x" * 5000)


def test_several_connections_at_once(aws: Aws) -> None:
    answer = open_tunnel(aws, target(start(aws)), portNumber=["80"], localPortNumber=["14000"])
    assert answer["SessionId"].startswith("me-")
    plugin = plugin_of(answer)
    (action,) = plugin.asked["RequestedClientActions"]
    assert action["ActionParameters"] == {
        "SessionType": "Port",
        "Properties": {"portNumber": "80", "localPortNumber": "14000", "type": "LocalPortForwarding"},
    }
    assert plugin.asked["AgentVersion"] == "3.3.0.0"
    connections = Connections(plugin)
    for number in (3, 5, 7):
        connections.send(Command.OPEN, number)
        connections.send(Command.DATA, number, REQUEST[:5])
    for number in (7, 3, 5):
        connections.send(Command.DATA, number, REQUEST[5:])
    assert {len(connections.answers(number).partition(b"\r\n\r\n")[2]) for number in (3, 5, 7)} == {5000}


def test_the_end_of_a_connection_reaches_the_server(aws: Aws) -> None:
    connections = Connections(plugin_of(open_tunnel(aws, target(start(aws)))))
    connections.send(Command.OPEN, 3)
    connections.send(Command.END, 3)
    assert connections.answers(3) == b""


def test_nobody_listens(aws: Aws) -> None:
    plugin = plugin_of(open_tunnel(aws, target(start(aws)), portNumber=["81"]))
    connections = Connections(plugin)
    connections.send(Command.OPEN, 3)
    assert connections.answers(3) == b""
    assert plugin.flags == [Flag.CONNECT_TO_PORT_ERROR.packed()]


@pytest.mark.parametrize("host", ["169.254.169.254", "fd00:ec2::254"])
def test_no_tunnel_leads_to_the_machines_own_services(aws: Aws, host: str) -> None:
    plugin = Plugin(opened(open_tunnel(aws, target(start(aws)), api.TO_HOST, host=[host])))
    assert plugin.ended() == f"----------ERROR-------\nForwarding to IP address {host} is forbidden."


def opened(answer: Json) -> Json:
    return {"streamUrl": answer["StreamUrl"], "tokenValue": answer["TokenValue"]}


def interrupted(aws: Aws, answer: Json, plugin: Plugin, task: Json) -> None:
    plugin.send(Payload.FLAG, Flag.TERMINATE_SESSION.packed())


def terminated(aws: Aws, answer: Json, plugin: Plugin, task: Json) -> None:
    params = {"SessionId": answer["SessionId"]}
    assert api.terminate_session(aws.account, ME, params) == params  # type: ignore[arg-type]
    assert api.terminate_session(aws.account, ME, params) == params  # type: ignore[arg-type]


def task_stopped(aws: Aws, answer: Json, plugin: Plugin, task: Json) -> None:
    aws.ecs.stop_task(cluster="main", task=task["taskArn"])


@pytest.mark.parametrize("end", [interrupted, terminated, task_stopped])
def test_how_a_tunnel_ends(aws: Aws, end: Any) -> None:
    task = start(aws)
    answer = open_tunnel(aws, target(task))
    plugin = plugin_of(answer)
    Connections(plugin).send(Command.OPEN, 3)
    end(aws, answer, plugin, task)
    assert plugin.ended() == ""
    eventually(lambda: plugin.code is not None)


REFUSALS: dict[str, tuple[str | None, Json, str, str]] = {
    "no such document": ("Mine", {}, "InvalidDocument", "Document with name Mine does not exist."),
    "no host": (api.TO_HOST, {}, "InvalidParameters", "lacks the parameter host"),
    "a host too many": (api.TO_PORT, TO_HOST, "InvalidParameters", "host is no parameter of"),
    "no port": (api.TO_PORT, {"portNumber": ["65536"]}, "InvalidParameters", "portNumber 65536 is no port"),
    "no local port": (api.TO_PORT, {"localPortNumber": ["x"]}, "InvalidParameters", "localPortNumber x is no port"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_refused(aws: Aws, case: str) -> None:
    document, parameters, code, words = REFUSALS[case]
    with pytest.raises(AwsError, match=words) as refused:
        open_tunnel(aws, "ecs:main_t_r", document, **parameters)
    assert refused.value.code == code


@pytest.mark.parametrize("document", [None, "SSM-SessionManagerRunShell", "AWS-StartSSHSession"])
def test_documents_that_are_not_simulated(aws: Aws, document: str | None) -> None:
    with pytest.raises(NotImplementedError, match=document or "SSM-SessionManagerRunShell"):
        open_tunnel(aws, "ecs:main_t_r", document)


def test_targets_that_are_not_connected(aws: Aws, rights: Rights) -> None:
    off, running = start(aws, enabled=False), start(aws)
    rights.discard("ssmmessages:OpenDataChannel")
    for name in ("i-0123456789abcdef0", "ecs:main_t_r", target(off), target(running), target(running)[:-1]):
        with pytest.raises(AwsError, match=f"{name} is not connected") as refused:
            open_tunnel(aws, name)
        assert refused.value.code == "TargetNotConnected"


def test_whose_session_it_is(aws: Aws) -> None:
    root = Principal("arn:aws:iam::111111111111:root", "root")
    answer = api.start_session(aws.account, root, {"Target": target(start(aws)), "DocumentName": api.TO_PORT})  # type: ignore[arg-type]
    assert answer["SessionId"].startswith("root-")
