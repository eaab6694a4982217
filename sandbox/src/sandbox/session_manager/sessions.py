"""The sessions of an account: who may connect to one, what runs in it, and how it is ended."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.session_manager.messages import Message

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.session_manager.channel import Channel

Json = dict[str, Any]


class Work(Protocol):
    """What happens in a session."""

    def begin(self, channel: Channel) -> None:
        """Start it; raises `Refusal`. It closes the channel when it is over by itself."""

    def take(self, message: Message) -> None:
        """What the other side sends."""

    def end(self) -> None:
        """The channel is closed."""


class Refusal(Exception):
    """The agent opens no session; the message is what it says."""


@dataclass
class Session:
    """One session, from its request to its end.

    Attributes:
        id: AWS's id of it.
        target: what it leads to, in AWS's words.
        type: the plugin's word for what it has to do: `InteractiveCommands` or `Port`.
        properties: what the session's document tells the plugin.
        work: makes what happens in it, once somebody has connected.
        token: what lets its client connect, once; then it is None.
    """

    id: str
    target: str
    type: str
    properties: Json
    work: Callable[[], Work]
    token: str | None = field(default_factory=lambda: secrets.token_urlsafe(96))
    channel: Channel | None = None


class Sessions:
    """Those that have not ended, by their ids."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}

    def add(self, session: Session) -> None:
        with self._lock:
            self._open[session.id] = session

    def redeem(self, id: str, token: str) -> Session | None:
        """The session that a client may connect to; its token is good for once."""
        with self._lock:
            session = self._open.get(id)
            if session is None or session.token is None or not secrets.compare_digest(session.token, token):
                return None
            session.token = None
            return session

    def find(self, id: str) -> Session | None:
        return self._open.get(id)

    def remove(self, id: str) -> Session | None:
        with self._lock:
            return self._open.pop(id, None)


def sessions_of(account: Account) -> Sessions:
    return account.parts.of(Sessions)


def new_id(prefix: str) -> str:
    """An id as Session Manager makes them: whose it is, and 17 characters."""
    return f"{prefix}-{secrets.token_hex(9)[:17]}"
