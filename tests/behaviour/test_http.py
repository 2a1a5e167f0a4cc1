"""What only HTTP has: status codes, headers, the forms of an answer. Both eras."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from snowflake_mcp.protocol.changes import Change
from tests.behaviour.house import REQUEST_S, House
from tests.behaviour.http_peer import HttpPeer
from tests.support.messages import HANDSHAKE, INITIALIZE, JSON_HEADERS, STATELESS
from tests.support.wire import HttpAnswer, connect, http_request
from tests.unit.transports.stand import call, modern, modern_headers

VERSION = "MCP-Protocol-Version"
CALL = modern("tools/call", call("echo"))
ASK = modern("tools/list")
META = "io.modelcontextprotocol/"


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.close()


def request(
    house: House, verb: str, message: Any, headers: dict[str, str], **options: Any
) -> HttpAnswer:
    """One request on a connection of its own."""
    wire = connect(house.front.site, house.clock)
    body = None if message is None else json.dumps(message).encode()
    wire.send(http_request(verb, "/mcp", body, headers=headers, **options))
    answer = wire.answer(verb)
    wire.close()
    return answer


def post(house: House, message: Any, headers: dict[str, str], **options: Any) -> HttpAnswer:
    return request(house, "POST", message, headers, **options)


def old(house: House) -> dict[str, str]:
    """The headers of a message within a new session."""
    session = post(house, INITIALIZE, JSON_HEADERS).header("Mcp-Session-Id")
    assert session is not None
    return {**JSON_HEADERS, VERSION: HANDSHAKE, "Mcp-Session-Id": session}


def without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}


LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_a_foreign_origin_is_403(house: House, headers: dict[str, str]) -> None:
    """T-01: in both eras, for every verb and for the upgrade to WebSocket."""
    session = old(house)
    assert post(house, ASK, {**modern_headers(ASK), **headers}).status == 403
    assert post(house, LIST, {**session, **headers}).status == 403
    for verb in ("GET", "DELETE"):
        assert request(house, verb, None, {**session, **headers}).status == 403
    wire = connect(house.front.site, house.clock)
    assert wire.upgrade(**headers).status == 403
    wire.close()


def test_a_foreign_host_is_421(house: House) -> None:
    """T-04: a page that rebinds its name to this server shows itself by its Host."""
    session = old(house)
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example"):
        assert post(house, ASK, modern_headers(ASK), host=host).status == 421
        assert post(house, LIST, session, host=host).status == 421


def test_get_and_delete_belong_to_sessions(house: House) -> None:
    """T-05, T-06: 405 without one and in the stateless era; else a stream, and the end."""
    session = {**old(house), "Accept": "text/event-stream"}
    for verb in ("GET", "DELETE"):
        for headers in (without(session, "Mcp-Session-Id"), {**session, VERSION: STATELESS}):
            answer = request(house, verb, None, headers)
            assert (answer.status, answer.header("Allow")) == (405, "POST")
    assert request(house, "GET", None, session).header("Content-Type") == "text/event-stream"
    assert request(house, "DELETE", None, session).status == 204


def test_a_body_is_one_message(house: House) -> None:
    """T-07: an array of messages is refused in both eras."""
    for headers in (modern_headers(ASK), old(house)):
        answer = post(house, [ASK], headers)
        assert (answer.status, answer.json()["error"]["code"]) == (400, -32600)


def test_responses_are_for_sessions_only(house: House) -> None:
    """T-09: the stateless era has none; in a session one that answers nothing is an error."""
    response = {"jsonrpc": "2.0", "id": "q-1", "result": {}}
    for headers in ({**JSON_HEADERS, VERSION: STATELESS}, JSON_HEADERS, old(house)):
        assert post(house, response, headers).status == 400


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (without(modern_headers(CALL), VERSION), -32020),
        ({**modern_headers(CALL), VERSION: HANDSHAKE}, -32020),
        (without(modern_headers(CALL), "Mcp-Method"), -32020),
        ({**modern_headers(CALL), "Mcp-Method": "tools/list"}, -32020),
        ({**modern_headers(CALL), "Mcp-Method": "Tools/Call"}, -32020),
        (without(modern_headers(CALL), "Mcp-Name"), -32020),
        ({**modern_headers(CALL), "Mcp-Name": "fail"}, -32020),
        ({**modern_headers(CALL), "Mcp-Name": "=?base64?ZmFpbA==?="}, -32020),
    ],
)
def test_stateless_headers_repeat_the_body(
    house: House, headers: dict[str, str], code: int
) -> None:
    """T-10, T-12, T-13: missing or different is 400 with the code of its own."""
    answer = post(house, CALL, headers)
    assert (answer.status, answer.json()["error"]["code"]) == (400, code)
    assert answer.json()["id"] == 1
    assert house.tools.contexts == []


def test_headers_may_be_written_in_other_ways(house: House) -> None:
    """T-14: any case of the name, blanks around the value, base64 for what HTTP cannot say."""
    headers = modern_headers(CALL)
    spelled = {name.upper(): f"  {value}\t" for name, value in headers.items()}
    assert post(house, CALL, spelled).status == 200
    assert post(house, CALL, {**headers, "Mcp-Name": "=?base64?ZWNobw==?="}).status == 200


def test_a_revision_that_is_not_served(house: House) -> None:
    """T-10, T-11: 400 in both eras; the stateless one names what is served."""
    message = modern("tools/list", {"_meta": {f"{META}protocolVersion": "2099-01-01"}})
    answer = post(house, message, {**modern_headers(message), VERSION: "2099-01-01"})
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (400, -32022)
    assert error["data"] == {"supported": [STATELESS], "requested": "2099-01-01"}
    assert post(house, LIST, {**old(house), VERSION: "2099-01-01"}).status == 400


def test_a_session_may_leave_the_version_header_out(house: House) -> None:
    """T-12: its id says which revision was agreed on."""
    assert post(house, LIST, without(old(house), VERSION)).status == 200


@pytest.mark.parametrize("missing", ["protocolVersion", "clientCapabilities"])
def test_an_envelope_is_whole(house: House, missing: str) -> None:
    """T-17: version and capabilities are needed, the client's name is not."""
    message = modern("tools/list")
    headers = modern_headers(message)
    del message["params"]["_meta"][f"{META}clientInfo"]
    assert post(house, message, headers).status == 200
    del message["params"]["_meta"][META + missing]
    answer = post(house, message, headers)
    assert (answer.status, answer.json()["error"]["code"]) == (400, -32602)


