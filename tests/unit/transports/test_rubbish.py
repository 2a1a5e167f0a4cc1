"""No bytes that a client can send end anything but its own request or connection."""

import json
import re
from typing import Self, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher

from snowflake_mcp.transports.channel import BODY_S, HEAD_S
from tests.support.wire import encode_frame, http_request
from tests.unit.transports.stand import PARSERS, Stand, modern, modern_headers, post_modern

MESSAGE = modern("tools/list")
BODY = json.dumps(MESSAGE).encode()
VALID = http_request("POST", "/mcp", BODY, headers=modern_headers(MESSAGE))

tokens = st.sampled_from(
    [
        *(b"\r\n", b"\r\n\r\n", b"\n", b":", b" ", b"\0", b"\xff", b"GET", b"HTTP/1.1", VALID),
        *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: localhost\r\n"),
        *(b"Mcp-Name: a\r\n", b"mcp-method: tools/list\r\n", b"X-Request-Id: a\r\n"),
        b"0\r\n\r\n",
    ]
)
rubbish = st.lists(st.one_of(st.binary(max_size=40), tokens), max_size=12).map(b"".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["jsonrpc", "id", "method", "params", "_meta", "name", "arguments"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good request with a piece cut out and another put in, behind up to two good ones."""
    start = draw(st.integers(0, len(VALID)))
    end = draw(st.integers(start, min(len(VALID), start + 20)))
    return VALID * draw(st.integers(0, 2)) + VALID[:start] + draw(rubbish) + VALID[end:]


class Watched(Stand):
    """A server of which no fault may be logged."""

    def __enter__(self) -> Self:
        self.faults: list[LogEvent] = []
        globalLogPublisher.addObserver(cast(ILogObserver, self._look))
        return self

    def __exit__(self, *_details: object) -> None:
        assert post_modern(self.connect(), "tools/list").status == 200
        self.close()
        globalLogPublisher.removeObserver(cast(ILogObserver, self._look))
        assert self.faults == []

    def _look(self, event: LogEvent) -> None:
        if "log_failure" in event:
            self.faults.append(event)


_CHANGING = re.compile(rb"(Date|X-Request-Id): [^\r]*\r\n")
_UNREADABLE = re.compile(
    rb"HTTP/1.1 40[08] [^{]*\{\"error\":\{\"code\":\"(bad_request|too_slow)\"[^}]*\}\}"
)


def _answers(parser: str, data: bytes, step: int) -> bytes:
    """What a client is told, once there is nothing to wait for."""
    with Watched(parser=parser) as stand:
        wire = stand.connect()
        for start in range(0, len(data), step):
            if not wire.closed:
                wire.send(data[start : start + step])
        wire.advance(HEAD_S + BODY_S)
        # One parser sees at once what the other one waits to see the end of: refused is refused.
        return _UNREADABLE.sub(b"refused", _CHANGING.sub(b"", wire.client.received))


@settings(max_examples=300, deadline=None)
@given(st.one_of(rubbish, damaged()), st.integers(1, 50))
def test_http(data: bytes, step: int) -> None:
    """Anything on an HTTP connection, in pieces of any size, is answered alike by each parser."""
    first, *others = (_answers(parser, data, step) for parser in PARSERS)
    assert others == [first] * len(others)


@settings(max_examples=100, deadline=None)
@given(values)
def test_json(value: object) -> None:
    """Any JSON value where a message belongs, on each transport of one."""
    body = json.dumps(value).encode()
    with Watched() as stand:
        for path in ("/mcp", "/mcp/tools/call"):
            wire = stand.connect()
            wire.send(http_request("POST", path, body, headers=modern_headers(MESSAGE)))
            assert 200 <= wire.answer().status < 500
        websocket = stand.connect()
        websocket.upgrade()
        websocket.send(encode_frame(1, body))
        assert all(frame.opcode == 1 for frame in websocket.frames())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 15), st.binary(max_size=130), st.booleans()), max_size=6))
def test_websocket_frames(frames: list[tuple[int, bytes, bool]]) -> None:
    """Frames of any kind in any order."""
    with Watched() as stand:
        wire = stand.connect()
        wire.upgrade()
        for opcode, payload, fin in frames:
            wire.send(encode_frame(opcode, payload, fin=fin))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_websocket_bytes(data: bytes) -> None:
    """Bytes that are no frames at all."""
    with Watched() as stand:
        wire = stand.connect()
        wire.upgrade()
        wire.send(data)
