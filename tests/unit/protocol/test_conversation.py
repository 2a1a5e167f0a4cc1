"""One connection of a stream transport: both eras, ids, limits, cancellation."""

import json
from typing import Any

from twisted.internet.defer import Deferred

from snowflake_mcp.protocol.changes import Change
from snowflake_mcp.protocol.conversation import Conversation
from snowflake_mcp.protocol.principal import LOCAL
from tests.support.content import full_rig
from tests.support.kernels import Rig, with_envelope

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "c", "version": "1"},
}


class Peer:
    """A client of a conversation, in memory."""

    def __init__(self, rig: Rig | None = None, max_in_flight: int = 4) -> None:
        self.rig = rig or Rig()
        self.received: list[dict[str, Any]] = []
        self.conversation = Conversation(
            self.rig.kernel,
            transport="websocket",
            principal=LOCAL,
            send=lambda data: self.received.append(json.loads(bytes(data))),
            max_in_flight=max_in_flight,
        )

    def say(self, message: object) -> None:
        self.conversation.receive(json.dumps(message).encode())

    def ask(self, request_id: object, method: str, params: dict[str, Any] | None = None) -> Any:
        before = len(self.received)
        self.say({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}})
        return self.received[before] if len(self.received) > before else None


def test_a_handshake_conversation() -> None:
    """initialize, initialized, list, call."""
    peer = Peer()
    assert peer.ask(0, "initialize", INITIALIZE)["result"]["protocolVersion"] == "2025-11-25"
    peer.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert len(peer.ask(1, "tools/list")["result"]["tools"]) == 3
    result = peer.ask(2, "tools/call", {"name": "echo", "arguments": {"a": 1}})["result"]
    assert result["structuredContent"] == {"echo": {"a": 1}}
    assert "resultType" not in result


def test_a_stateless_conversation() -> None:
    """Every request brings its envelope; nothing is remembered."""
    peer = Peer()
    assert peer.ask(0, "server/discover", with_envelope())["result"]["supportedVersions"] == [
        "2026-07-28"
    ]
    assert peer.ask(1, "tools/list", with_envelope())["result"]["resultType"] == "complete"
    assert peer.ask(2, "tools/list")["error"]["code"] == -32600


def test_a_client_that_probes_may_still_shake_hands() -> None:
    """A discover on the connection does not shut the older era out."""
    peer = Peer()
    peer.ask(0, "server/discover", with_envelope())
    assert "result" in peer.ask(1, "initialize", INITIALIZE)
    assert "result" in peer.ask(2, "tools/list")


def test_discover_without_an_envelope_is_told_what_is_missing() -> None:
    """The method belongs to the stateless era only."""
    assert Peer().ask(0, "server/discover")["error"]["code"] == -32602


def test_before_initialize_only_ping_is_answered() -> None:
    """Anything else is told how to begin."""
    peer = Peer()
    assert peer.ask(0, "ping")["result"] == {}
    assert peer.ask(1, "tools/list")["error"]["code"] == -32600


def test_initialize_twice_is_refused() -> None:
    """A session is opened once."""
    peer = Peer()
    peer.ask(0, "initialize", INITIALIZE)
    assert peer.ask(1, "initialize", INITIALIZE)["error"]["code"] == -32600


def test_a_failed_initialize_opens_nothing() -> None:
    """After a refused initialize the client may try again."""
    peer = Peer()
    assert peer.ask(0, "initialize", {"protocolVersion": 1})["error"]["code"] == -32602
    assert peer.ask(1, "tools/list")["error"]["code"] == -32600
    assert "result" in peer.ask(2, "initialize", INITIALIZE)


def test_rubbish_is_answered_and_the_connection_lives() -> None:
    """One bad message ends only itself."""
    peer = Peer()
    peer.conversation.receive(b"{")
    peer.conversation.receive(b"[]")
    peer.conversation.receive(b'{"jsonrpc":"1.0","id":"x","method":"m"}')
    assert [(m["error"]["code"], m.get("id")) for m in peer.received] == [
        (-32700, None),
        (-32600, None),
        (-32600, "x"),
    ]
    assert peer.ask(1, "ping")["result"] == {}


def test_the_same_id_twice_in_flight() -> None:
    """The second is refused, the first is not disturbed."""
    peer = Peer()
    peer.ask(1, "tools/call", with_envelope(name="wait"))
    assert peer.ask(1, "tools/call", with_envelope(name="echo"))["error"]["code"] == -32600
    peer.rig.toolbox.waiting[0].callback("first")
    assert peer.received[-1]["result"]["content"][0]["text"] == "first"
    assert "result" in peer.ask(1, "tools/call", with_envelope(name="echo"))


def test_two_connections_may_use_the_same_ids() -> None:
    """Each gets its own answer."""
    rig = Rig()
    one, two = Peer(rig), Peer(rig)
    one.ask(1, "tools/call", with_envelope(name="wait"))
    two.ask(1, "tools/call", with_envelope(name="wait"))
    rig.toolbox.waiting[1].callback("for two")
    rig.toolbox.waiting[0].callback("for one")
    assert one.received[0]["result"]["content"][0]["text"] == "for one"
    assert two.received[0]["result"]["content"][0]["text"] == "for two"


