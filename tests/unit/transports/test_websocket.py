"""MCP over WebSocket: the upgrade, the frames, the limits and every way to end."""

import json
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent
from twisted.protocols.policies import WrappingFactory

from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.transports.timers import Timers
from tests.support.messages import HANDSHAKE, INITIALIZE
from tests.support.wire import Wire, connect, encode_frame, http_request
from tests.unit.transports.stand import Stand, call, modern

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def _open(stand: Stand, **options: Any) -> Wire:
    wire = stand.connect()
    answer = wire.upgrade(**options)
    assert answer.status == 101, answer
    return wire


def _initialize(wire: Wire) -> dict[str, Any]:
    wire.send_text(INITIALIZE)
    (message,) = wire.messages()
    result: dict[str, Any] = message["result"]
    return result


def _close_code(wire: Wire) -> int | None:
    (frame,) = [frame for frame in wire.frames() if frame.opcode == CLOSE]
    return frame.close_code


def test_the_subprotocol_is_selected_when_offered(stand: Stand) -> None:
    """Clients that offer mcp, alone or among others, must see it chosen."""
    assert stand.connect().upgrade().header("Sec-WebSocket-Protocol") == "mcp"
    several = stand.connect().upgrade(protocol="chat, mcp")
    assert several.header("Sec-WebSocket-Protocol") == "mcp"


def test_no_offer_is_fine_and_another_is_not(stand: Stand) -> None:
    """Without an offer none is chosen; only foreign offers are 400."""
    answer = stand.connect().upgrade(protocol=None)
    assert answer.status == 101
    assert answer.header("Sec-WebSocket-Protocol") is None
    assert stand.connect().upgrade(protocol="chat").status == 400
    assert stand.connect().upgrade(protocol="MCP").status == 400


def test_compression_is_never_agreed_on(stand: Stand) -> None:
    """Offers of permessage-deflate are declined: no bombs, no mixing of secrets."""
    answer = stand.connect().upgrade(
        Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits"
    )
    assert answer.status == 101
    assert answer.header("Sec-WebSocket-Extensions") is None
    assert answer.header("Server") is None


@pytest.mark.parametrize(
    ("options", "status", "reason"),
    [
        ({"Sec_WebSocket_Key": "short"}, 400, "websocket_key"),
        ({"Sec_WebSocket_Key": "!" * 24}, 400, "websocket_key"),
        ({"Sec_WebSocket_Version": "8"}, 426, "websocket_version"),
        ({"Sec_WebSocket_Version": "x"}, 426, "websocket_version"),
        ({"Connection": "keep-alive"}, 400, "bad_upgrade"),
        ({"Origin": "http://evil.example"}, 403, "origin_foreign"),
        ({"Origin": "null"}, 403, "origin_foreign"),
        ({"Upgrade": "h2c"}, 405, "method_not_allowed"),
    ],
)
def test_a_bad_upgrade_is_an_http_answer(
    stand: Stand, options: dict[str, str], status: int, reason: str
) -> None:
    """Everything is checked before autobahn sees it; the connection stays an HTTP one."""
    wire = stand.connect()
    answer = wire.upgrade(**options)
    assert answer.status == status
    assert answer.json()["error"]["data"] == {"reason": reason}
    if status == 426:
        assert answer.header("Sec-WebSocket-Version") == "13"
    assert wire.request("GET", "/health").status == 200


def test_an_upgrade_without_a_key_or_with_a_foreign_host_is_refused(stand: Stand) -> None:
    """No key is 400; a rebound Host is 421 before anything else is looked at."""
    wire = stand.connect()
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    assert wire.request("GET", "/mcp", headers=headers).status == 400
    assert wire.request("GET", "/mcp", headers=headers, host="evil.example").status == 421


def test_other_paths_do_not_upgrade(stand: Stand) -> None:
    """An upgrade elsewhere is ignored, as HTTP allows, or not found."""
    assert stand.connect().upgrade("/health").status == 200
    assert stand.connect().upgrade("/ws").status == 404


def test_the_same_path_goes_on_to_serve_posts(stand: Stand) -> None:
    """One path, one port: the WebSocket of one client is nothing to another's POST."""
    _open(stand)
    assert stand.connect().request("GET", "/mcp").status == 405


def test_a_stateless_call_over_websocket(stand: Stand) -> None:
    """T-26: a request in its own envelope needs no handshake of MCP's."""
    wire = _open(stand)
    wire.send_text(modern("tools/call", call("echo", a=1), "x"))
    (message,) = wire.messages()
    assert message["id"] == "x"
    assert message["result"]["structuredContent"] == {"arguments": {"a": 1}}


