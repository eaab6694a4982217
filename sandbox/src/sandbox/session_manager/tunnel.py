"""A session that leads connections of the plugin's machine to a port: `Port`."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Callable

from sandbox.session_manager.channel import LARGEST, Channel
from sandbox.session_manager.messages import Flag, Message, Payload
from sandbox.session_manager.multiplex import HEADER, Command, Frame, Frames

Connect = Callable[[], socket.socket]
"""Makes a connection to the port; raises OSError."""
PIECE = LARGEST - HEADER.size
"""Bytes of a frame that goes into one message, since connections take turns between messages."""


class Tunnel:
    """Connections to one port. The plugin says which is which by the multiplexing protocol."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._frames = Frames()
        self._to_send: dict[int, queue.SimpleQueue[bytes]] = {}
        self._channel: Channel | None = None

    def begin(self, channel: Channel) -> None:
        self._channel = channel

    def take(self, message: Message) -> None:
        assert self._channel is not None
        if message.kind == Payload.FLAG and message.payload == Flag.TERMINATE_SESSION.packed():
            self._channel.close()
        elif message.kind == Payload.OUTPUT:
            for frame in self._frames.feed(message.payload):
                self._take_frame(frame, self._channel)

    def end(self) -> None:
        for waiting in list(self._to_send.values()):
            waiting.put(b"")

    def _take_frame(self, frame: Frame, channel: Channel) -> None:
        number = frame.connection
        if frame.command == Command.OPEN:
            self._to_send[number] = queue.SimpleQueue()
            arguments = (number, self._to_send[number], channel)
            threading.Thread(target=self._lead, args=arguments, name="tunnel", daemon=True).start()
        elif number in self._to_send and frame.command in (Command.DATA, Command.END):
            self._to_send[number].put(frame.data)

    def _lead(self, number: int, to_send: queue.SimpleQueue[bytes], channel: Channel) -> None:
        """One connection, until either side ends it."""
        try:
            server = self._connect()
        except OSError:
            channel.send(Payload.FLAG, Flag.CONNECT_TO_PORT_ERROR.packed())
        else:
            with server:
                threading.Thread(target=_send, args=(server, to_send), name="tunnel", daemon=True).start()
                with contextlib.suppress(OSError):
                    while data := server.recv(PIECE):
                        channel.send(Payload.OUTPUT, Frame(Command.DATA, number, data).packed())
        channel.send(Payload.OUTPUT, Frame(Command.END, number).packed())
        to_send.put(b"")
        self._to_send.pop(number, None)


def _send(server: socket.socket, to_send: queue.SimpleQueue[bytes]) -> None:
    """What comes for a connection, until its end; the plugin reads nothing of it then."""
    with contextlib.suppress(OSError):
        while data := to_send.get():
            server.sendall(data)
        server.shutdown(socket.SHUT_RDWR)
