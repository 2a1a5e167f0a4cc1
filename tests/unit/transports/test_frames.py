"""Frames that are read and made without autobahn: nobody can tell the difference."""

import json
import random
import struct
from collections.abc import Callable
from typing import Any

import pytest
from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.protocol import PreparedMessage
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from snowflake_mcp.transports.frames import WHOLE_BYTES, read_text, text_frame
from snowflake_mcp.transports.websocket import Connection
from tests.support.wire import Wire, encode_frame
from tests.unit.transports.stand import Stand, call, modern

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
LIMIT = 1_024
"""The least that ``max_message_bytes`` may be."""


def masked(
    opcode: int, payload: bytes, mask: bytes, *, first: int | None = None, form: int = 0
) -> bytes:
    """A client's frame; ``form`` asks for a longer way to write its length."""
    length = len(payload)
    first = 0x80 | opcode if first is None else first
    form = max(form, 0 if length < 126 else 1 if length < 65_536 else 2)
    heads = (
        lambda: struct.pack("!BB", first, 0x80 | length),
        lambda: struct.pack("!BBH", first, 0xFE, length),
        lambda: struct.pack("!BBQ", first, 0xFF, length),
    )
    bits = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return heads[form]() + mask + bits


@pytest.mark.parametrize("length", [0, 1, 3, 4, 5, 125, 126, 127, 999, WHOLE_BYTES])
def test_a_whole_message_is_read(length: int) -> None:
    """Any mask, either form of the length; what follows is left."""
    payload = (b"abcdefg" * (length // 7 + 1))[:length]
    for mask in (b"\0\0\0\0", b"\x01\xfe\x80\xff", b"\xff\xff\xff\xff"):
        frame = masked(TEXT, payload, mask)
        assert read_text(frame, WHOLE_BYTES) == (payload, len(frame))
        assert read_text(frame + b"\x81", WHOLE_BYTES) == (payload, len(frame))
        for short in range(0, len(frame), max(1, len(frame) // 40)):
            assert read_text(frame[:short], WHOLE_BYTES) is None


@pytest.mark.parametrize(
    "frame",
    [
        masked(BINARY, b"{}", b"1234"),
        masked(PING, b"{}", b"1234"),
        masked(CONTINUED, b"{}", b"1234"),
        masked(TEXT, b"{}", b"1234", first=0x01),
        *(masked(TEXT, b"{}", b"1234", first=0x81 | rsv) for rsv in (0x10, 0x20, 0x40)),
        masked(TEXT, b"{}", b"1234", form=1),
        masked(TEXT, b"{}", b"1234", form=2),
        masked(TEXT, b"x" * 125, b"1234", form=1),
        masked(TEXT, b"x" * 126, b"1234", form=2),
        struct.pack("!BBQ", 0x81, 0xFF, 300 << 48) + b"1234" * 100,
        masked(TEXT, b"x" * 101, b"1234"),
        encode_frame(TEXT, b"{}      ", masked=False),
        encode_frame(TEXT, b"x" * 126, masked=False),
        *(
            masked(TEXT, broken, b"1234")
            for broken in (
                b"\xff",
                b"\xc0\xaf",
                b"\xed\xa0\x80",
                b"\xf4\x90\x80\x80",
                b"abc\xe2\x82",
                b"\x80",
            )
        ),
    ],
)
def test_anything_else_is_left_alone(frame: bytes) -> None:
    """Other kinds, pieces, reserved bits, long lengths, no mask, over the limit, broken UTF-8."""
    assert read_text(frame, 100 if len(frame) == 107 else WHOLE_BYTES) is None


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 70_000])
def test_our_frames_are_those_of_autobahn(length: int) -> None:
    """The shortest form of every length."""
    payload = b"y" * length
    assert bytes(text_frame(payload)) == PreparedMessage(payload, False, False, False).payloadHybi


def anything(rng: random.Random) -> bytes:
    """What a client may send, mostly right."""
    text = rng.choice(
        [
            b"",
            b"{}",
            "\u00e9\U0001f600".encode() * rng.randrange(30),
            b"a" * rng.choice([5, 125, 126, 1_000, LIMIT, LIMIT + 1, WHOLE_BYTES + 5]),
            rng.randbytes(rng.randrange(1, 12)),
        ]
    )
    mask = rng.randbytes(4)
    small = text[:125]
    return rng.choice(
        [
            *(masked(TEXT, text, mask) for _ in range(6)),
            masked(BINARY, text, mask),
            masked(TEXT, text, mask, first=TEXT),
            masked(CONTINUED, text, mask, first=CONTINUED),
            masked(CONTINUED, text, mask),
            masked(PING, small, mask),
            masked(PONG, small, mask),
            masked(CLOSE, rng.choice([b"", b"\x03\xe8", b"\x03\xe8bye", b"\0\1", b"x"]), mask),
            masked(TEXT, small, mask, form=rng.choice([1, 2])),
            masked(TEXT, text, mask, first=0x81 | rng.choice([0x10, 0x20, 0x40])),
            masked(rng.randrange(16), small, mask),
            encode_frame(TEXT, text, masked=False),
        ]
    )


def pieces(rng: random.Random, data: bytes) -> list[bytes]:
    """The same bytes in a few reads."""
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice([0, 0, 1, 4])))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


