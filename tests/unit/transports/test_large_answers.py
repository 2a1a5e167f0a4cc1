"""Answers of megabytes: on every transport they leave in pieces, and are never copied whole."""

# mypy: allow-untyped-calls

import json
import tracemalloc
from typing import Any

import pytest
from twisted.internet.testing import StringTransport

from snowflake_mcp.transports.outlet import SLICE_BYTES
from snowflake_mcp.transports.stdio import StdioProtocol
from tests.support.messages import INITIALIZE, JSON_HEADERS
from tests.support.wire import Wire, encode_frame, http_request
from tests.unit.transports.stand import Stand, call, modern, modern_headers

PARTS = 170
ROWS = ["x" * 60_000] * PARTS + [1]
"""About ten megabytes."""


def written(wire: Wire) -> list[int]:
    """From now on: the sizes of what is given to the socket."""
    sizes: list[int] = []
    write = wire.server.write

    def counting(data: bytes) -> None:
        sizes.append(len(data))
        write(data)

    wire.server.write = counting  # type: ignore[method-assign]  # the only way to listen in
    return sizes


def asked(wire: Wire, data: bytes) -> int:
    """Ask for what the client does not take yet; the most memory that the answer took, in bytes."""
    wire.stop_reading()
    tracemalloc.start()
    try:
        wire.send(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak


def in_pieces(sizes: list[int], peak: int) -> bool:
    """Whether neither the socket nor the memory has seen the whole."""
    return max(sizes) <= SLICE_BYTES and peak < 1_000_000


def posted(wire: Wire) -> tuple[int, Any]:
    """What asking by POST took, and the answer."""
    message = modern("tools/call", call("big", parts=PARTS))
    body = json.dumps(message).encode()
    peak = asked(wire, http_request("POST", "/mcp", body, headers=modern_headers(message)))
    wire.start_reading()
    return peak, wire.answer()


def test_over_http(stand: Stand) -> None:
    """One JSON body, whose length is told before."""
    wire = stand.connect()
    sizes = written(wire)
    peak, answer = posted(wire)
    assert answer.complete
    assert answer.json()["result"]["structuredContent"]["rows"] == ROWS
    assert in_pieces(sizes, peak)


def test_over_rest(stand: Stand) -> None:
    """The same from the path for scripts."""
    wire = stand.connect()
    sizes = written(wire)
    body = json.dumps(call("big", parts=PARTS)).encode()
    headers = {"Content-Type": "application/json"}
    peak = asked(wire, http_request("POST", "/mcp/tools/call", body, headers=headers))
    wire.start_reading()
    assert wire.answer().json()["result"]["rows"] == ROWS
    assert in_pieces(sizes, peak)


def test_as_an_event() -> None:
    """The last message of an event stream, in chunks."""
    stand = Stand(stream_after_s=0.0)
    wire = stand.connect()
    sizes = written(wire)
    peak, answer = posted(wire)
    assert answer.complete
    (event,) = answer.events()
    assert event["result"]["structuredContent"]["rows"] == ROWS
    assert in_pieces(sizes, peak)


def test_in_a_batch(stand: Stand) -> None:
    """Among others in one array (2025-03-26)."""
    wire = stand.connect()
    old: dict[str, Any] = json.loads(json.dumps(INITIALIZE))
    old["params"]["protocolVersion"] = "2025-03-26"
    opened = wire.request("POST", "/mcp", json.dumps(old).encode(), headers=JSON_HEADERS)
    headers = {**JSON_HEADERS, "Mcp-Session-Id": str(opened.header("mcp-session-id"))}
    batch = [
        {"jsonrpc": "2.0", "id": 7, "method": "ping"},
        {"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": call("big", parts=PARTS)},
    ]
    sizes = written(wire)
    body = json.dumps(batch).encode()
    peak = asked(wire, http_request("POST", "/mcp", body, headers=headers))
    wire.start_reading()
    answers = {each["id"]: each["result"] for each in wire.answer().json()}
    assert sorted(answers) == [7, 8]
    assert in_pieces(sizes, peak)


def opened(stand: Stand) -> Wire:
    wire = stand.connect()
    assert wire.upgrade().status == 101
    return wire


def large_call(wire: Wire) -> int:
    message = modern("tools/call", call("big", parts=PARTS))
    return asked(wire, encode_frame(1, json.dumps(message).encode()))


def test_over_websocket(stand: Stand) -> None:
    """One text frame."""
    wire = opened(stand)
    sizes = written(wire)
    peak = large_call(wire)
    assert sum(sizes) < 4 * SLICE_BYTES
    wire.start_reading()
    (message,) = wire.messages()
    assert message["result"]["structuredContent"]["rows"] == ROWS
    assert in_pieces(sizes, peak)


@pytest.mark.parametrize("opcode", [9, 8])
def test_nothing_comes_into_a_frame(stand: Stand, opcode: int) -> None:
    """A ping or a goodbye of a client that has read half of a message is answered behind it."""
    wire = opened(stand)
    large_call(wire)
    wire.send(encode_frame(opcode, b"\x03\xe8"))
    wire.start_reading()
    first, second = wire.frames()
    assert (first.opcode, second.opcode) == (1, 10 if opcode == 9 else 8)
    assert first.json()["result"]["structuredContent"]["rows"] == ROWS


def test_a_message_behind_a_large_one_waits_for_it(stand: Stand) -> None:
    """Order is kept, and a goodbye of the server's drops what has not begun."""
    wire = opened(stand)
    large_call(wire)
    wire.send_text(modern("tools/list"))
    stand.front.close_websockets()
    wire.start_reading()
    first, second = wire.frames()
    assert first.json()["result"]["structuredContent"]["rows"] == ROWS
    assert second.close_code == 1001


def test_over_stdio(stand: Stand) -> None:
    """One line."""
    sizes: list[int] = []

    class Output(StringTransport):
        def write(self, data: bytes) -> None:
            sizes.append(len(data))
            super().write(data)

    output = Output()
    protocol = StdioProtocol(
        stand.kernel, stand.clock, lambda: None, max_message_bytes=4_096, max_in_flight=2
    )
    protocol.makeConnection(output)
    message = modern("tools/call", call("big", parts=PARTS))
    protocol.dataReceived(json.dumps(message).encode() + b"\n")
    line = output.value()
    assert line.count(b"\n") == 1
    assert json.loads(line)["result"]["structuredContent"]["rows"] == ROWS
    assert max(sizes) <= SLICE_BYTES
    protocol.connectionLost()
