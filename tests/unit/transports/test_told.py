"""What the log says of requests over each transport: one line each, whatever carried them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import LogEvent, formatEvent

from snowflake_mcp.ops.access import is_access
from snowflake_mcp.ops.lines import json_line
from snowflake_mcp.ops.shapes import shape_of
from tests.support.messages import INITIALIZE, JSON_HEADERS
from tests.unit.transports.stand import (
    Stand,
    call,
    initialize,
    post_handshake,
    post_modern,
    send_modern,
    send_post,
)

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"
PROGRESS = {"_meta": {"progressToken": "p"}}
LARGE = 1 << 20
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture
def observed() -> Iterator[Stand]:
    """A stand that reports its requests."""
    made = Stand(every_line=True)
    yield made
    made.close()


def told(events: list[LogEvent]) -> list[tuple[Any, Any]]:
    """Of each line: how the request ended, and the status of its exchange."""
    return [(e.get("outcome"), e.get("status")) for e in events if is_access(e)]


def test_a_request_and_its_exchange_are_one_line(observed: Stand, events: list[LogEvent]) -> None:
    """Everything that is known of both, under names that are documented."""
    wire = observed.connect()
    send_modern(wire, "tools/call", {**call("wait"), "_meta": {"traceparent": TRACE}})
    observed.toolbox.contexts[0].query_id = "01b"
    observed.clock.advance(2.5)
    observed.toolbox.release()
    wire.flush()
    answer = wire.answer()
    (event,) = [each for each in events if is_access(each)]
    line = json.loads(json_line(event, shape_of(event)) or b"")
    request = observed.toolbox.contexts[0]
    assert line.pop("time").endswith("Z")
    assert line.pop("received_bytes") > 100
    assert line == {
        "level": "info",
        "logger": "snowflake_mcp.transports.site",
        "message": f"{request.request_id} http local tools/call wait ok 2500 ms query 01b, "
        f"POST /mcp 200 in 2.500 s, {len(answer.body)} bytes",
        "request_id": request.request_id,
        "transport": "http",
        "principal": "local",
        "method": "tools/call",
        "tool": "wait",
        "outcome": "ok",
        "elapsed_ms": 2500,
        "query_id": "01b",
        "trace": TRACE,
        "http_method": "POST",
        "path": "/mcp",
        "status": 200,
        "duration_s": 2.5,
        "sent_bytes": len(answer.body),
        "http_request_id": answer.header("X-Request-Id"),
        "peer": "203.0.113.9",
        "caller": "local",
    }
    documented = OPERATIONS.read_text()
    assert [key for key in line if f"`{key}`" not in documented] == []


def test_a_session_is_in_the_line(observed: Stand, events: list[LogEvent]) -> None:
    """Handshake era: what opens one has its line, what belongs to one names it."""
    wire = observed.connect()
    send_post(wire, INITIALIZE, JSON_HEADERS)
    session = str(wire.answer().header("Mcp-Session-Id"))
    headers = {**JSON_HEADERS, "Mcp-Session-Id": session}
    send_post(wire, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers)
    lines = [each for each in events if is_access(each)]
    assert [(each["method"], each["status"]) for each in lines] == [
        ("initialize", 200),
        ("tools/list", 200),
    ]
    assert lines[1]["session"]


@pytest.mark.parametrize(
    ("params", "line"),
    [
        (call("fail", family="busy"), ("busy", 200)),
        (call("nobody"), ("error_-32602", 400)),
        (call("broken"), ("internal", 200)),
    ],
)
def test_what_fails_is_one_line_too(
    observed: Stand, events: list[LogEvent], params: dict[str, Any], line: tuple[str, int]
) -> None:
    """The word for its end and the status stand beside each other."""
    post_modern(observed.connect(), "tools/call", params)
    assert told(events) == [line]


def test_a_rest_call_is_one_line(observed: Stand, events: list[LogEvent]) -> None:
    """With the status that says how it went."""
    wire = observed.connect()
    body = {"name": "fail", "arguments": {"family": "busy"}}
    send_post(wire, body, {"Content-Type": "application/json"}, "/mcp/tools/call")
    assert told(events) == [("busy", 503)]


def test_a_client_that_left_has_two_lines(observed: Stand, events: list[LogEvent]) -> None:
    """Its exchange is over first; the request says by itself how it ended."""
    wire = observed.connect()
    send_modern(wire, "tools/call", call("wait"))
    wire.close()
    assert told(events) == [(None, 499), ("cancelled_disconnect", None)]


def test_an_event_stream_has_two_lines(observed: Stand, events: list[LogEvent]) -> None:
    """The request's when it ends, the exchange's when the client has read it all."""
    wire = observed.connect()
    send_modern(wire, "tools/call", {**call("chatty"), **PROGRESS})
    assert told(events) == []
    observed.toolbox.release()
    wire.flush()
    wire.advance(0)
    assert told(events) == [("ok", None), (None, 200)]


@pytest.mark.parametrize(("leaves", "status"), [(False, 200), (True, 499)])
def test_a_large_body_is_one_line(
    observed: Stand, events: list[LogEvent], leaves: bool, status: int
) -> None:
    """Once it has left, or its client has."""
    wire = observed.connect()
    wire.stop_reading()
    send_modern(wire, "tools/call", call("big", size=LARGE))
    assert told(events) == []
    if leaves:
        wire.close()
    else:
        wire.start_reading()
        wire.flush()
        wire.advance(0)
    assert told(events) == [("ok", status)]


def test_each_request_of_a_batch_has_its_line(observed: Stand, events: list[LogEvent]) -> None:
    """And their exchange one of its own."""
    wire = observed.connect()
    opening = json.loads(json.dumps(INITIALIZE))
    opening["params"]["protocolVersion"] = "2025-03-26"
    send_post(wire, opening, JSON_HEADERS)
    headers = {**JSON_HEADERS, "Mcp-Session-Id": str(wire.answer().header("Mcp-Session-Id"))}
    events.clear()
    ask = {"jsonrpc": "2.0", "method": "tools/call", "params": call("echo")}
    send_post(wire, [{**ask, "id": 1}, {**ask, "id": 2}], headers)
    assert told(events) == [("ok", None), ("ok", None), (None, 200)]


def test_over_a_websocket_each_request_has_its_line(
    observed: Stand, events: list[LogEvent]
) -> None:
    """There the exchange is the upgrade."""
    wire = observed.connect()
    wire.upgrade()
    wire.send_text(INITIALIZE)
    assert told(events) == [(None, 101), ("ok", None)]


def test_a_ping_is_an_exchange_like_any_other(observed: Stand, events: list[LogEvent]) -> None:
    """It has no line as a request, where it goes well."""
    wire = observed.connect()
    session = initialize(wire)
    events.clear()
    post_handshake(wire, session, "ping")
    lines = [each for each in events if is_access(each)]
    assert [(each["method"], "outcome" in each) for each in lines] == [("POST", False)]


def test_without_the_lines_of_what_went_well(events: list[LogEvent]) -> None:
    """With ``log.requests`` off a failure is told whatever the status of its answer is."""
    stand = Stand(every_line=False)
    wire = stand.connect()
    post_modern(wire, "tools/call", call("echo"))
    post_modern(wire, "tools/call", call("fail", family="busy"))
    post_modern(wire, "tools/call", call("nobody"))
    wire.request("GET", "/nowhere")
    assert told(events) == [("busy", 200), ("error_-32602", 400), (None, 404)]
    stand.close()


def test_the_text_of_a_line_holds_no_argument(observed: Stand, events: list[LogEvent]) -> None:
    """What a client sends for a tool stays out of it."""
    post_modern(observed.connect(), "tools/call", call("echo", query="SELECT 42"))
    assert "SELECT" not in "".join(formatEvent(each) for each in events)
