"""``POST /mcp`` over the real kernel: both eras, and what a client that leaves stops."""

import json
from typing import Any

import pytest

from snowflake_mcp.config.model import RateSettings
from snowflake_mcp.protocol.admission import RoutingHeaders
from snowflake_mcp.transports.heads import Fields, Head
from snowflake_mcp.transports.http import routing_headers
from tests.support.messages import HANDSHAKE, JSON_HEADERS, STATELESS
from tests.support.wire import http_request
from tests.unit.transports.stand import (
    Stand,
    call,
    initialize,
    limited_to,
    modern,
    modern_headers,
    post_handshake,
    post_modern,
    send_modern,
    send_post,
)


def test_a_stateless_request_is_one_json_answer(stand: Stand) -> None:
    """A call that ends soon is a JSON body with the id of the request."""
    answer = post_modern(stand.connect(), "tools/call", call("echo", a=1), "abc")
    assert answer.status == 200
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Mcp-Session-Id") is None
    body = answer.json()
    assert body["id"] == "abc"
    assert body["result"]["structuredContent"] == {"arguments": {"a": 1}}


def test_a_handshake_session_goes_by_its_id(stand: Stand) -> None:
    """The id comes as a header of the answer; with it any connection serves the session."""
    session = initialize(stand.connect())
    other = stand.connect()
    post_handshake(other, session, "notifications/initialized", request_id=None)
    assert other.answer().status == 202
    post_handshake(other, session, "tools/list")
    answer = other.answer()
    assert answer.status == 200
    assert len(answer.json()["result"]["tools"]) == 6
    assert answer.header("Mcp-Session-Id") is None


def test_an_accepted_notification_is_202_without_a_body(stand: Stand) -> None:
    """T-08, in both eras; no content type stands over nothing."""
    wire = stand.connect()
    answer = post_modern(wire, "notifications/cancelled", {"requestId": 1}, None)
    assert (answer.status, answer.body) == (202, b"")
    assert answer.header("Content-Length") == "0"
    assert answer.header("Content-Type") is None


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "request_id"),
    [
        (b"", {}, 400, -32700, None),
        (b"{", {}, 400, -32700, None),
        (b"[]", {}, 400, -32600, None),
        (b'{"jsonrpc":"1.0","id":7,"method":"x"}', {}, 400, -32600, 7),
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/list"}', {}, 400, -32600, 7),
        (
            b'{"jsonrpc":"2.0","id":7,"method":"tools/list"}',
            {"Mcp-Session-Id": "forged"},
            404,
            -32600,
            7,
        ),
        (b'{"jsonrpc":"2.0","id":7,"result":{}}', {}, 400, -32600, None),
        (
            json.dumps(modern("tools/list")).encode(),
            {"MCP-Protocol-Version": STATELESS},
            400,
            -32020,
            1,
        ),
        (b'{"jsonrpc":"2.0","method":"x"}', {"MCP-Protocol-Version": "v9"}, 400, -32600, None),
    ],
)
def test_what_is_not_admitted_has_a_status_and_an_error(
    stand: Stand,
    body: bytes,
    headers: dict[str, str],
    status: int,
    code: int,
    request_id: int | None,
) -> None:
    """Parse, envelope, header and session errors answer with their status, id when known."""
    wire = stand.connect()
    send_post(wire, body, {**JSON_HEADERS, **headers})
    answer = wire.answer()
    assert answer.status == status
    assert answer.json()["error"]["code"] == code
    assert answer.json().get("id") == request_id
    assert not wire.closed


def test_an_unknown_method_has_the_status_of_its_era(stand: Stand) -> None:
    """T-16: 404 in the stateless era, an error in a 200 in the handshake era."""
    wire = stand.connect()
    assert post_modern(wire, "no/such").status == 404
    post_handshake(wire, initialize(stand.connect()), "no/such")
    answer = wire.answer()
    assert answer.status == 200
    assert answer.json()["error"]["code"] == -32601


def test_doubled_routing_headers_are_noticed(stand: Stand) -> None:
    """A header that came twice is not silently one of the two."""
    wire = stand.connect()
    message = modern("tools/list")
    body = json.dumps(message).encode()
    wire.send(
        http_request(
            "POST",
            "/mcp",
            body,
            headers=modern_headers(message),
            extra=("mcp-method: tools/call",),
        )
    )
    answer = wire.answer()
    assert answer.status == 400
    assert answer.json()["error"]["code"] == -32020


