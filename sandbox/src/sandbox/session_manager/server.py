"""Where the plugin connects: `ssmmessages`, as websockets of this machine."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from sandbox.session_manager import agent
from sandbox.session_manager.channel import Channel
from sandbox.session_manager.sessions import Session, Sessions, sessions_of

if TYPE_CHECKING:
    from sandbox.account.account import Account

LOGGER = logging.getLogger(__name__)
PATH = "/v1/data-channel/"
SECONDS_TO_SHOW_A_TOKEN = 10.0
NOT_ALLOWED = 1008
"""Policy violation (RFC 6455, 7.4.1)."""


class SessionServer:
    """Serves an account's sessions from its first one on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._port: int | None = None

    def port(self, sessions: Sessions) -> int:
        """Its port of this machine."""
        with self._lock:
            if self._port is None:
                logging.getLogger("websockets").setLevel(logging.WARNING)
                server = serve(lambda connection: _serve(connection, sessions), "127.0.0.1", 0)
                self._port = int(server.socket.getsockname()[1])
                threading.Thread(target=server.serve_forever, name="sessions", daemon=True).start()
            return self._port


def open_session(account: Account, session: Session) -> dict[str, str]:
    """What a client connects to a session with: `sessionId`, `streamUrl`, `tokenValue`."""
    sessions = sessions_of(account)
    sessions.add(session)
    port = account.parts.of(SessionServer).port(sessions)
    url = f"ws://127.0.0.1:{port}{PATH}{session.id}?role=publish_subscribe"
    return {"sessionId": session.id, "streamUrl": url, "tokenValue": str(session.token)}


def _serve(connection: ServerConnection, sessions: Sessions) -> None:
    """A connection: its first message has the token."""
    path = connection.request.path if connection.request else ""
    id = path.removeprefix(PATH).partition("?")[0]
    try:
        opening = json.loads(connection.recv(timeout=SECONDS_TO_SHOW_A_TOKEN))
        session = sessions.redeem(id, str(opening["TokenValue"]))
    except (ValueError, KeyError, TypeError, TimeoutError, ConnectionClosed):
        session = None
    if session is None:
        connection.close(NOT_ALLOWED, "the token is not valid")
        return
    try:
        agent.run(session, Channel(connection, session.id, session.target))
    finally:
        sessions.remove(session.id)
