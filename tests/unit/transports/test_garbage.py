"""What a request leaves behind for the garbage collector: nothing."""

import gc
import json
from collections.abc import Iterator

import pytest

from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.transports.request import Request
from tests.support.messages import HANDSHAKE, JSON_HEADERS
from tests.support.wire import encode_frame
from tests.unit.transports.stand import Stand, call, initialize, modern, modern_headers, send_post


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def _garbage(stand: Stand) -> int:
    """Requests of this server that only the collector has found, at either end of their way."""
    stand.toolbox.contexts.clear()
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    found = [
        each
        for each in gc.garbage
        if (isinstance(each, RequestContext) and each.clock is stand.clock)
        or (isinstance(each, Request) and each._site is stand.front.site)
    ]
    gc.garbage.clear()
    gc.collect()
    return len(found)


def test_calls_over_websocket_leave_no_garbage(stand: Stand) -> None:
    """What is done with is gone at once: a ring of objects costs a stop of everything later."""
    wire = stand.connect()
    assert wire.upgrade().status == 101
    frames = [
        encode_frame(1, json.dumps(modern("tools/call", call("echo"), number)).encode())
        for number in range(20)
    ]
    wire.send(frames[0])
    _garbage(stand)
    wire.send(*frames)
    assert len(wire.messages()) == 21
    assert _garbage(stand) == 0


def test_calls_over_http_leave_no_garbage(stand: Stand) -> None:
    """The same over HTTP, in both eras."""
    wire = stand.connect()
    headers = {
        **JSON_HEADERS,
        "MCP-Protocol-Version": HANDSHAKE,
        "Mcp-Session-Id": initialize(wire),
    }
    for count in (1, 20):
        _garbage(stand)
        for number in range(count):
            message = modern("tools/call", call("echo"), number)
            send_post(wire, message, modern_headers(message))
            assert wire.answer().status == 200
            asked = {"jsonrpc": "2.0", "id": number, "method": "tools/list"}
            send_post(wire, asked, headers)
            assert wire.answer().status == 200
    assert _garbage(stand) == 0


def test_calls_that_wait_leave_no_garbage(stand: Stand) -> None:
    """A call that had to wait, and one that its client took back."""
    wire = stand.connect()
    assert wire.upgrade().status == 101
    for count in (1, 10):
        _garbage(stand)
        for number in range(count):
            wire.send_text(modern("tools/call", call("wait"), number))
        stand.toolbox.release()
        wire.flush()
        assert len(wire.messages()) == count
    assert _garbage(stand) == 0
