"""The late commitment: JSON first, an event stream when something forces it."""

import json

from snowflake_mcp.config.model import HttpSettings
from snowflake_mcp.protocol.calls import Reply
from snowflake_mcp.transports.exchange import Exchange
from snowflake_mcp.transports.streams import Answer
from snowflake_mcp.transports.tree import Route, Tree
from tests.support.messages import JSON_HEADERS, opening
from tests.support.wire import http_request
from tests.unit.transports.stand import (
    Stand,
    call,
    initialize,
    modern,
    modern_headers,
    post_modern,
    send_modern,
    send_post,
)

PROGRESS = {"_meta": {"progressToken": "p"}}


def test_silence_turns_the_answer_into_a_stream(stand: Stand) -> None:
    """After stream_after_s the headers leave, so that no proxy cuts a quiet request."""
    wire = stand.connect()
    send_modern(wire, "tools/call", call("wait"))
    wire.advance(14.9)
    assert wire.unread == b""
    wire.advance(0.2)
    answer = wire.answer()
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/event-stream"
    assert answer.header("Content-Length") is None
    assert not answer.complete
    stand.toolbox.release()
    wire.flush()
    answer = wire.answer()
    assert answer.complete
    (message,) = answer.events()
    assert message["id"] == 1
    assert answer.body.endswith(b"\n\n")
    assert answer.body.startswith(b"event: message\ndata: {")


def test_a_notification_turns_the_answer_into_a_stream(stand: Stand) -> None:
    """Progress leaves at once, before the reply, on the same response."""
    wire = stand.connect()
    send_modern(wire, "tools/call", {**call("chatty"), **PROGRESS})
    first = wire.answer()
    assert not first.complete
    assert [message["method"] for message in first.events()] == ["notifications/progress"]
    stand.toolbox.release()
    wire.flush()
    messages = wire.answer().events()
    assert messages[0]["params"]["progressToken"] == "p"
    assert messages[1]["id"] == 1
    assert len(messages) == 2


def test_a_quiet_stream_is_kept_alive(stand: Stand) -> None:
    """T-23: a comment after each keepalive_s of silence; a message starts the silence anew."""
    wire = stand.connect()
    send_modern(wire, "tools/call", {**call("chatty"), **PROGRESS})
    wire.advance(14)
    assert b": keep-alive" not in wire.unread
    wire.advance(2)
    assert wire.unread.count(b": keep-alive\n\n") == 1
    context = stand.toolbox.contexts[-1]
    context.report_progress(2, "still")
    wire.advance(14)
    assert wire.unread.count(b": keep-alive\n\n") == 1
    wire.advance(15)
    assert wire.unread.count(b": keep-alive\n\n") == 2
    stand.toolbox.release()
    wire.flush()
    assert len(wire.answer().events()) == 3


def test_an_error_after_the_commitment_is_an_event(stand: Stand) -> None:
    """Once the status has left, a failure is the last message of the stream."""
    wire = stand.connect()
    send_modern(wire, "tools/call", call("wait"))
    wire.advance(16)
    stand.toolbox.waiting.pop().errback(RuntimeError("a secret"))
    wire.flush()
    answer = wire.answer()
    assert answer.complete
    (message,) = answer.events()
    assert message["error"]["code"] == -32603
    assert b"a secret" not in answer.body


def test_the_connection_goes_on_after_a_stream(stand: Stand) -> None:
    """A stream ends its request, not its connection."""
    wire = stand.connect()
    send_modern(wire, "tools/call", call("wait"))
    wire.advance(16)
    stand.toolbox.release()
    wire.flush()
    assert wire.answer().complete
    assert wire.request("GET", "/health").status == 200


def test_an_http_1_0_client_reads_to_the_end_of_the_connection(stand: Stand) -> None:
    """Without chunks the close is the end of the stream."""
    wire = stand.connect()
    message = modern("tools/call", call("wait"))
    request = http_request(
        "POST", "/mcp", json.dumps(message).encode(), headers=modern_headers(message)
    )
    wire.send(request.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    wire.advance(16)
    stand.toolbox.release()
    wire.flush()
    assert b'"id":1' in wire.client.received
    assert b"Transfer-Encoding" not in wire.client.received
    assert wire.closed


def test_keep_alive_waits_for_a_slow_reader(stand: Stand) -> None:
    """Comments do not pile up behind messages that are still waiting."""
    wire = stand.connect()
    send_modern(wire, "tools/call", {**call("chatty"), **PROGRESS})
    wire.stop_reading()
    context = stand.toolbox.contexts[-1]
    context.notify("notifications/message", {"data": "x" * 200_000})
    wire.advance(29)
    wire.start_reading()
    assert b": keep-alive" not in wire.unread
    stand.toolbox.release()
    wire.flush()
    assert len(wire.answer().events()) == 3


def test_a_reader_that_never_reads_ends_its_call(stand: Stand) -> None:
    """A stream nobody takes from is cut after a while, and the work behind it stops."""
    wire = stand.connect()
    send_modern(wire, "tools/call", {**call("chatty"), **PROGRESS})
    wire.stop_reading()
    stand.toolbox.contexts[-1].notify("notifications/message", {"data": "x" * 200_000})
    wire.advance(31)
    assert wire.closed
    assert stand.toolbox.cancelled == ["disconnect"]


def test_a_session_id_is_never_lost_to_a_stream(stand: Stand) -> None:
    """The method initialize answers at once, so its header always leaves with a JSON answer."""
    wire = stand.connect()
    send_post(wire, opening("2025-06-18"), JSON_HEADERS)
    answer = wire.answer()
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("Mcp-Session-Id")


def test_a_notification_that_comes_too_late_is_dropped(stand: Stand) -> None:
    """Nothing follows the reply (C-02), whoever tries."""
    held: list[Exchange] = []
    stand.front.site.tree = Tree([Route("/hold", {"GET": held.append})])
    wire = stand.connect()
    wire.send(http_request("GET", "/hold"))
    answer = Answer(held[0], stand.clock, HttpSettings())
    answer.settle(Reply(b"{}"))
    answer.settle(Reply(b"{}"))
    answer.notify(b"{}")
    wire.flush()
    assert wire.answer("GET").body == b"{}"
    assert wire.unread == b""


def test_every_answer_may_be_a_stream() -> None:
    """T-23: with ``stream_after_s`` 0; errors keep their status, sessions their id."""
    stand = Stand(stream_after_s=0)
    answer = post_modern(stand.connect(), "tools/list")
    assert answer.header("Content-Type") == "text/event-stream"
    assert answer.events()[0]["result"]["resultType"] == "complete"
    assert post_modern(stand.connect(), "no/such").status == 404
    assert initialize(stand.connect())
    stand.close()


def test_a_call_that_was_answered_is_silent_no_more(stand: Stand) -> None:
    """No stream begins for it when its time would have come, and no timer stays behind."""
    answered, left = stand.connect(), stand.connect()
    for wire in (answered, left):
        send_modern(wire, "tools/call", call("wait"))
    left.close()
    stand.toolbox.release()
    answered.flush()
    assert answered.answer().header("Content-Type") == "application/json"
    answered.close()
    before = {timer.getTime() for timer in stand.clock.getDelayedCalls()}
    stand.clock.advance(15.0)
    after = {timer.getTime() for timer in stand.clock.getDelayedCalls()}
    assert before - after == {15.0}
    assert after <= before
