"""HTTP+SSE of 2024-11-05: off by default, and what it does where it is on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.messages import JSON_HEADERS
from tests.support.wire import Wire, http_request
from tests.unit.transports.stand import Stand, call, send_post

OLDEST = "2024-11-05"


@pytest.fixture
def stand() -> Iterator[Stand]:
    one = Stand(legacy_sse=True)
    yield one
    one.close()


def open_stream(stand: Stand) -> tuple[Wire, str]:
    wire = stand.connect()
    wire.send(http_request("GET", "/sse", headers={"Accept": "text/event-stream"}))
    lines = wire.answer("GET").body.decode().split("\n")
    assert lines[0] == "event: endpoint"
    return wire, lines[1].removeprefix("data: ")


def told(wire: Wire) -> list[Any]:
    wire.flush()
    lines = wire.answer("GET").body.decode().split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def say(stand: Stand, path: str, method: str, params: dict[str, Any], request_id: int) -> int:
    wire = stand.connect()
    message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    send_post(wire, message, JSON_HEADERS, path)
    return wire.answer().status


def test_it_is_off_by_default() -> None:
    """Nobody gets a second way in who did not ask for it."""
    plain = Stand()
    for verb, path in (("GET", "/sse"), ("POST", "/messages")):
        assert plain.connect().request(verb, path, b"{}", headers=JSON_HEADERS).status == 404
    plain.close()


def test_a_conversation(stand: Stand) -> None:
    """Posts are 202; replies come on the stream, in the shape of the oldest revision."""
    wire, path = open_stream(stand)
    params = {
        "protocolVersion": OLDEST,
        "capabilities": {},
        "clientInfo": {"name": "old", "version": "1"},
    }
    assert say(stand, path, "initialize", params, 0) == 202
    assert say(stand, path, "tools/call", call("echo", a=1), 1) == 202
    first, second = told(wire)
    assert first["result"]["protocolVersion"] == OLDEST
    assert "structuredContent" not in second["result"]


def test_the_end_of_the_stream_ends_its_work(stand: Stand) -> None:
    """A client that leaves is not computed for, and its path is gone."""
    wire, path = open_stream(stand)
    params = {
        "protocolVersion": OLDEST,
        "capabilities": {},
        "clientInfo": {"name": "old", "version": "1"},
    }
    say(stand, path, "initialize", params, 0)
    say(stand, path, "tools/call", call("wait"), 1)
    wire.close()
    assert stand.toolbox.cancelled == ["disconnect"]
    assert say(stand, path, "ping", {}, 2) == 404


@pytest.mark.parametrize("path", ["/messages", "/messages?session_id=x", "/messages?session_id="])
def test_an_unknown_path_is_404(stand: Stand, path: str) -> None:
    """Without its stream a message goes nowhere."""
    assert say(stand, path, "ping", {}, 1) == 404


def test_rubbish_is_answered_on_the_stream(stand: Stand) -> None:
    """One bad message ends only itself."""
    wire, path = open_stream(stand)
    send_post(stand.connect(), b"{", JSON_HEADERS, path)
    assert [message["error"]["code"] for message in told(wire)] == [-32700]


def test_the_stop_ends_the_streams(stand: Stand) -> None:
    """Clients see the end at once."""
    wire, _ = open_stream(stand)
    stand.front.close_websockets()
    wire.flush()
    assert wire.answer("GET").complete
    assert stand.front.counts()["sse"] == {"connections": 0, "in_flight": 0}
