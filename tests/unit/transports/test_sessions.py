"""Handshake-era sessions over HTTP: streams, resumption, questions, batches, the end."""

import json
from typing import Any

import pytest

from snowflake_mcp.protocol.changes import Change
from snowflake_mcp.protocol.inputs import Question
from snowflake_mcp.protocol.tooling import ToolResult
from tests.support.messages import HANDSHAKE, JSON_HEADERS, opening
from tests.support.wire import Wire, http_request
from tests.unit.transports.stand import (
    Stand,
    call,
    initialize,
    post_handshake,
    post_modern,
    send_post,
)


def ask(
    wire: Wire, verb: str, session: str | None, *, last: str | None = None, version: str = HANDSHAKE
) -> None:
    headers = {"Accept": "text/event-stream", "MCP-Protocol-Version": version}
    if session is not None:
        headers["Mcp-Session-Id"] = session
    if last is not None:
        headers["Last-Event-ID"] = last
    wire.send(http_request(verb, "/mcp", headers=headers))


def open_session(stand: Stand, version: str = HANDSHAKE, **capabilities: Any) -> str:
    wire = stand.connect()
    send_post(wire, opening(version, **capabilities), JSON_HEADERS)
    session = wire.answer().header("Mcp-Session-Id")
    assert session is not None
    return session


def test_a_session_s_stream_tells_changes(stand: Stand) -> None:
    """T-05: GET opens a stream with a priming event; what changes is told on it."""
    session, wire = initialize(stand.connect()), stand.connect()
    ask(wire, "GET", session)
    stand.kernel.changes.publish([Change("tools")])
    wire.flush()
    answer = wire.answer()
    assert (answer.status, answer.complete) == (200, False)
    assert answer.header("Content-Type") == "text/event-stream"
    assert [event["method"] for event in answer.events()] == ["notifications/tools/list_changed"]
    places = [event_id.partition("-")[2] for event_id in answer.event_ids()]
    assert places == ["0-0", "0-1"]


def test_a_stream_goes_on_where_it_was_lost(stand: Stand) -> None:
    """T-05: events that came meanwhile go to the connection that names the last one it saw."""
    session, first, second = initialize(stand.connect()), stand.connect(), stand.connect()
    ask(first, "GET", session)
    stand.kernel.changes.publish([Change("tools")])
    first.flush()
    last = first.answer().event_ids()[-1]
    first.close()
    stand.kernel.changes.publish([Change("prompts")])
    ask(second, "GET", session, last=last)
    methods = [event["method"] for event in second.answer().events()]
    assert methods == ["notifications/prompts/list_changed"]


def test_a_lost_call_is_answered_on_the_stream_that_resumes_it(stand: Stand) -> None:
    """The client comes back in time: the call was not cancelled, and the reply is not lost."""
    session, first, second = initialize(stand.connect()), stand.connect(), stand.connect()
    post_handshake(first, session, "tools/call", _with_progress("chatty"))
    last = first.answer().event_ids()[-1]
    first.close()
    stand.clock.advance(5)
    ask(second, "GET", session, last=last)
    stand.toolbox.release()
    second.flush()
    answer = second.answer()
    assert [event["id"] for event in answer.events()] == [1]
    assert (answer.complete, stand.toolbox.cancelled) == (True, [])


def test_a_call_whose_client_stays_away_is_cancelled(stand: Stand) -> None:
    """C-01: after the time to come back, nobody pays for the statement."""
    session, wire = initialize(stand.connect()), stand.connect()
    post_handshake(wire, session, "tools/call", _with_progress("chatty"))
    wire.close()
    stand.clock.advance(9.9)
    assert stand.toolbox.cancelled == []
    stand.clock.advance(0.2)
    assert stand.toolbox.cancelled == ["disconnect"]