class _Heard:
    """Everything that can be seen of a connection from either end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.messages: list[tuple[bytes, bool]] = []
        self._monkeypatch = monkeypatch

    def run(self, reads: list[bytes], *, waits: bool) -> tuple[Any, ...]:
        self.messages.clear()

        def on_message(connection: Connection, payload: bytes, is_binary: bool) -> None:
            self.messages.append((payload, is_binary))
            connection._enqueue(payload)
            if payload == b"{}":
                # As when the credential has ended: in the middle of what has been read.
                connection.close(1008, "enough")

        self._monkeypatch.setattr(Connection, "onMessage", on_message)
        self._monkeypatch.setattr("os.urandom", lambda size: b"u" * size)
        self._monkeypatch.setattr("time.time_ns", lambda: 7)
        stand = Stand(websocket={"max_message_bytes": LIMIT})
        wire = stand.connect()
        assert wire.upgrade().status == 101
        if waits:
            wire.advance(stand.front._websockets.settings.ping_interval_s)
        wire.send(*reads)
        wire.advance(0.5)
        timers = sorted(call.getTime() for call in stand.clock.getDelayedCalls())
        seen = (list(self.messages), wire.unread, wire.closed, timers)
        wire.advance(1.0)
        ended = wire.closed
        stand.close()
        return (*seen, ended)


@pytest.mark.parametrize("seed", range(30))
def test_nobody_can_tell_who_reads(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same messages, answers, closes and timers as with autobahn's own reading."""
    rng = random.Random(seed)
    heard = _Heard(monkeypatch)
    for _ in range(6):
        reads = pieces(rng, b"".join(anything(rng) for _ in range(rng.randrange(1, 6))))
        waits = rng.random() < 0.2
        ours = heard.run(reads, waits=waits)
        with monkeypatch.context() as theirs:
            theirs.setattr(Connection, "processData", WebSocketServerProtocol.processData)
            assert heard.run(reads, waits=waits) == ours


def test_the_limit_holds_for_short_messages_too() -> None:
    """One byte over is 1009, whoever reads it."""
    small = Stand(websocket={"max_message_bytes": LIMIT})
    wire = _opened(small)
    wire.send(masked(TEXT, b"x" * LIMIT, b"1234"))
    assert [frame.opcode for frame in wire.frames()] == [TEXT]
    wire.send(masked(TEXT, b"x" * (LIMIT + 1), b"1234"))
    assert [frame.close_code for frame in wire.frames()] == [1009]
    small.close()


def _steps(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What is left to autobahn's reader."""
    left: list[bytes] = []
    theirs: Callable[[Any], bool] = WebSocketServerProtocol.processData

    def seen(connection: Any) -> bool:
        left.append(connection.data)
        return theirs(connection)

    monkeypatch.setattr(WebSocketServerProtocol, "processData", seen)
    return left


def _opened(stand: Stand) -> Wire:
    wire = stand.connect()
    assert wire.upgrade().status == 101
    return wire


def test_ordinary_messages_never_reach_autobahn(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One or several in a read: if autobahn renames what is asked of it here, this fails."""
    wire = _opened(stand)
    left = _steps(monkeypatch)
    frames = [
        masked(TEXT, json.dumps(modern("tools/call", call("echo"), number)).encode(), b"7\x01z\xff")
        for number in range(4)
    ]
    wire.send(frames[0], frames[1] + frames[2] + frames[3])
    assert [message["id"] for message in wire.messages()] == [0, 1, 2, 3]
    assert left == []


def test_answers_to_one_read_leave_together(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once is for the last of them, or for each of them there would be a system call."""
    at_once: list[bytes] = []

    def write(transport: Any, data: bytes) -> None:
        at_once.append(data)
        transport.write(data)

    monkeypatch.setattr("snowflake_mcp.transports.websocket.write_at_once", write)
    wire = _opened(stand)
    asked = [json.dumps(modern("tools/call", call("echo"), number)).encode() for number in range(3)]
    wire.send(b"".join(masked(TEXT, each, b"1234") for each in asked))
    assert [message["id"] for message in wire.messages()] == [0, 1, 2]
    assert len(at_once) == 1
    assert b'"id":2' in at_once[0]


def test_many_messages_at_once_are_read_in_several_turns(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have a turn in between, nothing more is taken meanwhile, and the order stays."""
    wire = _opened(stand)
    turns: list[int] = []
    catch_up = vars(Connection)["_catch_up"]

    def turn(connection: Connection) -> None:
        turns.append(len(taken))
        catch_up(connection)

    monkeypatch.setattr(Connection, "_catch_up", turn)
    frames = [
        masked(TEXT, json.dumps(modern("tools/call", call("echo"), number)).encode(), b"1234")
        for number in range(101)
    ]
    connection, taken = wire.server.protocol, stand.toolbox.contexts
    connection.dataReceived(b"".join(frames[:100]))
    assert len(taken) == 32
    reading = [wire.server.reading]
    # What was under way already waits behind what has come before it.
    connection.dataReceived(frames[100])
    assert len(taken) == 32
    wire.clock.advance(0)
    assert (turns, len(taken)) == ([32, 64, 96], 101)
    assert [*reading, wire.server.reading] == [False, True]
    wire.flush()
    assert [message["id"] for message in wire.messages()] == list(range(101))


def test_a_connection_that_ends_with_messages_unread(stand: Stand) -> None:
    """Nothing of it goes on, and no timer is left."""
    wire = _opened(stand)
    frame = masked(TEXT, json.dumps(modern("tools/call", call("echo"), 1)).encode(), b"1234")
    wire.server.protocol.dataReceived(frame * 40)
    wire.server.protocol.connectionLost(Failure(ConnectionLost()))
    wire.clock.advance(1)
    assert len(stand.toolbox.contexts) == 32


def test_a_message_in_place_of_a_pong_keeps_the_connection(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that asks is alive, whether it answers pings or not."""
    wire = _opened(stand)
    left = _steps(monkeypatch)
    for number in range(5):
        wire.advance(30)
        wire.send_text(modern("tools/call", call("echo"), number))
    assert not wire.closed
    assert len(left) == 10
    assert [frame.opcode for frame in wire.frames()].count(PING) == 5
