"""What a request knows of the address that it came from."""

# mypy: allow-untyped-calls

import json

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from snowflake_mcp.transports.stdio import StdioProtocol
from tests.support.messages import JSON_HEADERS
from tests.unit.transports.stand import (
    Stand,
    call,
    initialize,
    modern,
    post_handshake,
    post_modern,
    send_post,
)
from tests.unit.transports.test_legacy_sse import open_stream, say

CLIENT = "203.0.113.9"
"""Where every wire of these tests comes from."""


def _seen(stand: Stand) -> list[tuple[str, str]]:
    return [(one.facts.transport, one.facts.peer) for one in stand.toolbox.contexts]


def test_every_transport_says_where_a_request_came_from(stand: Stand) -> None:
    """HTTP of both eras, REST and WebSocket: the address stands in the facts."""
    wire = stand.connect()
    post_modern(wire, "tools/call", call("echo"))
    post_handshake(wire, initialize(stand.connect()), "tools/call", call("echo"))
    wire.answer()
    send_post(wire, {"name": "echo"}, JSON_HEADERS, "/mcp/tools/call")
    socket = stand.connect()
    socket.upgrade()
    socket.send_text(modern("tools/call", call("echo")))
    assert _seen(stand) == [
        ("http", CLIENT),
        ("http", CLIENT),
        ("rest", CLIENT),
        ("websocket", CLIENT),
    ]


def test_the_oldest_transport_says_it_too() -> None:
    """What is posted for an event stream is of the client that opened it."""
    stand = Stand(legacy_sse=True)
    _, path = open_stream(stand)
    params = {
        "protocolVersion": "2024-11-05",
        "capabilities": {},
        "clientInfo": {"name": "old", "version": "1"},
    }
    say(stand, path, "initialize", params, 0)
    say(stand, path, "tools/call", call("echo"), 1)
    assert _seen(stand) == [("sse", CLIENT)]
    stand.close()


def test_standard_input_has_no_address(stand: Stand) -> None:
    """There is nothing to say of a pipe."""
    protocol = StdioProtocol(
        stand.kernel, stand.clock, lambda: None, max_message_bytes=4096, max_in_flight=2
    )
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(json.dumps(modern("tools/call", call("echo"))).encode() + b"\n")
    protocol.connectionLost(Failure(ConnectionDone()))
    assert _seen(stand) == [("stdio", "")]