def test_a_handshake_session_over_websocket(stand: Stand) -> None:
    """The connection is the session; nothing is served before initialize."""
    wire = _open(stand)
    wire.send_text({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert wire.messages()[0]["error"]["code"] == -32600
    assert _initialize(wire)["protocolVersion"] == HANDSHAKE
    wire.send_text({"jsonrpc": "2.0", "method": "notifications/initialized"})
    wire.send_text({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
    (message,) = wire.messages()
    assert len(message["result"]["tools"]) == 6


def test_many_requests_run_at_once_and_end_in_any_order(stand: Stand) -> None:
    """Requests do not wait for each other."""
    wire = _open(stand)
    wire.send_text(modern("tools/call", call("wait"), 1))
    wire.send_text(modern("tools/call", call("echo"), 2))
    assert [message["id"] for message in wire.messages()] == [2]
    stand.toolbox.release()
    wire.flush()
    assert [message["id"] for message in wire.messages()] == [1]


def test_progress_comes_before_the_answer(stand: Stand) -> None:
    """Notifications of a request go out on the same connection as they happen."""
    wire = _open(stand)
    wire.send_text(modern("tools/call", {**call("chatty"), "_meta": {"progressToken": 7}}))
    assert [message["method"] for message in wire.messages()] == ["notifications/progress"]
    stand.toolbox.release()
    wire.flush()
    assert [message["id"] for message in wire.messages()] == [1]


def test_a_client_cancels_by_notification(stand: Stand) -> None:
    """The call stops, no answer comes, the connection goes on."""
    wire = _open(stand)
    wire.send_text(modern("tools/call", call("wait"), 1))
    wire.send_text(
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    )
    assert stand.toolbox.cancelled == ["client"]
    assert wire.messages() == []
    wire.send_text(modern("tools/call", call("echo"), 2))
    assert [message["id"] for message in wire.messages()] == [2]


def test_a_client_that_leaves_stops_everything_it_asked_for(
    stand: Stand, events: list[LogEvent]
) -> None:
    """Without a word or with a proper close: what runs for it is cancelled."""
    gone, closing = _open(stand), _open(stand)
    gone.send_text(modern("tools/call", call("wait"), 1))
    gone.send_text(modern("tools/call", call("wait"), 2))
    closing.send_text(modern("tools/call", call("wait"), 1))
    assert stand.front.counts()["websocket"] == {"connections": 2, "in_flight": 3}
    gone.close()
    closing.send(encode_frame(CLOSE, b"\x03\xe8"))
    assert stand.toolbox.cancelled == ["disconnect"] * 3
    assert stand.front.counts()["websocket"] == {"connections": 0, "in_flight": 0}
    closed = [event for event in events if "messages_received" in event]
    assert sorted(event["cancelled"] for event in closed) == [1, 2]


@pytest.mark.parametrize(
    ("text", "code"),
    [("{", -32700), ("[]", -32600), ('"x"', -32600), ('{"jsonrpc":"2.0","id":null}', -32600)],
)
def test_a_bad_message_is_an_error_and_the_connection_stays(
    stand: Stand, text: str, code: int
) -> None:
    """A message that cannot be read is answered without an id."""
    wire = _open(stand)
    wire.send(encode_frame(TEXT, text.encode()))
    (message,) = wire.messages()
    assert message["error"]["code"] == code
    assert "id" not in message
    wire.send_text(modern("tools/list"))
    assert len(wire.messages()) == 1


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (encode_frame(BINARY, b"{}"), 1003),
        (encode_frame(TEXT, b"\xff"), 1007),
        (encode_frame(TEXT, b"x" * ((1 << 20) + 1)), 1009),
        (
            encode_frame(TEXT, b"x" * (1 << 20), fin=False) + encode_frame(0, b"x"),
            1009,
        ),
        (encode_frame(TEXT, b"{}", masked=False), 1002),
        (encode_frame(3, b""), 1002),
        (encode_frame(PING, b"x" * 126), 1002),
        (encode_frame(0, b"x"), 1002),
    ],
)
def test_a_bad_frame_ends_with_its_close_code(stand: Stand, frame: bytes, code: int) -> None:
    """T-26: binary, broken UTF-8, too large, unmasked, unknown: the client is told which it was."""
    wire = _open(stand)
    wire.send(frame)
    assert _close_code(wire) == code
    wire.send_text(modern("tools/call", call("echo")))
    assert stand.toolbox.contexts == []
    wire.advance(2)
    assert wire.closed


def test_a_message_may_come_in_pieces(stand: Stand) -> None:
    """Fragments with a ping in between are one message."""
    wire = _open(stand)
    text = json.dumps(modern("tools/list")).encode()
    wire.send(encode_frame(TEXT, text[:10], fin=False))
    wire.send(encode_frame(PING, b"p"))
    wire.send(encode_frame(0, text[10:20], fin=False), encode_frame(0, text[20:]))
    frames = wire.frames()
    assert [frame.opcode for frame in frames] == [PONG, TEXT]
    assert frames[0].payload == b"p"


def test_what_came_with_the_upgrade_is_heard(stand: Stand) -> None:
    """A client that does not wait for the 101 loses nothing."""
    wire = stand.connect()
    headers = {
        "Upgrade": "websocket",
        "Connection": "keep-alive, Upgrade",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "Sec-WebSocket-Version": "13",
    }
    frame = encode_frame(TEXT, json.dumps(modern("tools/list")).encode())
    wire.send(http_request("GET", "/mcp", headers=headers) + frame)
    assert wire.answer("GET").status == 101
    assert len(wire.messages()) == 1


def test_answers_may_be_larger_than_what_clients_may_send(stand: Stand) -> None:
    """The limit on incoming messages is none on answers, which have their own."""
    wire = _open(stand)
    wire.send_text(modern("tools/call", call("big", size=3_000_000)))
    (message,) = wire.messages()
    assert len(message["result"]["content"][0]["text"]) == 3_000_000


def test_too_many_calls_at_once_are_answered_busy() -> None:
    """D-01: the limit on requests in flight is answered, not enforced by silence."""
    stand = Stand(websocket={"max_in_flight": 2})
    wire = _open(stand)
    for number in range(4):
        wire.send_text(modern("tools/call", call("wait"), number))
    messages = wire.messages()
    assert [message["id"] for message in messages] == [2, 3]
    assert all(message["result"]["isError"] for message in messages)
    stand.close()


def test_too_many_connections_are_503() -> None:
    """The limit is answered before the upgrade; a place that is free again can be had."""
    stand = Stand(websocket={"max_connections": 1})
    first = _open(stand)
    refused = stand.connect().upgrade()
    assert refused.status == 503
    assert refused.header("Retry-After") == "5"
    first.close()
    _open(stand)
    stand.close()


def test_a_mute_client_is_pinged_and_dropped(stand: Stand) -> None:
    """F-12: no pong within the time, no connection; autobahn's timers run on our clock."""
    wire = _open(stand)
    wire.advance(30)
    assert [frame.opcode for frame in wire.frames()] == [PING]
    wire.advance(29)
    assert not wire.closed
    wire.advance(2)
    assert wire.closed


def test_a_client_that_answers_pings_stays(stand: Stand) -> None:
    """A pong is enough to stay for hours."""
    wire = _open(stand)
    for _ in range(10):
        wire.advance(30)
        for frame in wire.frames():
            assert frame.opcode == PING
            wire.send(encode_frame(PONG, frame.payload))
    assert not wire.closed


def test_the_idle_timeout_of_http_does_not_reach_a_websocket(stand: Stand) -> None:
    """An open WebSocket may be quiet for longer than an HTTP connection."""
    wire = _open(stand)
    wire.advance(29)
    assert not wire.closed


def test_a_client_that_does_not_read_gets_to_ask_no_more(stand: Stand) -> None:
    """Back-pressure both ways: the server stops reading until the client takes its answers."""
    wire = _open(stand)
    wire.stop_reading()
    wire.send_text(modern("tools/call", call("big", size=200_000), 1))
    assert not wire.server.reading
    wire.send_text(modern("tools/call", call("echo"), 2))
    assert len(stand.toolbox.contexts) == 1
    wire.start_reading()
    assert [message["id"] for message in wire.messages()] == [1, 2]
    assert wire.server.reading


def test_a_client_that_never_reads_is_dropped(stand: Stand) -> None:
    """F-13: thirty seconds without progress end the connection and its work."""
    wire = _open(stand)
    wire.send_text(modern("tools/call", call("wait"), 1))
    wire.stop_reading()
    wire.send_text(modern("tools/call", call("big", size=200_000), 2))
    wire.advance(31)
    assert wire.closed
    assert stand.toolbox.cancelled == ["disconnect"]


def test_unsent_answers_are_bounded() -> None:
    """More than the limit for too long ends the connection before the stall does."""
    stand = Stand(websocket={"max_unsent_bytes": 100_000})
    wire = _open(stand)
    for number in range(4):
        wire.send_text(modern("tools/call", call("wait"), number))
    wire.stop_reading()
    wire.send_text(modern("tools/call", call("big", size=200_000), "big"))
    context = stand.toolbox.contexts[0]
    context.notify("notifications/message", {"data": "x" * 150_000})
    wire.advance(6)
    assert wire.closed
    assert stand.toolbox.cancelled == ["disconnect"] * 4
    stand.close()


def test_stopping_says_goodbye(stand: Stand) -> None:
    """1001 to every client; one that does not answer is dropped within a second or two."""
    polite, mute = _open(stand), _open(stand)
    stand.front.close_websockets()
    polite.flush()
    mute.flush()
    assert _close_code(polite) == 1001
    polite.send(encode_frame(CLOSE, b"\x03\xe9"))
    assert polite.closed
    assert not mute.closed
    mute.advance(1.5)
    assert mute.closed


def test_open_and_close_are_logged(stand: Stand, events: list[LogEvent]) -> None:
    """The hand-over ends the HTTP request (101), the WebSocket has its own two events."""
    wire = _open(stand)
    wire.send_text(modern("tools/list"))
    wire.advance(2)
    wire.close()
    (access,) = [event for event in events if "path" in event]
    assert access["status"] == 101
    opened, closed = [event for event in events if "conversation" in event]
    assert opened["conversation"] == closed["conversation"]
    assert closed["duration_s"] == 2
    assert (closed["messages_received"], closed["messages_sent"]) == (1, 1)
    assert closed["clean"] is False
    assert not [event for event in events if "log_failure" in event]


def test_a_fault_in_the_conversation_ends_the_connection_not_the_server(
    stand: Stand, events: list[LogEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception does not escape into the transport: it is logged and told as 1011."""
    wire = _open(stand)
    monkeypatch.setattr("snowflake_mcp.protocol.conversation.decode", lambda _data: 1 / 0)
    wire.send_text({})
    assert _close_code(wire) == 1011
    assert [event for event in events if "log_failure" in event]
    assert stand.connect().request("GET", "/health").status == 200


def test_messages_after_a_close_frame_are_not_served(stand: Stand) -> None:
    """Once either side has begun to close, nothing new is begun."""
    wire = _open(stand)
    stand.front.close_websockets()
    wire.send_text(modern("tools/call", call("echo")))
    assert stand.toolbox.contexts == []


def test_a_failed_handshake_below_us_leaves_nothing_behind(stand: Stand) -> None:
    """The library calls onClose even when the handshake never ended: it must be harmless."""
    connection = stand.front._websockets.connection(LOCAL)
    connection.onClose(False, 1006, None)
    connection.onMessage(b"{}", False)
    connection._enqueue(b"{}")
    assert connection.in_flight == 0
    assert stand.front.counts()["websocket"]["connections"] == 0


def test_it_works_behind_a_wrapping_transport(stand: Stand) -> None:
    """TLS and connection limits wrap the transport; the hand-over goes through the wrapper."""
    wire = connect(WrappingFactory(stand.front.site), stand.clock)
    assert wire.upgrade().status == 101
    wire.send_text(modern("tools/list"))
    assert len(wire.messages()) == 1
    wire.close()
    assert stand.front.counts()["websocket"]["connections"] == 0


def test_what_is_queued_at_the_close_is_not_sent_after_it(stand: Stand) -> None:
    """No data frame follows a close frame, and closing twice is closing once."""
    wire = _open(stand)
    wire.stop_reading()
    wire.send_text(modern("tools/call", call("big", size=200_000), 1))
    (connection,) = stand.front._websockets.connections
    connection._enqueue(b'{"late":1}')
    connection.close(1001, "bye")
    connection.close(1001, "bye")
    wire.start_reading()
    opcodes = [frame.opcode for frame in wire.frames()]
    assert opcodes == [TEXT, CLOSE]


def test_a_timer_may_be_cancelled_after_it_has_run() -> None:
    """As autobahn expects of its own timers."""
    clock = Clock()
    ran: list[int] = []
    timer = Timers(clock).call_later(1, ran.append, 7)
    clock.advance(1)
    timer.cancel()
    assert ran == [7]


def _idle(wire: Wire, seconds: int) -> int | None:
    """Let time pass for a client that answers every ping; the close code, if one came."""
    for _ in range(seconds // 10):
        wire.advance(10.0)
        for frame in wire.frames():
            if frame.opcode == PING:
                wire.send(encode_frame(PONG, frame.payload))
            if frame.opcode == CLOSE:
                return frame.close_code
    return None


def test_an_idle_client_is_sent_away() -> None:
    """After so long without a message in either direction; pongs are no messages."""
    stand = Stand(websocket={"idle_timeout_s": 100.0})
    wire = _open(stand)
    assert _idle(wire, 80) is None
    wire.send_text(modern("tools/list"))
    assert len(wire.messages()) == 1
    assert _idle(wire, 90) is None
    assert _idle(wire, 20) == 1001
    stand.close()


def test_a_client_whose_request_runs_is_not_idle() -> None:
    """However long it takes; and the answer is a message."""
    stand = Stand(websocket={"idle_timeout_s": 100.0})
    wire = _open(stand)
    wire.send_text(modern("tools/call", call("wait")))
    assert _idle(wire, 250) is None
    stand.toolbox.release()
    wire.flush()
    assert len(wire.messages()) == 1
    assert _idle(wire, 90) is None
    assert _idle(wire, 120) == 1001
    stand.close()
