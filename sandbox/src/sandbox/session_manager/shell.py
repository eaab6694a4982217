"""A session in which a command runs at a terminal: `InteractiveCommands`.

What fails is said in the agent's own words (aws/amazon-ssm-agent, agent/session/shell).
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from sandbox.containers.namespace import StartError
from sandbox.containers.terminal import Terminal
from sandbox.session_manager.channel import Channel
from sandbox.session_manager.messages import Message, Payload
from sandbox.session_manager.sessions import Refusal

ENVIRONMENT = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": "/root"}
"""What the agent gives to the command besides the container's variables (shell_unix.go)."""


class Place(Protocol):
    """A container in which a terminal can be opened."""

    def open_terminal(self, argv: list[str], environment: Mapping[str, str]) -> Terminal: ...


class Transcript(Protocol):
    """Where a session is logged."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Shell:
    """A command in a container."""

    def __init__(self, place: Place, command: str, transcript: Callable[[], Transcript]) -> None:
        """`transcript` is called when the session begins; it may raise `Refusal`."""
        self._place = place
        self._command = command
        self._open_transcript = transcript
        self._terminal: Terminal | None = None
        self._reader: threading.Thread | None = None

    def begin(self, channel: Channel) -> None:
        transcript = self._open_transcript()
        try:
            argv = shlex.split(self._command) or ["sh"]
        except ValueError as error:
            raise Refusal(f"Unable to start command: Failed to parse commands input: {error}\n") from error
        try:
            self._terminal = self._place.open_terminal(argv, ENVIRONMENT)
        except (StartError, ConnectionError) as error:
            raise Refusal(f"Unable to start command: Failed to start pty: {error}\n") from error
        arguments = (channel, self._terminal, transcript)
        self._reader = threading.Thread(target=_show, args=arguments, name="session", daemon=True)
        self._reader.start()

    def take(self, message: Message) -> None:
        assert self._terminal is not None
        if message.kind == Payload.OUTPUT:
            self._terminal.type(message.payload)
        elif message.kind == Payload.SIZE:
            size = message.json()
            self._terminal.resize(size["rows"], size["cols"])

    def end(self) -> None:
        assert self._terminal is not None
        assert self._reader is not None
        self._terminal.hang_up()
        self._reader.join()
        self._terminal.close()


def _show(channel: Channel, terminal: Terminal, transcript: Transcript) -> None:
    """What is written at the terminal, until nothing runs there; then the session is over."""
    for data in terminal.written():
        transcript.write(data)
        channel.send(Payload.OUTPUT, data)
    channel.close()
    transcript.close()
