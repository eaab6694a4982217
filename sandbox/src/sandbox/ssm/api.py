"""Session Manager's operations: tunnels to the containers of tasks, and the end of any session.

Other targets, and documents that open a shell, are not simulated.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from typing import TYPE_CHECKING, Any

from sandbox.account.errors import AwsError
from sandbox.ecs import exec_agent
from sandbox.ecs.execute_command import running, target
from sandbox.ecs.model import Task
from sandbox.ecs.state import state_of
from sandbox.session_manager.server import open_session
from sandbox.session_manager.sessions import Refusal, Session, new_id, sessions_of
from sandbox.session_manager.tunnel import Connect, Tunnel

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

Json = dict[str, Any]
TO_PORT, TO_HOST = "AWS-StartPortForwardingSession", "AWS-StartPortForwardingSessionToRemoteHost"
PARAMETERS = {TO_PORT: ("portNumber", "localPortNumber"), TO_HOST: ("host", "portNumber", "localPortNumber")}
"""Document → the parameters that it has."""
PORT = re.compile(r"[0-9]{1,5}")
SECONDS_TO_CONNECT = 5.0
FORBIDDEN = frozenset(
    (
        *("169.254.169.254", "169.254.169.253", "169.254.169.123", "169.254.169.250", "169.254.169.251"),
        *("fd00:ec2::254", "fd00:ec2::253", "fd00:ec2::123", "fd00:ec2::240"),
    )
)
"""Where the agent leads no tunnel (aws/amazon-ssm-agent, agent/appconfig/constants.go)."""


def start_session(account: Account, principal: Principal, params: Json) -> Json:
    """A tunnel to a container of a task, or to a host that it reaches."""
    document = params.get("DocumentName")
    if document not in PARAMETERS:
        if document is None or document.startswith(("AWS", "SSM-")):
            raise NotImplementedError(f"sessions of the document {document or 'SSM-SessionManagerRunShell'}")
        raise AwsError("InvalidDocument", f"Document with name {document} does not exist.", 400)
    properties = _properties(document, params.get("Parameters") or {})
    task, container = _find(account, params["Target"])
    session = Session(
        id=new_id(principal.arn.rpartition("/")[2] if principal.kind != "root" else "root"),
        target=params["Target"],
        type="Port",
        properties={**properties, "type": "LocalPortForwarding"},
        work=lambda: Tunnel(_connect(container, int(properties["portNumber"]), properties.get("host"))),
    )
    opened = open_session(account, session)
    account.spawn(f"end of {session.id}", lambda: _end_with(account, task, session))
    return {f"{name[0].upper()}{name[1:]}": value for name, value in opened.items()}


def terminate_session(account: Account, principal: Principal, params: Json) -> Json:
    """Ends a session, whoever has begun it."""
    _terminate(account, params["SessionId"])
    return {"SessionId": params["SessionId"]}


def _terminate(account: Account, id: str) -> None:
    session = sessions_of(account).remove(id)
    if session is not None and session.channel is not None:
        session.channel.close()


def _properties(document: str, parameters: dict[str, list[str]]) -> dict[str, str]:
    """What a document's parameters say; the words are not seen."""
    known, given = PARAMETERS[document], {name: values[0] for name, values in parameters.items() if values}
    properties = {"portNumber": "80", "localPortNumber": "0", **given}
    if unknown := sorted(set(given) - set(known)):
        raise AwsError("InvalidParameters", f"{unknown[0]} is no parameter of {document}", 400)
    if "host" in known and not properties.get("host"):
        raise AwsError("InvalidParameters", f"{document} lacks the parameter host", 400)
    for name in ("portNumber", "localPortNumber"):
        if not (PORT.fullmatch(properties[name]) and int(properties[name]) < 65536):
            raise AwsError("InvalidParameters", f"{name} {properties[name]} is no port", 400)
    return properties


def _find(account: Account, name: str) -> tuple[Task, Any]:
    """The task and the running container that Session Manager calls so, if it reaches their agent."""
    for task in list(state_of(account).tasks.values()):
        for each in task.containers:
            container = running(account, task, each.name) if target(task, each.name) == name else None
            if container is not None and exec_agent.is_connected(account, task):
                return task, container
    raise AwsError("TargetNotConnected", f"{name} is not connected.", 400)


def _connect(container: Any, port: int, host: str | None) -> Connect:
    """What leads to a port of the container, where a server may listen for itself alone, or of a host.

    The way to a host is this machine's, but for those that ECS Service Connect leads the task to.
    """
    if host is None:
        return lambda: container.connect(port, SECONDS_TO_CONNECT, "127.0.0.1")
    if host in container.names:
        return lambda: container.connect(port, SECONDS_TO_CONNECT, host)
    if _addresses(host) & FORBIDDEN:
        raise Refusal(f"Forwarding to IP address {host} is forbidden.")
    return lambda: _dial(host, port)


def _dial(host: str, port: int) -> socket.socket:
    connection = socket.create_connection((host, port), SECONDS_TO_CONNECT)
    connection.settimeout(None)
    return connection


def _addresses(host: str) -> set[str]:
    try:
        found = {str(address[4][0]) for address in socket.getaddrinfo(host, None)}
    except OSError:
        return set()
    return {str(ipaddress.ip_address(each.partition("%")[0])) for each in found}


def _end_with(account: Account, task: Task, session: Session) -> None:
    """A tunnel ends with its task."""
    while sessions_of(account).find(session.id) is session and not task.stopped:
        time.sleep(0.5)
    _terminate(account, session.id)


HANDLERS = {("ssm", "StartSession"): start_session, ("ssm", "TerminateSession"): terminate_session}