def test_cancellation_by_notification() -> None:
    """The named request stops and is not answered; unknown and foreign ids are ignored."""
    rig = Rig()
    peer, other = Peer(rig), Peer(rig)
    peer.ask(1, "tools/call", with_envelope(name="wait"))
    other.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    for request_id in (2, None, [1], {"a": 1}, True, 1.0):
        peer.say(
            {
                "jsonrpc": "2.0",
                "method": "notifications/cancelled",
                "params": {"requestId": request_id},
            }
        )
    assert rig.toolbox.cancelled == 0
    peer.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    assert (rig.toolbox.cancelled, peer.received, peer.conversation.in_flight) == (1, [], 0)


def test_a_lost_connection_stops_its_work_only() -> None:
    """What the peer asked for ends; other connections go on."""
    rig = Rig()
    peer, other = Peer(rig), Peer(rig)
    peer.ask(1, "tools/call", with_envelope(name="wait"))
    peer.ask(2, "tools/call", with_envelope(name="wait"))
    other.ask(1, "tools/call", with_envelope(name="wait"))
    peer.conversation.lost()
    assert (rig.toolbox.cancelled, rig.kernel.running, peer.received) == (2, 1, [])


def test_too_many_in_flight_is_a_busy_tool_error() -> None:
    """The model reads that it should wait; cheap methods still answer."""
    peer = Peer(max_in_flight=2)
    peer.ask(1, "tools/call", with_envelope(name="wait"))
    peer.ask(2, "tools/call", with_envelope(name="wait"))
    result = peer.ask(3, "tools/call", with_envelope(name="wait"))["result"]
    assert result["isError"] is True
    assert result["_meta"]["snowflake-mcp/failure"] == {"family": "busy", "retryable": True}
    assert "result" in peer.ask(4, "tools/list", with_envelope())
    assert peer.conversation.in_flight == 2


def test_other_methods_are_bounded_too_and_subscriptions_for_themselves() -> None:
    """Nothing that may take long is without a bound; listening takes no tool's place."""
    rig = full_rig()
    waiting: list[Any] = []

    async def read(uri: str, context: Any) -> Any:
        waiting.append(Deferred())
        return await waiting[-1]

    rig.kernel._offer.library.read = read  # type: ignore[union-attr,method-assign]
    peer = Peer(rig, max_in_flight=2)
    wanted = with_envelope(notifications={"toolsListChanged": True})
    for number in range(8):
        peer.ask(f"l{number}", "subscriptions/listen", wanted)
    peer.ask(1, "resources/read", with_envelope(uri="test://one"))
    peer.ask(2, "resources/read", with_envelope(uri="test://one"))
    refused = peer.ask(3, "resources/read", with_envelope(uri="test://one"))
    assert refused["error"]["code"] == 429
    assert peer.ask(4, "subscriptions/listen", wanted)["error"]["code"] == 429
    assert peer.conversation.in_flight == 10
    peer.conversation.lost()
    assert rig.kernel.running == 0


def test_a_stray_response_is_dropped() -> None:
    """We asked nothing, so nothing is answered."""
    peer = Peer()
    peer.say({"jsonrpc": "2.0", "id": 1, "result": {}})
    assert peer.received == []


def test_batches_belong_to_one_revision() -> None:
    """2025-03-26: the answers come as one array when the last is known; else it is refused."""
    peer = Peer()
    peer.ask(0, "initialize", {**INITIALIZE, "protocolVersion": "2025-03-26"})
    wait = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "wait"}}
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    before = len(peer.received)
    peer.say([wait, ping, {"jsonrpc": "2.0", "method": "notifications/initialized"}, 5])
    assert len(peer.received) == before
    peer.rig.toolbox.waiting[0].callback("done")
    answers: Any = peer.received[-1]
    assert sorted(str(answer.get("id")) for answer in answers) == ["1", "2", "None"]
    peer.say([ping] * 33)
    refused: Any = peer.received[-1]
    assert refused["error"]["code"] == -32600
    other = Peer()
    other.ask(0, "initialize", INITIALIZE)
    other.say([ping])
    assert other.received[-1]["error"]["code"] == -32600


def test_a_batch_of_which_nothing_is_owed_is_not_answered() -> None:
    """Notifications and cancelled requests leave no empty array behind."""
    peer = Peer()
    peer.ask(0, "initialize", {**INITIALIZE, "protocolVersion": "2025-03-26"})
    wait = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "wait"}}
    before = len(peer.received)
    peer.say([wait])
    peer.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    assert len(peer.received) == before


def test_a_session_hears_of_changes_and_a_probing_client_does_not() -> None:
    """Only initialize makes a session that is told things."""
    peer, probing = Peer(), Peer()
    peer.ask(0, "initialize", INITIALIZE)
    probing.ask(0, "server/discover", with_envelope())
    for each in (peer, probing):
        each.rig.kernel.changes.publish([Change("tools")])
    assert peer.received[-1]["method"] == "notifications/tools/list_changed"
    assert len(probing.received) == 1
