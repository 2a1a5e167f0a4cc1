"""How client and server meet, how messages and answers belong together, how it all ends."""

from typing import Any

from tests.behaviour.house import REQUEST_S
from tests.behaviour.http_peer import HttpPeer
from tests.behaviour.scene import Scene
from tests.support.messages import STATELESS

RUBBISH = (b"", b"{", b"[]", b"7", b"null", b'{"jsonrpc":"2.0"}', b'{"jsonrpc":"2.0","id":null}')


def test_the_server_introduces_itself(scene: Scene) -> None:
    """T-10: initialize agrees on the revision, and either era says what is offered."""
    peer = scene.join()
    said = peer.ask("server/discover").result if scene.stateless else peer.greeting
    offered = {"tools", "prompts", "resources", "logging", "completions"}
    assert set(said["capabilities"]) - {"extensions"} == offered
    assert said["capabilities"]["resources"] == {"subscribe": True, "listChanged": True}
    assert said["instructions"] == "Ask."
    if not scene.stateless:
        assert said["protocolVersion"] == scene.cell.revision
        assert said["serverInfo"]["name"] == "snowflake-mcp"


def test_discover_names_the_served_revisions(scene: Scene) -> None:
    """T-11: a client learns which revision to send, and which extensions there are."""
    said = scene.join().ask("server/discover").result
    assert said["supportedVersions"] == [STATELESS]
    assert list(said["capabilities"]["extensions"]) == ["io.modelcontextprotocol/tasks"]
    assert said["_meta"]["io.modelcontextprotocol/serverInfo"]["version"] == "0.1.0"


def test_ping_is_answered_with_nothing(scene: Scene) -> None:
    """A client may ask at any time whether the server is there."""
    assert scene.join().ask("ping").result == {}


def test_methods_of_the_other_era_are_not_there(scene: Scene) -> None:
    """T-16: what a revision does not have is not found in it, whatever the server knows."""
    peer = scene.join()
    others = (
        ["ping", "logging/setLevel", "resources/subscribe"]
        if scene.stateless
        else ["subscriptions/listen", "tasks/get", "no/such"]
    )
    for method in others:
        params: dict[str, Any] = {"level": "info", "uri": "test://one", "taskId": "t"}
        assert peer.ask(method, params).error["code"] == -32601, method
    if isinstance(peer, HttpPeer):
        assert set(peer.statuses[-3:]) == {404 if scene.stateless else 200}


def test_every_id_comes_back_as_it_was_sent(scene: Scene) -> None:
    """T-20: numbers stay numbers, texts stay texts, and an error carries the id as well."""
    peer = scene.join()
    for request_id in (0, -5, 2**53 + 1, "", "7", "é☃"):
        assert peer.ask("tools/list", request_id=request_id).result["tools"]
        assert peer.ask("no/such", request_id=request_id).error
    assert peer.nameless == []


def test_a_notification_is_never_answered(scene: Scene) -> None:
    """T-08, T-21: known or not, right or wrong."""
    peer = scene.join()
    before = len(peer.seen)
    for method in ("notifications/initialized", "notifications/no-such", "tools/list"):
        peer.notify(method, {"any": ["thing"]})
    assert len(peer.seen) == before
    if isinstance(peer, HttpPeer):
        assert peer.statuses[-3:] == [202, 202, 202]


def test_a_session_that_was_ended_is_gone(scene: Scene) -> None:
    """A-09: its calls stop, its streams end, its id is unknown from then on."""
    peer = scene.join()
    peer.listen()
    running = peer.call("wait")
    peer.end_session()
    peer.settle()
    assert (scene.tools.cancelled, running.answer) == (["client"], None)
    error = peer.ask("tools/list").error
    assert "initialize" in error["message"]
    if isinstance(peer, HttpPeer):
        assert peer.statuses[-1] == 404


def test_a_session_outlives_a_restart(scene: Scene) -> None:
    """A-09: its id says by itself what was agreed, so the client notices nothing."""
    peer = scene.join()
    assert peer.call("echo").text == "done"
    scene.restart()
    assert peer.call("echo").text == "done"
    assert scene.tools.contexts[0].facts.client == "peer/1"


def test_two_peers_with_the_same_ids_get_their_own_answers(scene: Scene) -> None:
    """C-08, T-25: an id means something to its own connection or session only."""
    one, two = scene.join(), scene.join()
    first = one.ask("tools/call", {"name": "wait", "arguments": {"who": 1}}, request_id="same")
    second = two.ask("tools/call", {"name": "wait", "arguments": {"who": 2}}, request_id="same")
    scene.tools.waiting.reverse()
    scene.release()
    assert first.result["structuredContent"] == {"heard": {"who": 1}}
    assert second.result["structuredContent"] == {"heard": {"who": 2}}


def test_an_id_in_flight_cannot_be_used_again(scene: Scene) -> None:
    """The second request is refused, the first is not disturbed, and later the id is free."""
    peer = scene.join()
    first = peer.ask("tools/call", {"name": "wait"}, request_id="same")
    second = peer.ask("tools/list", request_id="same")
    assert second.error["code"] == -32600
    scene.release()
    assert first.text == "done"
    assert peer.ask("tools/list", request_id="same").result


def test_rubbish_between_good_messages_ends_only_itself(scene: Scene) -> None:
    """T-07: what is no message is an error without an id; whatever runs goes on."""
    peer = scene.join()
    running = peer.call("wait")
    for rubbish in RUBBISH:
        peer.send_bytes(rubbish)
        assert peer.call("echo").text == "done"
    codes = [each["error"]["code"] for each in peer.nameless]
    # stdio ignores blank lines.
    assert codes == [-32700] * (len(codes) - 5) + [-32600] * 5
    assert len(codes) == len(RUBBISH) - (scene.cell.way == "stdio")
    scene.release()
    assert running.text == "done"


def test_past_the_limit_the_model_reads_what_happened(scene: Scene) -> None:
    """C-05: a call that takes too long is stopped and answered, whatever progress it made."""
    peer = scene.join()
    running = peer.call("chatty", token="t")
    peer.advance(REQUEST_S + 0.1)
    assert running.result["isError"] is True
    assert "longer than the server allows" in running.text
    assert scene.tools.cancelled == ["timeout"]
    assert peer.call("echo").text == "done"


def test_at_shutdown_running_calls_are_answered_and_new_ones_told(scene: Scene) -> None:
    """Nobody is left waiting: the drain lets calls finish, the rest hear that it stops."""
    peer = scene.join()
    quick, slow = peer.call("wait"), peer.call("wait")
    drained = scene.house.kernel.drain()
    late = peer.call("echo")
    assert "stopping" in late.text
    scene.tools.waiting.pop(0).callback(None)
    peer.settle()
    assert (quick.text, slow.answer, drained.called) == ("done", None, False)
    scene.house.kernel.cancel_all()
    peer.settle()
    assert slow.result["isError"] is True
    assert "stopping" in slow.text
    assert drained.called
