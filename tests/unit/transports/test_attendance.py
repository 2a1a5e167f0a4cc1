"""Operators see who is connected, and end a connection: what it had asked for stops."""

import json
from collections.abc import Iterator

import pytest

from snowflake_mcp.transports.attendance import Attendance
from tests.support.messages import INITIALIZE
from tests.support.wire import Wire
from tests.unit.transports.stand import Stand, call, modern
from tests.unit.transports.test_legacy_sse import OLDEST, open_stream, say


@pytest.fixture
def stand() -> Iterator[Stand]:
    one = Stand(legacy_sse=True, websocket={"ping_interval_s": 0.0})
    yield one
    one.close()


def only(stand: Stand) -> Attendance:
    (seen,) = stand.front.attendance()
    return seen


def waiting_socket(stand: Stand) -> Wire:
    wire = stand.connect()
    assert wire.upgrade().status == 101
    wire.send_text(INITIALIZE)
    wire.messages()
    message = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": call("wait")}
    wire.send_text(message)
    return wire


def test_a_websocket_is_seen_and_ended(stand: Stand) -> None:
    """With what its client called itself; the close code says that it was not its doing."""
    wire = waiting_socket(stand)
    stand.clock.advance(3.0)
    seen = only(stand)
    assert (seen.kind, seen.principal, seen.address) == ("websocket", "local", "203.0.113.9")
    assert seen.client == _client_of(INITIALIZE)
    assert (seen.age_s, seen.in_flight) == (3.0, 1)
    assert not stand.front.end("another")
    assert stand.front.end(seen.id)
    wire.flush()
    assert wire.frames()[-1].close_code == 1008
    wire.close()
    assert stand.toolbox.cancelled == ["disconnect"]
    assert stand.front.attendance() == []


def test_a_stateless_client_is_known_by_its_last_message(stand: Stand) -> None:
    """It never says hello."""
    wire = stand.connect()
    wire.upgrade()
    assert only(stand).client == ""
    wire.send_text(modern("tools/list"))
    assert only(stand).client == "t/1"


def test_a_stream_of_the_oldest_clients_is_seen_and_ended(stand: Stand) -> None:
    """Its path is gone with it, and what runs for it stops."""
    wire, path = open_stream(stand)
    params = {
        "protocolVersion": OLDEST,
        "capabilities": {},
        "clientInfo": {"name": "old", "version": "1"},
    }
    say(stand, path, "initialize", params, 0)
    say(stand, path, "tools/call", call("wait"), 1)
    seen = only(stand)
    assert (seen.kind, seen.client, seen.in_flight) == ("sse", "old/1", 1)
    assert seen.id not in path
    assert stand.front.end(seen.id)
    wire.flush()
    assert stand.toolbox.cancelled == ["disconnect"]
    assert stand.front.attendance() == []
    assert say(stand, path, "ping", {}, 2) == 404


def _client_of(message: object) -> str:
    info = json.loads(json.dumps(message))["params"]["clientInfo"]
    return f"{info['name']}/{info['version']}"
