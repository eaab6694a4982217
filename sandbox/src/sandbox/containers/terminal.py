"""A process of a container at a terminal of its own, as this side of the terminal has it."""

from __future__ import annotations

import fcntl
import os
import selectors
import socket
import struct
import termios
from collections.abc import Iterator
from contextlib import suppress

CHUNK = 1024


class Terminal:
    """What is typed at the terminal, and what is written there."""

    def __init__(self, descriptor: int, process: socket.socket) -> None:
        self._descriptor = descriptor
        self._process = process

    def written(self) -> Iterator[bytes]:
        """All that is written at the terminal, until no process has it any more, or somebody hangs up."""
        with selectors.DefaultSelector() as selector, suppress(OSError):
            for source in (self._descriptor, self._process):
                selector.register(source, selectors.EVENT_READ)
            while self._descriptor in [key.fileobj for key, _ in selector.select()]:
                yield os.read(self._descriptor, CHUNK)

    def type(self, data: bytes) -> None:
        """Keys, of which the terminal makes signals where they are such: Ctrl-C is `\\x03`."""
        with suppress(OSError):
            while data:
                data = data[os.write(self._descriptor, data) :]

    def resize(self, rows: int, columns: int) -> None:
        """Tell what runs at the terminal how large it is."""
        with suppress(OSError):
            fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """End what runs at the terminal."""
        with suppress(OSError):
            self._process.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the terminal back; nothing may be asked of it afterwards."""
        self._process.close()
        os.close(self._descriptor)
