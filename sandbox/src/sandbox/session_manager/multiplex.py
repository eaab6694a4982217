"""Several connections in one stream of bytes, as the plugin has them in a tunnel: version 1 of smux's protocol.

https://github.com/xtaci/smux (frame.go): each frame has a header of eight bytes, version, command, length and the
connection's number, in little endian; the side that opens a connection chooses its number.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from typing import NamedTuple

HEADER = struct.Struct("<BBHI")
VERSION = 1


class Command(enum.IntEnum):
    """What a frame says of its connection."""

    OPEN = 0
    END = 1
    DATA = 2
    NOTHING = 3


class Frame(NamedTuple):
    """A command, or data, of the connection of that number."""

    command: Command
    connection: int
    data: bytes = b""

    def packed(self) -> bytes:
        """As it is sent."""
        return HEADER.pack(VERSION, self.command, len(self.data), self.connection) + self.data


class Frames:
    """Frames out of the pieces in which they arrive."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole with this piece; ValueError for what is none."""
        self._rest += data
        while len(self._rest) >= HEADER.size:
            version, command, length, connection = HEADER.unpack_from(self._rest)
            if version != VERSION:
                raise ValueError(f"version {version} of the multiplexing protocol is not known")
            end = HEADER.size + length
            if len(self._rest) < end:
                return
            content, self._rest = self._rest[HEADER.size : end], self._rest[end:]
            yield Frame(Command(command), connection, content)