class _Headers:
    """Just enough of an exchange to read headers from."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.head = Head(b"POST", b"/mcp", b"HTTP/1.1", fields)


def test_routing_headers_are_read_as_sent() -> None:
    """Absent is ``None``, doubled is named, the last value counts."""
    exchange: Any = _Headers({"mcp-method": ["a", "b"], "mcp-session-id": ["s"]})
    found = routing_headers(exchange)
    assert routing_headers(exchange) is found
    assert found.version is None
    assert found.name is None
    assert found.method == "b"
    assert found.session == "s"
    assert found.duplicated == {"mcp-method"}
    exchange.fields = {"mcp-method": ["c"]}
    assert routing_headers(exchange) == RoutingHeaders(method="c")


def test_a_stateless_client_that_leaves_cancels_its_call(stand: Stand) -> None:
    """C-01: closing the response is the cancellation."""
    wire = stand.connect()
    send_modern(wire, "tools/call", call("wait"))
    assert stand.kernel.running == 1
    wire.close()
    assert stand.toolbox.cancelled == ["disconnect"]
    assert stand.kernel.running == 0


def test_a_stateless_client_cancels_its_stream_by_leaving(stand: Stand) -> None:
    """The same once the answer has become a stream."""
    wire = stand.connect()
    send_modern(wire, "tools/call", call("wait"))
    wire.advance(20)
    wire.close()
    assert stand.toolbox.cancelled == ["disconnect"]


def test_a_handshake_client_that_leaves_cancels_by_default(stand: Stand) -> None:
    """C-01: statements cost money, so a dropped request is stopped unless told otherwise."""
    session = initialize(stand.connect())
    wire = stand.connect()
    post_handshake(wire, session, "tools/call", call("wait"))
    wire.close()
    assert stand.toolbox.cancelled == ["disconnect"]


def test_a_handshake_client_may_leave_and_keep_its_call_running() -> None:
    """C-01: with cancel_on_disconnect off the work goes on, as the specification would have it."""
    stand = Stand(cancel_on_disconnect=False)
    session = initialize(stand.connect())
    wire = stand.connect()
    post_handshake(wire, session, "tools/call", call("wait"))
    wire.close()
    assert stand.toolbox.cancelled == []
    assert stand.kernel.running == 1
    stand.toolbox.release()
    assert stand.kernel.running == 0
    modern_wire = stand.connect()
    send_modern(modern_wire, "tools/call", call("wait"))
    modern_wire.close()
    assert stand.toolbox.cancelled == ["disconnect"]
    stand.close()


def test_a_handshake_client_cancels_by_notification(stand: Stand) -> None:
    """The cancelled request's response ends without a message; nothing else is touched."""
    session = initialize(stand.connect())
    waiting, other = stand.connect(), stand.connect()
    post_handshake(waiting, session, "tools/call", call("wait"), 5)
    post_handshake(other, session, "notifications/cancelled", {"requestId": 5}, None)
    assert other.answer().status == 202
    waiting.flush()
    answer = waiting.answer()
    assert answer.complete
    assert answer.events() == []
    assert stand.toolbox.cancelled == ["client"]


def test_clients_do_not_meet(stand: Stand) -> None:
    """C-08: the same id on many connections at once, each gets its own answer."""
    wires = [stand.connect() for _ in range(20)]
    for number, wire in enumerate(wires):
        send_modern(wire, "tools/call", call("wait", number=number))
    stand.toolbox.release()
    for number, wire in enumerate(wires):
        wire.flush()
        result = wire.answer().json()["result"]
        assert result["structuredContent"] == {"arguments": {"number": number}}


def test_a_timeout_is_an_answer(stand: Stand) -> None:
    """The call that takes too long ends as a tool error on the stream it has become."""
    wire = stand.connect()
    send_modern(wire, "tools/call", call("wait"))
    wire.advance(300)
    answer = wire.answer()
    assert answer.complete
    (message,) = answer.events()
    assert message["result"]["isError"] is True


def test_a_broken_tool_leaks_nothing(stand: Stand) -> None:
    """What went wrong inside stays in the log."""
    answer = post_modern(stand.connect(), "tools/call", call("broken"))
    assert answer.json()["error"]["code"] == -32603
    assert b"secret" not in answer.body


def test_both_eras_are_told_apart_on_one_connection(stand: Stand) -> None:
    """T-25: nothing of an earlier request on the connection counts for the next."""
    wire = stand.connect()
    session = initialize(wire)
    assert post_modern(wire, "tools/list").json()["result"]["resultType"] == "complete"
    post_handshake(wire, session, "tools/list")
    assert "resultType" not in wire.answer().json()["result"]
    assert HANDSHAKE != STATELESS


def test_a_request_too_fast_is_429_where_no_model_reads_it() -> None:
    """Stateless era: status and Retry-After; a tool call is answered to the model, with 200."""
    stand = Stand(rates=limited_to(RateSettings(requests_per_s=0.1, burst_requests=1)))
    listing = modern("tools/list")
    wire = stand.connect()
    send_post(wire, listing, modern_headers(listing))
    assert wire.answer().status == 200
    send_post(wire, listing, modern_headers(listing))
    answer = wire.answer()
    assert (answer.status, answer.header("Retry-After")) == (429, "10")
    assert answer.json()["error"]["code"] == 429
    calling = modern("tools/call", call("echo"))
    send_post(wire, calling, modern_headers(calling))
    answer = wire.answer()
    assert (answer.status, answer.header("Retry-After")) == (200, None)
    assert answer.json()["result"]["isError"] is True
    stand.close()
