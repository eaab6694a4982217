"""The messages of a session: what the Session Manager plugin and an agent tell each other.

The plugin's `src/message/clientmessage.go` has the layout: a header of big-endian numbers and a payload. Its type names
which of both has sent the message; numbered ones are acknowledged.
"""

from __future__ import annotations

import enum
import hashlib
import json
import struct
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

HEADER = struct.Struct(">I32sIQqQ16s32sI")
"""Its length, type, version of the layout, milliseconds since 1970, number, flags, id; the payload's digest, type."""
LENGTH = struct.Struct(">I")
FIRST, LAST = 1, 2
"""Flags."""
INPUT, OUTPUT = "input_stream_data", "output_stream_data"
ACKNOWLEDGE, CLOSED = "acknowledge", "channel_closed"


class Payload(enum.IntEnum):
    """What the payload of a numbered message is."""

    NONE = 0
    OUTPUT = 1
    SIZE = 3
    HANDSHAKE_REQUEST = 5
    HANDSHAKE_RESPONSE = 6
    HANDSHAKE_COMPLETE = 7
    FLAG = 10


class Flag(enum.IntEnum):
    """The payload of `Payload.FLAG`."""

    TERMINATE_SESSION = 2
    CONNECT_TO_PORT_ERROR = 3

    def packed(self) -> bytes:
        return LENGTH.pack(self)


@dataclass(frozen=True)
class Message:
    """One message; `type` is one of the constants above, `number` counts from 0."""

    type: str
    payload: bytes = b""
    kind: int = Payload.NONE
    number: int = 0
    flags: int = 0
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    def packed(self) -> bytes:
        """As it is sent."""
        header = HEADER.pack(
            HEADER.size,
            self.type.encode().ljust(32),
            1,
            int(time.time() * 1000),
            self.number,
            self.flags,
            _halves_swapped(self.id.bytes),
            hashlib.sha256(self.payload).digest(),
            self.kind,
        )
        return header + LENGTH.pack(len(self.payload)) + self.payload

    @classmethod
    def parse(cls, data: bytes) -> Message:
        """A message as it was sent; ValueError for anything else."""
        try:
            length, kind_of_message, _, _, number, flags, id, digest, kind = HEADER.unpack_from(data)
            (size,) = LENGTH.unpack_from(data, length)
        except struct.error as error:
            raise ValueError(f"not a message of a session: {error}") from error
        payload = data[length + LENGTH.size :]
        if len(payload) != size or (payload and hashlib.sha256(payload).digest() != digest):
            raise ValueError("the payload of a session's message is not what its header says")
        name = kind_of_message.strip(b" \0").decode()
        return cls(name, payload, kind, number, flags, uuid.UUID(bytes=_halves_swapped(id)))

    def json(self) -> Any:
        """A payload that is JSON."""
        return json.loads(self.payload)


def acknowledgement(message: Message) -> Message:
    """What tells the sender of a numbered message that it has come."""
    content = {
        "AcknowledgedMessageType": message.type,
        "AcknowledgedMessageId": str(message.id),
        "AcknowledgedMessageSequenceNumber": message.number,
        "IsSequentialMessage": True,
    }
    return Message(ACKNOWLEDGE, json.dumps(content).encode(), flags=FIRST | LAST)


def acknowledged(message: Message) -> int:
    """The number of the message that has come; one that no message has where it names none."""
    try:
        return int(message.json()["AcknowledgedMessageSequenceNumber"])
    except (ValueError, KeyError, TypeError):
        return -1


def closed(session: str, target: str, output: str) -> Message:
    """What tells the plugin that a session is over, with words that it prints."""
    id = uuid.uuid4()
    content = {
        "MessageType": CLOSED,
        "MessageId": str(id),
        "DestinationId": target,
        "SessionId": session,
        "SchemaVersion": 1,
        "CreatedDate": str(int(time.time() * 1000)),
        "Output": output,
    }
    return Message(CLOSED, json.dumps(content).encode(), flags=FIRST | LAST, id=id)


def _halves_swapped(id: bytes) -> bytes:
    """An id is sent with its less significant half first."""
    return id[8:] + id[:8]
