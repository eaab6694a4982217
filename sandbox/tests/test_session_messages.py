"""The messages of a session and the frames of a tunnel, as AWS's plugin and its library write them."""

import uuid
from dataclasses import replace

import pytest

from sandbox.session_manager import messages
from sandbox.session_manager.messages import Flag, Message, Payload, acknowledgement, closed
from sandbox.session_manager.multiplex import Command, Frame, Frames

WRITTEN_BY_THE_PLUGIN = bytes.fromhex(
    "00000074696e7075745f73747265616d5f646174612020202020202020202020202020200000"
    "00010000015e0baa788400000000000000070000000000000002a508b5f073f31b16dd01e56b"
    "ff48483ed53ca1ea7dce87c11432052a8550ed2615cf715ca843c89710ed83325b691cba0000"
    "0003000000157b22636f6c73223a38302c22726f7773223a32347d"
)
"""`SerializeClientMessage` of session-manager-plugin 1.3.0.0."""
ID = uuid.UUID("dd01e56b-ff48-483e-a508-b5f073f31b16")
MESSAGE = Message(messages.INPUT, b'{"cols":80,"rows":24}', Payload.SIZE, number=7, flags=2, id=ID)
WRITTEN_BY_SMUX = bytes.fromhex(
    "01000000030000000102050003000000474554202f01010000030000000100000005000000010201000500000078"
)
"""Two connections that github.com/xtaci/smux 1.5.58 opens as a client."""


def test_a_message_of_the_plugin_is_read() -> None:
    assert Message.parse(WRITTEN_BY_THE_PLUGIN) == MESSAGE
    assert MESSAGE.json() == {"cols": 80, "rows": 24}


def test_a_message_is_written_as_the_plugin_does_but_for_its_time() -> None:
    time = slice(40, 48)
    ours, theirs = bytearray(MESSAGE.packed()), bytearray(WRITTEN_BY_THE_PLUGIN)
    assert (ours[time] > theirs[time]) is True
    ours[time] = theirs[time] = bytes(8)
    assert ours == theirs


@pytest.mark.parametrize(
    "data",
    [
        b"",
        WRITTEN_BY_THE_PLUGIN[:100],
        WRITTEN_BY_THE_PLUGIN[:-1],
        WRITTEN_BY_THE_PLUGIN[:-1] + b"]",
        b"\0\0\xff\xff" + WRITTEN_BY_THE_PLUGIN[4:],
    ],
    ids=["nothing", "half a header", "a short payload", "another payload", "a wrong length"],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="message"):
        Message.parse(data)


def test_what_the_service_says_itself() -> None:
    told = acknowledgement(MESSAGE)
    assert (told.type, told.flags, told.number, told.kind) == ("acknowledge", 3, 0, 0)
    assert told.json() == {
        "AcknowledgedMessageType": "input_stream_data",
        "AcknowledgedMessageId": str(ID),
        "AcknowledgedMessageSequenceNumber": 7,
        "IsSequentialMessage": True,
    }
    over = closed("s-1", "ecs:c_t_r", "words")
    assert (over.type, over.flags) == ("channel_closed", 3)
    content = over.json()
    assert content.pop("CreatedDate").isdigit()
    assert content == {
        "MessageType": "channel_closed",
        "MessageId": str(over.id),
        "DestinationId": "ecs:c_t_r",
        "SessionId": "s-1",
        "SchemaVersion": 1,
        "Output": "words",
    }
    assert replace(over, id=ID) == replace(Message.parse(over.packed()), id=ID)


def test_flags_are_numbers_of_four_bytes() -> None:
    assert [flag.packed() for flag in Flag] == [b"\0\0\0\2", b"\0\0\0\3"]


FRAMES = [
    Frame(Command.OPEN, 3),
    Frame(Command.DATA, 3, b"GET /"),
    Frame(Command.END, 3),
    Frame(Command.OPEN, 5),
    Frame(Command.DATA, 5, b"x"),
]


@pytest.mark.parametrize("size", [1, 7, 8, 9, 100])
def test_frames_come_out_of_pieces_of_any_size(size: int) -> None:
    reader = Frames()
    pieces = [WRITTEN_BY_SMUX[start : start + size] for start in range(0, len(WRITTEN_BY_SMUX), size)]
    assert [frame for piece in pieces for frame in reader.feed(piece)] == FRAMES


def test_frames_are_written_as_smux_does() -> None:
    assert b"".join(frame.packed() for frame in FRAMES) == WRITTEN_BY_SMUX


@pytest.mark.parametrize("data", [b"\2" + WRITTEN_BY_SMUX[1:], b"\1\x09" + WRITTEN_BY_SMUX[2:]])
def test_another_protocol_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"version 2|9 is not a valid Command"):
        list(Frames().feed(data))
