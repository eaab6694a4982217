"""The agent's end of a session: the handshake, and then what the session is for."""

from __future__ import annotations

import json
import logging
import time

from sandbox.session_manager.channel import Channel
from sandbox.session_manager.messages import Payload
from sandbox.session_manager.sessions import Refusal, Session

LOGGER = logging.getLogger(__name__)
VERSION = "3.3.0.0"
"""Of the agent that this one stands for: the plugin has several connections in a tunnel from 3.0.196.0 on."""
SUCCESS = 1
ERROR = "----------ERROR-------\n"


def run(session: Session, channel: Channel) -> None:
    """A session to its end, whoever ends it."""
    session.channel = channel
    begun = time.monotonic_ns()
    request = {"SessionType": session.type, "Properties": session.properties}
    actions = [{"ActionType": "SessionType", "ActionParameters": request}]
    _send_json(channel, Payload.HANDSHAKE_REQUEST, {"AgentVersion": VERSION, "RequestedClientActions": actions})
    work = None
    for message in channel.received():
        try:
            if work is not None:
                work.take(message)
            elif message.kind == Payload.HANDSHAKE_RESPONSE:
                _check(message.json())
                took = time.monotonic_ns() - begun
                complete = {"HandshakeTimeToComplete": took, "CustomerMessage": ""}
                _send_json(channel, Payload.HANDSHAKE_COMPLETE, complete)
                beginning = session.work()
                beginning.begin(channel)
                work = beginning
        except Refusal as refusal:
            channel.close(f"{ERROR}{refusal}")
        except Exception:
            LOGGER.exception("session %s", session.id)
            channel.close(f"{ERROR}InternalError")
    if work is not None:
        work.end()


def _check(response: dict[str, list[dict[str, object]]]) -> None:
    for action in response["ProcessedClientActions"]:
        if action["ActionStatus"] != SUCCESS:
            status = action["ActionStatus"]
            raise Refusal(f"{action['ActionType']} failed on client with status {status} error: {action['Error']}")


def _send_json(channel: Channel, kind: Payload, content: object) -> None:
    channel.send(kind, json.dumps(content).encode())
