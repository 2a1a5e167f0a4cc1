"""Two callers at one server: what one has begun, the other can neither see nor end.

The other knows every id; a check that is left out would let them through.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from snowflake_mcp.protocol.errors import INVALID_REQUEST, McpError
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.transports.exchange import Exchange
from tests.support.messages import HANDSHAKE, INITIALIZE, JSON_HEADERS
from tests.support.wire import Wire, http_request
from tests.unit.transports.stand import Stand, call, send_post

ANN: Final = {"X-Who": "ann"}
EVE: Final = {"X-Who": "eve"}
"""Another subject of the same table: sharing settings is not sharing what runs."""


def who(exchange: Exchange) -> Principal:
    return Principal(f"team/{exchange.header('x-who')}", "team")


@pytest.fixture
def stand() -> Iterator[Stand]:
    """A server that believes a header."""
    one = Stand(identify=who, legacy_sse=True, stream_after_s=0.0)
    yield one
    one.close()


def opened(stand: Stand, as_whom: dict[str, str]) -> str:
    wire = stand.connect()
    send_post(wire, INITIALIZE, {**JSON_HEADERS, **as_whom})
    session = wire.answer().header("Mcp-Session-Id")
    assert session is not None
    return session


def within(session: str, as_whom: dict[str, str], **more: str) -> dict[str, str]:
    return {
        **JSON_HEADERS,
        "MCP-Protocol-Version": HANDSHAKE,
        "Mcp-Session-Id": session,
        **as_whom,
        **more,
    }


def begin(stand: Stand, session: str, as_whom: dict[str, str]) -> Wire:
    """A call that waits."""
    wire = stand.connect()
    message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": call("wait")}
    send_post(wire, message, within(session, as_whom))
    assert len(stand.toolbox.waiting) > 0
    return wire


MESSAGES: Final[tuple[dict[str, Any], ...]] = (
    {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
    {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}},
    {"jsonrpc": "2.0", "id": "q-1", "result": {}},
)


@pytest.mark.parametrize("message", MESSAGES, ids=["request", "notification", "response"])
def test_a_session_is_worth_nothing_to_another(stand: Stand, message: dict[str, Any]) -> None:
    """A-08, A-09: whatever is posted to it is answered as to an id that does not exist."""
    session = opened(stand, ANN)
    waiting = begin(stand, session, ANN)
    wire = stand.connect()
    send_post(wire, message, within(session, EVE))
    stranger = wire.answer()
    send_post(other := stand.connect(), message, within("no-such-session", EVE))
    nobody = other.answer()
    assert stranger.status == nobody.status == 404
    assert stranger.body == nobody.body
    stand.toolbox.release()
    waiting.flush()
    assert waiting.answer().events()[-1]["id"] == 7


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
def test_its_stream_and_its_end_are_its_owners(stand: Stand, verb: str) -> None:
    """Nobody else listens to it, resumes what it lost, or ends it."""
    session = opened(stand, ANN)
    begin(stand, session, ANN)
    for more in ({}, {"Last-Event-ID": "s-0-0"}):
        headers = within(session, EVE, **more)
        headers["Accept"] = "text/event-stream"
        wire = stand.connect()
        wire.send(http_request(verb, "/mcp", headers=headers))
        assert wire.answer().status == 404
    assert len(stand.toolbox.waiting) == 1
    again = stand.connect()
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    send_post(again, ping, within(session, ANN))
    assert again.answer().status == 200


def test_events_are_resumed_in_their_own_session_only(stand: Stand) -> None:
    """An event id of another's stream is not known, in a session of one's own."""
    session = opened(stand, ANN)
    waiting = begin(stand, session, ANN)
    waiting.flush()
    event_id = waiting.answer().event_ids()[0]
    mine = opened(stand, EVE)
    headers = within(mine, EVE, **{"Last-Event-ID": event_id, "Accept": "text/event-stream"})
    wire = stand.connect()
    wire.send(http_request("GET", "/mcp", headers=headers))
    assert wire.answer().status == 400


def test_requests_are_cancelled_by_their_sender_only(stand: Stand) -> None:
    """The same id in another session is another request."""
    waiting = begin(stand, opened(stand, ANN), ANN)
    wire = stand.connect()
    send_post(wire, MESSAGES[1], within(opened(stand, EVE), EVE))
    assert wire.answer().status == 202
    assert len(stand.toolbox.waiting) == 1
    stand.toolbox.release()
    waiting.flush()
    assert "result" in waiting.answer().events()[-1]


def test_the_oldest_streams_take_their_owners_messages_only(stand: Stand) -> None:
    """Who has seen the path of another's messages cannot post to it."""
    wire = stand.connect()
    wire.send(http_request("GET", "/sse", headers={"Accept": "text/event-stream", **ANN}))
    path = wire.answer("GET").body.decode().split("data: ")[1].split("\n")[0]
    said = {}
    for name, whom in (("eve", EVE), ("ann", ANN)):
        post = stand.connect()
        send_post(post, INITIALIZE, {**JSON_HEADERS, **whom}, path)
        said[name] = post.answer().status
    assert said == {"eve": 404, "ann": 202}


def test_a_caller_is_asked_for_with_every_request(stand: Stand) -> None:
    """One connection may carry requests of several callers, each as themselves."""
    session = opened(stand, ANN)
    wire = stand.connect()
    ping = b'{"jsonrpc": "2.0", "id": 2, "method": "ping"}'
    found = [
        wire.request("POST", "/mcp", ping, headers=within(session, whom)).status
        for whom in (ANN, EVE, ANN)
    ]
    assert found == [200, 404, 200]


def test_rest_lists_and_calls_as_the_caller(stand: Stand) -> None:
    """The toolbox is asked for whoever sent the request."""
    body = json.dumps({"name": "echo", "arguments": {}}).encode()
    stand.connect().request("POST", "/mcp/tools/call", body, headers={**JSON_HEADERS, **EVE})
    assert stand.toolbox.contexts[-1].facts.principal == Principal("team/eve", "team")


def test_a_table_that_is_gone_is_told_over_rest(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A-05: the list and a call are 403, with the reason."""

    def gone(principal: Principal) -> Any:
        raise McpError(INVALID_REQUEST, "This caller is configured no longer", status=403)

    monkeypatch.setattr(stand.toolbox, "describe", gone)
    wire = stand.connect()
    listed = wire.request("GET", "/mcp/tools", headers=ANN)
    called = wire.request(
        "POST", "/mcp/tools/call", b'{"name": "echo"}', headers={**JSON_HEADERS, **ANN}
    )
    assert [listed.status, called.status] == [403, 403]
    assert called.json()["error"] == {
        "code": "forbidden",
        "message": "This caller is configured no longer",
    }


def test_a_closed_tool_is_told_over_rest(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """404 as for one that does not exist, with the reason that the toolbox gives."""
    monkeypatch.setattr(stand.toolbox, "describe", lambda _: [])
    body = b'{"name": "no_such", "arguments": {}}'
    answer = stand.connect().request(
        "POST", "/mcp/tools/call", body, headers={**JSON_HEADERS, **EVE}
    )
    assert answer.status == 404
    assert answer.json()["error"] == {"code": "unknown_tool", "message": "Unknown tool"}
