"""A session's data channel: what is sent until it is acknowledged, and taken in its order."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aws_fakes import eventually
from websockets.exceptions import ConnectionClosedOK

from sandbox.session_manager import channel as channels
from sandbox.session_manager import messages
from sandbox.session_manager.channel import Channel
from sandbox.session_manager.messages import Message, Payload, acknowledgement


class FakeConnection:
    """A websocket whose other end the test is."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.coming: queue.Queue[bytes | None] = queue.Queue()
        self.is_closed = False

    def send(self, message: bytes) -> None:
        if self.is_closed:
            raise ConnectionClosedOK(None, None)
        self.sent.append(Message.parse(message))

    def recv(self, timeout: float | None = None) -> bytes:
        try:
            data = self.coming.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError from None
        if data is None:
            raise ConnectionClosedOK(None, None)
        return data

    def close(self) -> None:
        self.is_closed = True
        self.coming.put(None)

    def say(self, number: int, data: bytes = b"", kind: Payload = Payload.OUTPUT) -> None:
        self.coming.put(Message(messages.INPUT, data, kind, number).packed())

    def acknowledge(self, message: Message) -> None:
        self.coming.put(acknowledgement(message).packed())

    def numbers(self, kind: str) -> list[int]:
        return [message.number for message in self.sent if message.type == kind]


class Rig:
    def __init__(self) -> None:
        self.connection = FakeConnection()
        self.channel = Channel(self.connection, "s-1", "target")
        self.taken: list[bytes] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        for message in self.channel.received():
            self.taken.append(message.payload)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.connection.close()
    made.reader.join(5)
    assert not made.reader.is_alive()


def test_messages_are_taken_once_and_in_their_order(rig: Rig) -> None:
    for number, data in ((1, b"b"), (0, b"a"), (0, b"a"), (3, b"d"), (1, b"b"), (2, b"c")):
        rig.connection.say(number, data)
    rig.connection.coming.put(b"no message")
    eventually(lambda: rig.taken == [b"a", b"b", b"c", b"d"])
    eventually(lambda: len(rig.connection.sent) == 6)
    told = [message.json()["AcknowledgedMessageSequenceNumber"] for message in rig.connection.sent]
    assert told == [1, 0, 0, 3, 1, 2]


def test_data_is_cut_into_numbered_messages(rig: Rig) -> None:
    rig.channel.send(Payload.OUTPUT, b"x" * 1025)
    rig.channel.send(Payload.FLAG, b"f")
    rig.channel.send(Payload.OUTPUT, b"")
    sent = [(each.number, each.flags, each.kind, len(each.payload)) for each in rig.connection.sent[:3]]
    assert sent == [(0, 1, 1, 1024), (1, 0, 1, 1), (2, 0, 10, 1)]


def test_the_oldest_message_is_sent_again_until_it_is_acknowledged(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "SECONDS_UNTIL_SENT_AGAIN", 0.02)
    rig.channel.send(Payload.OUTPUT, b"one")
    rig.channel.send(Payload.OUTPUT, b"two")
    eventually(lambda: rig.connection.numbers(messages.OUTPUT).count(0) > 2)
    assert rig.connection.numbers(messages.OUTPUT).count(1) == 1
    rig.connection.acknowledge(rig.connection.sent[0])
    eventually(lambda: rig.connection.numbers(messages.OUTPUT).count(1) > 2)
    rig.connection.acknowledge(rig.connection.sent[1])
    time.sleep(0.1)
    count = len(rig.connection.sent)
    time.sleep(0.1)
    assert len(rig.connection.sent) == count


def test_who_sends_waits_for_acknowledgements(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "MOST_UNACKNOWLEDGED", 2)
    sender = threading.Thread(target=rig.channel.send, args=(Payload.OUTPUT, b"x" * 3000), daemon=True)
    sender.start()
    eventually(lambda: rig.connection.numbers(messages.OUTPUT) == [0, 1])
    time.sleep(0.05)
    assert sender.is_alive()
    rig.connection.acknowledge(rig.connection.sent[0])
    sender.join(5)
    assert rig.connection.numbers(messages.OUTPUT)[:3] == [0, 1, 2]


@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_channel_is_closed_when_all_is_acknowledged_or_after_a_while(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, acknowledged: bool
) -> None:
    monkeypatch.setattr(channels, "SECONDS_TO_CLOSE", 0.1)
    rig.channel.send(Payload.OUTPUT, b"last")
    if acknowledged:
        rig.connection.acknowledge(rig.connection.sent[0])
    rig.channel.close("words")
    rig.channel.send(Payload.OUTPUT, b"too late")
    eventually(lambda: rig.connection.numbers(messages.CLOSED))
    last: Any = rig.connection.sent[-1]
    assert (last.type, last.json()["Output"], last.json()["SessionId"]) == (messages.CLOSED, "words", "s-1")
    rig.reader.join(5)
    assert not rig.reader.is_alive()
    rig.channel.close("again")
    rig.channel.send(Payload.OUTPUT, b"too late")
    assert rig.connection.sent[-1] is last


def test_when_the_other_side_hangs_up_nobody_waits_any_more(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "MOST_UNACKNOWLEDGED", 1)
    sender = threading.Thread(target=rig.channel.send, args=(Payload.OUTPUT, b"x" * 3000), daemon=True)
    sender.start()
    rig.connection.close()
    sender.join(5)
    assert not sender.is_alive()


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"{}"])
def test_an_acknowledgement_of_nothing_is_left_alone(rig: Rig, payload: bytes) -> None:
    rig.connection.coming.put(Message(messages.ACKNOWLEDGE, payload).packed())
    rig.connection.say(0, b"a")
    assert eventually(lambda: rig.taken == [b"a"])