def test_a_released_response_ends_while_its_call_goes_on(stand: Stand) -> None:
    """The client is told when to come back, and the reply waits for it."""
    session, first, second = initialize(stand.connect()), stand.connect(), stand.connect()
    post_handshake(first, session, "tools/call", call("wait"))
    stand.toolbox.contexts[-1].release()
    first.flush()
    answer = first.answer()
    assert (answer.complete, answer.events()) == (True, [])
    assert b"retry: " in answer.body
    stand.toolbox.release()
    ask(second, "GET", session, last=answer.event_ids()[-1])
    assert [event["id"] for event in second.answer().events()] == [1]


def _with_progress(name: str) -> dict[str, Any]:
    return {**call(name), "_meta": {"progressToken": "p"}}


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("session", "version", "status"),
    [
        (None, HANDSHAKE, 405),
        ("nonsense", HANDSHAKE, 404),
        ("nonsense", "2026-07-28", 405),
        ("nonsense", "1999-01-01", 400),
    ],
)
def test_without_a_session_there_is_no_stream_and_nothing_to_end(
    stand: Stand, verb: str, session: str | None, version: str, status: int
) -> None:
    """T-05, T-06: the stateless era has neither; an unknown session is told so."""
    wire = stand.connect()
    ask(wire, verb, session, version=version)
    answer = wire.answer()
    assert answer.status == status
    assert (answer.header("Allow") == "POST") == (status == 405)


def test_a_stream_must_be_acceptable(stand: Stand) -> None:
    """A browser that opens the path is not given an endless answer."""
    session, wire = initialize(stand.connect()), stand.connect()
    headers = {"Accept": "text/html", "Mcp-Session-Id": session}
    wire.send(http_request("GET", "/mcp", headers=headers))
    assert wire.answer().status == 406


def test_an_unknown_event_is_refused(stand: Stand) -> None:
    """A client that would wait for a forgotten reply is told at once."""
    session, wire = initialize(stand.connect()), stand.connect()
    ask(wire, "GET", session, last="77-1")
    assert wire.answer().status == 400


def test_the_end_of_a_session(stand: Stand) -> None:
    """A-09: DELETE stops what runs, ends the stream, and the id is unknown from then on."""
    session = initialize(stand.connect())
    stream, waiting, wire = stand.connect(), stand.connect(), stand.connect()
    ask(stream, "GET", session)
    post_handshake(waiting, session, "tools/call", call("wait"))
    ask(wire, "DELETE", session)
    assert wire.answer().status == 204
    stream.flush()
    assert stream.answer().complete
    assert stand.toolbox.cancelled == ["client"]
    post_handshake(wire, session, "tools/list")
    assert wire.answer().status == 404


def test_a_question_is_asked_on_the_stream_and_answered_by_a_post(stand: Stand) -> None:
    """T-09: in a session the question goes out on the stream, the response is posted back."""
    question = Question("elicitation/create", {"message": "Sure?", "requestedSchema": {}})

    async def asking(name: str, arguments: Any, context: Any) -> ToolResult:
        answers = await context.ask({"sure": question})
        return ToolResult(text=answers["sure"]["action"])

    stand.toolbox.call = asking  # type: ignore[method-assign]
    session = open_session(stand, elicitation={})
    wire, back = stand.connect(), stand.connect()
    post_handshake(wire, session, "tools/call", call("echo"))
    (asked,) = wire.answer().events()
    assert asked["method"] == "elicitation/create"
    headers = {**JSON_HEADERS, "MCP-Protocol-Version": HANDSHAKE, "Mcp-Session-Id": session}
    reply = {"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept"}}
    send_post(back, reply, headers)
    assert back.answer().status == 202
    wire.flush()
    assert wire.answer().events()[-1]["result"]["content"][0]["text"] == "accept"
    send_post(back, reply, headers)
    assert back.answer().status == 400


