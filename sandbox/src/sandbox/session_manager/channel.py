"""The data channel of a session: numbered messages, each sent until it is acknowledged, taken in their order.

As the agent does it (aws/amazon-ssm-agent, agent/session/datachannel).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

from websockets.exceptions import ConnectionClosed

from sandbox.session_manager import messages
from sandbox.session_manager.messages import Message, Payload

LOGGER = logging.getLogger(__name__)
SECONDS_UNTIL_SENT_AGAIN = 0.2
SECONDS_TO_CLOSE = 2.0
MOST_UNACKNOWLEDGED = 100
LARGEST = 1024
"""Bytes of a payload."""


class Connection(Protocol):
    """A websocket."""

    def send(self, message: bytes) -> None: ...

    def recv(self, timeout: float | None = None) -> str | bytes: ...


class Channel:
    """The agent's end of a data channel. `send` and `close` may be called in any thread, `received` in one: what comes
    to it ends the others' waiting.
    """

    def __init__(self, connection: Connection, session: str, target: str) -> None:
        self._connection = connection
        self._session, self._target = session, target
        self._sent = 0
        self._expected = 0
        self._early: dict[int, Message] = {}
        self._waiting: dict[int, bytes] = {}
        self._sent_at = 0.0
        self._changed = threading.Condition()
        self._closing: tuple[str, float] | None = None
        self._over = False

    def send(self, kind: Payload, data: bytes) -> None:
        """Send data in as many messages as it takes; nothing once the channel is to be closed."""
        for start in range(0, len(data), LARGEST):
            with self._changed:
                self._changed.wait_for(lambda: self._ends or len(self._waiting) < MOST_UNACKNOWLEDGED)
                if self._ends:
                    return
                flags = 0 if self._sent else messages.FIRST
                message = Message(messages.OUTPUT, data[start : start + LARGEST], kind, self._sent, flags)
                if not self._waiting:
                    self._sent_at = time.monotonic()
                self._waiting[self._sent] = message.packed()
                self._sent += 1
                self._write(self._waiting[message.number])

    def received(self) -> Iterator[Message]:
        """What the plugin sends, until the channel is closed."""
        while not self._over:
            try:
                data = self._connection.recv(timeout=SECONDS_UNTIL_SENT_AGAIN)
            except TimeoutError:
                data = ""
            except ConnectionClosed:
                break
            if isinstance(data, bytes) and (message := _parsed(data)):
                yield from self._take(message)
            with self._changed:
                self._send_again()
                self._close_in_time()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def close(self, output: str = "") -> None:
        """Tell the plugin that the session is over, once it has acknowledged everything, with words that it prints."""
        with self._changed:
            if not self._ends:
                self._closing = output, time.monotonic() + SECONDS_TO_CLOSE
                self._changed.notify_all()
            self._close_in_time()

    @property
    def _ends(self) -> bool:
        return self._over or self._closing is not None

    def _take(self, message: Message) -> Iterator[Message]:
        if message.type == messages.ACKNOWLEDGE:
            with self._changed:
                self._waiting.pop(messages.acknowledged(message), None)
                self._sent_at = time.monotonic()
                self._changed.notify_all()
        elif message.type == messages.INPUT:
            with self._changed:
                self._write(messages.acknowledgement(message).packed())
            if message.number >= self._expected:
                self._early[message.number] = message
            while (following := self._early.pop(self._expected, None)) is not None:
                self._expected += 1
                yield following

    def _send_again(self) -> None:
        """The oldest message that is not acknowledged: the plugin leaves alone what comes before it is ready."""
        if self._waiting and time.monotonic() > self._sent_at + SECONDS_UNTIL_SENT_AGAIN:
            self._write(next(iter(self._waiting.values())))
            self._sent_at = time.monotonic()

    def _close_in_time(self) -> None:
        if self._closing is None or self._over:
            return
        output, latest = self._closing
        if not self._waiting or time.monotonic() > latest:
            self._write(messages.closed(self._session, self._target, output).packed())
            self._over = True

    def _write(self, data: bytes) -> None:
        with suppress(ConnectionClosed):
            self._connection.send(data)


def _parsed(data: bytes) -> Message | None:
    """A message; what is none is left alone, as the agent does."""
    try:
        return Message.parse(data)
    except ValueError as error:
        LOGGER.warning("%s", error)
        return None