def test_a_missing_capability_is_400(house: House) -> None:
    """T-18: with the capability as an object in ``data``."""
    message = modern("tools/call", call("sure"))
    answer = post(house, message, modern_headers(message))
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (400, -32021)
    assert error["data"] == {"requiredCapabilities": {"elicitation": {}}}


def test_an_id_that_cannot_be_read_is_left_out(house: House) -> None:
    """T-20: null, fractions and lists are no ids; the error then carries none."""
    for wrong in (None, 1.5, [1], {"id": 1}, True):
        answer = post(house, {**ASK, "id": wrong}, modern_headers(ASK))
        assert (answer.status, answer.json()["error"]["code"]) == (400, -32600)
        assert "id" not in answer.json()


def test_a_stateless_stream_carries_no_request(house: House) -> None:
    """T-22: a question ends the request with its result; nothing is asked on the stream."""
    peer = HttpPeer(house, STATELESS, {"elicitation": {}}, streams=False)
    peer.open()
    assert "inputRequests" in peer.call("sure").result
    assert peer.questions == []
    peer.close()


@pytest.mark.parametrize("version", [HANDSHAKE, STATELESS])
def test_a_stream_is_let_through_and_ends_with_the_answer(house: House, version: str) -> None:
    """T-23: proxies are told not to hold it back; the reply is the last event."""
    peer = HttpPeer(house, version, {}, streams=False)
    peer.open()
    running = peer.call("chatty", token="t")
    answer = running.channel.wire.answer()
    assert answer.header("X-Accel-Buffering") == "no"
    peer.advance(REQUEST_S + 0.1)
    assert running.text.startswith("The call took longer")
    assert peer.seen[-1] is running.answer
    assert running.channel.over
    peer.close()


def test_the_stateless_era_knows_no_session(house: House) -> None:
    """T-24: the headers of sessions and streams are ignored, never minted, never sent back."""
    headers = {**modern_headers(ASK), "Mcp-Session-Id": "forged", "Last-Event-ID": "0-1"}
    answer = post(house, ASK, headers)
    assert answer.status == 200
    assert answer.header("Mcp-Session-Id") is None
    assert post(house, ASK, {**modern_headers(ASK), "Mcp-Session-Id": "x"}).body == answer.body


def test_sessions_are_unknown_or_missing(house: House) -> None:
    """A-09: no id is 400, an unknown one 404, so that a client knows to begin again."""
    session = old(house)
    assert post(house, LIST, without(session, "Mcp-Session-Id")).status == 400
    for wrong in ("x", session["Mcp-Session-Id"][:-1], session["Mcp-Session-Id"] + "A"):
        assert post(house, LIST, {**session, "Mcp-Session-Id": wrong}).status == 404


class Ear:
    """A connection that carries a session's stream."""

    def __init__(self, house: House, peer: HttpPeer, last: str | None = None) -> None:
        self._wire = connect(house.front.site, house.clock)
        headers = {**peer.headers(), "Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = last
        self._wire.send(http_request("GET", "/mcp", headers=headers))

    def answer(self) -> HttpAnswer:
        self._wire.flush()
        return self._wire.answer("GET")

    def close(self) -> None:
        self._wire.close()


def test_an_event_comes_once_and_none_is_lost(house: House) -> None:
    """T-05: whoever opens the stream anew hears what is new; whoever resumes it, the rest.

    However early the connection breaks: the priming event names where the stream goes on.
    """
    peer = HttpPeer(house, HANDSHAKE, {}, streams=False)
    peer.open()
    first = Ear(house, peer)
    house.change(Change("tools"))
    heard = first.answer()
    assert [each["method"] for each in heard.events()] == ["notifications/tools/list_changed"]
    first.close()
    house.change(Change("prompts"))
    house.change(Change("resources"))
    second = Ear(house, peer)
    again = second.answer()
    assert [each["method"] for each in again.events()] == [
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
    ]
    second.close()
    primed = again.event_ids()[0]
    assert primed == heard.event_ids()[-1]
    third = Ear(house, peer, primed)
    assert third.answer().events() == again.events()
    third.close()
    peer.close()


def test_events_of_another_process_are_not_known(house: House) -> None:
    """T-05: a session outlives a restart, its streams do not; nobody gets another's reply."""
    peer = HttpPeer(house, HANDSHAKE, {}, streams=False)
    peer.open()
    before = peer.call("chatty", token="t")
    last = before.channel.wire.answer().event_ids()[-1]
    house.tools.release()
    peer.settle()
    after = House()
    peer.house = after
    running = peer.call("chatty", token="t")
    stale = Ear(after, peer, last)
    assert stale.answer().status == 400
    after.tools.release()
    peer.settle()
    assert running.text == "done"
    stale.close()
    peer.close()
    after.close()