def test_batches_belong_to_one_revision(stand: Stand) -> None:
    """T-07: 2025-03-26 sessions may send several messages at once; nobody else may."""
    messages: list[Any] = [
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call("echo", a=1)},
        {"jsonrpc": "1.0", "id": 3, "method": "ping"},
        7,
    ]
    wire = stand.connect()
    for version, status in (("2025-03-26", 200), ("2025-06-18", 400), ("2024-11-05", 400)):
        session = open_session(stand, version)
        send_post(wire, messages, {**JSON_HEADERS, "Mcp-Session-Id": session})
        answer = wire.answer()
        assert answer.status == status, version
        if status == 200:
            found = {reply.get("id"): "result" in reply for reply in answer.json()}
            assert found == {1: True, 2: True, 3: False, None: False}


def test_a_batch_without_requests_or_with_too_many(stand: Stand) -> None:
    """Only notifications: 202. None, or more than 32: refused."""
    wire = stand.connect()
    headers = {**JSON_HEADERS, "Mcp-Session-Id": open_session(stand, "2025-03-26")}
    send_post(wire, [{"jsonrpc": "2.0", "method": "notifications/initialized"}], headers)
    assert wire.answer().status == 202
    for size in (0, 33):
        send_post(
            wire, [{"jsonrpc": "2.0", "id": n, "method": "ping"} for n in range(size)], headers
        )
        assert wire.answer().status == 400


@pytest.mark.parametrize(
    ("sent", "arguments", "ok"),
    [
        ({"Mcp-Param-Region": "eu"}, {"region": "eu"}, True),
        ({}, {}, True),
        ({"mcp-param-REGION": "=?base64?w6k=?="}, {"region": "é"}, True),
        ({"Mcp-Param-Count": "42.0"}, {"deep": {"count": 42}}, True),
        ({"Mcp-Param-Flag": "true"}, {"flag": True}, True),
        ({"Mcp-Param-Region": "us"}, {"region": "eu"}, False),
        ({}, {"region": "eu"}, False),
        ({"Mcp-Param-Region": "eu"}, {}, False),
        ({"Mcp-Param-Region": "=?base64?!?="}, {"region": "eu"}, False),
        ({"Mcp-Param-Count": "42.5"}, {"deep": {"count": 42}}, False),
        ({"Mcp-Param-Flag": "True"}, {"flag": True}, False),
    ],
)
def test_mirrored_arguments_must_agree(
    stand: Stand, sent: dict[str, str], arguments: dict[str, Any], ok: bool
) -> None:
    """T-14, T-15: a header that routes by an argument says what the body says."""
    schema = {
        "type": "object",
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "flag": {"type": "boolean", "x-mcp-header": "Flag"},
            "deep": {
                "type": "object",
                "properties": {"count": {"type": "integer", "x-mcp-header": "Count"}},
            },
        },
    }
    described = [{**tool, "inputSchema": schema} for tool in stand.toolbox.describe(None)]  # type: ignore[arg-type]
    stand.toolbox.describe = lambda principal: described  # type: ignore[method-assign]
    wire = stand.connect()
    from tests.unit.transports.stand import modern, modern_headers

    message = modern("tools/call", call("echo", **arguments))
    body = json.dumps(message).encode()
    wire.send(http_request("POST", "/mcp", body, headers={**modern_headers(message), **sent}))
    answer = wire.answer()
    assert answer.status == (200 if ok else 400)
    if not ok:
        assert answer.json()["error"]["code"] == -32020


def test_listening_is_a_stream_from_the_start(stand: Stand) -> None:
    """C-07: the acknowledgement commits the response; leaving ends the subscription."""
    wire = stand.connect()
    listening = post_modern(
        wire, "subscriptions/listen", {"notifications": {"toolsListChanged": True}}
    )
    assert (listening.status, listening.complete) == (200, False)
    assert listening.events()[0]["method"] == "notifications/subscriptions/acknowledged"
    assert listening.event_ids() == []
    wire.close()
    assert (stand.kernel.running, len(stand.kernel.changes)) == (0, 0)
