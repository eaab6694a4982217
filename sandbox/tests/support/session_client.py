"""What the Session Manager plugin does of a session: it connects, shakes hands, acknowledges, shows what comes."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any

from aws_fakes import eventually
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from sandbox.session_manager import messages
from sandbox.session_manager.messages import Message, Payload
from sandbox.session_manager.multiplex import Command, Frame, Frames

NO_ANSWER = "nothing is said to the handshake's end"


class Plugin:
    """One session, from what an operation has answered; its messages are read in a thread of its own."""

    def __init__(self, session: Mapping[str, str], status: int = 1) -> None:
        self.output = b""
        self.flags: list[bytes] = []
        self.closed: str | None = None
        self.asked: Any = None
        self.code: int | None = None
        self._status, self._sent, self._expected = status, 0, 0
        self._ready = threading.Event()
        self._connection = ExitStack().enter_context(connect(session["streamUrl"]))
        self._connection.send(json.dumps({"MessageSchemaVersion": "1.0", "TokenValue": session["tokenValue"]}))
        threading.Thread(target=self._read, daemon=True).start()

    def ready(self) -> Plugin:
        assert self._ready.wait(5), NO_ANSWER
        return self

    def send(self, kind: Payload, data: bytes, number: int | None = None) -> None:
        """A message with the next number, or with another one."""
        chosen = self._sent if number is None else number
        self._sent += number is None
        self._connection.send(Message(messages.INPUT, data, kind, chosen).packed())

    def type(self, text: str) -> None:
        self.send(Payload.OUTPUT, text.encode())

    def shows(self, text: str) -> bool:
        return bool(eventually(lambda: text.encode() in self.output, 10))

    def ended(self) -> str:
        """The words with which the session was closed."""
        eventually(lambda: self.closed is not None, 10)
        return str(self.closed)

    def hang_up(self) -> None:
        self._connection.close()

    def _read(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                data = self._connection.recv()
                assert isinstance(data, bytes)
                self._take(Message.parse(data))
        self.code = self._connection.close_code

    def _take(self, message: Message) -> None:
        if message.type == messages.CLOSED:
            self.closed = message.json()["Output"]
        if message.type != messages.OUTPUT:
            return
        self._connection.send(messages.acknowledgement(message).packed())
        if message.number != self._expected:
            return
        self._expected += 1
        match message.kind:
            case Payload.HANDSHAKE_REQUEST:
                self.asked = message.json()
                action = {"ActionType": "SessionType", "ActionStatus": self._status, "Error": "too old"}
                content = {"ClientVersion": "1.3.0.0", "ProcessedClientActions": [action], "Errors": None}
                self.send(Payload.HANDSHAKE_RESPONSE, json.dumps(content).encode())
            case Payload.HANDSHAKE_COMPLETE:
                self._ready.set()
            case Payload.OUTPUT:
                self.output += message.payload
            case Payload.FLAG:
                self.flags.append(message.payload)


class Connections:
    """The plugin's end of a tunnel: connections by their numbers."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def send(self, command: Command, connection: int, data: bytes = b"") -> None:
        self._plugin.send(Payload.OUTPUT, Frame(command, connection, data).packed())

    def received(self, connection: int) -> list[Frame]:
        """All that has come for one."""
        return [frame for frame in Frames().feed(self._plugin.output) if frame.connection == connection]

    def answers(self, connection: int) -> bytes:
        """What was answered until its end."""
        eventually(lambda: Frame(Command.END, connection) in self.received(connection), 10)
        return b"".join(frame.data for frame in self.received(connection))
