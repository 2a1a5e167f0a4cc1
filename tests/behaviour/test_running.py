"""While a call runs: progress, log messages, cancellation, clients that leave."""

import pytest

from tests.behaviour.house import RESUME_S, STILL
from tests.behaviour.peer import Peer
from tests.behaviour.scene import Scene


def _levels(peer: Peer) -> list[str]:
    return [params["level"] for method, params in peer.heard() if method == "message"]


def test_progress_comes_before_the_answer_and_never_after(scene: Scene) -> None:
    """C-06: with the token of the request, growing, and nothing once it was answered."""
    peer = scene.join()
    running = peer.call("chatty", token="mine")
    scene.release()
    assert running.text == "done"
    told = peer.heard()
    assert {method for method, _ in told} == {"progress"}
    assert {params["progressToken"] for _, params in told} == {"mine"}
    assert [params["progress"] for _, params in told] == [1.0, 2.0, 3.0, 4.0]
    assert peer.seen[-1] is running.answer
    scene.tools.contexts[0].report_progress(5.0, "too late")
    peer.settle()
    assert peer.seen[-1] is running.answer


def test_without_a_token_there_is_no_progress(scene: Scene) -> None:
    """C-06: only who asked for it is told; and a fast tool is not let through every time."""
    peer = scene.join()
    peer.call("chatty")
    assert peer.heard() == []
    peer.call("chatty", token="t")
    for step in range(100):
        scene.tools.contexts[1].report_progress(10.0 + step, "again")
    peer.settle()
    assert len(peer.heard()) == 10
    scene.release()


@pytest.mark.parametrize(
    ("level", "expected"), [("error", ["error"]), ("info", ["info", "warning", "error"])]
)
def test_log_messages_come_from_the_wanted_level_on(
    scene: Scene, level: str, expected: list[str]
) -> None:
    """A session keeps its level; the stateless era says it in each request."""
    peer = scene.join()
    peer.set_level(level)
    assert peer.call("talk").text == "done"
    assert _levels(peer) == expected


def test_log_messages_without_a_wish(scene: Scene) -> None:
    """T-22: the stateless era is told nothing it did not ask for; a session begins at info."""
    peer = scene.join()
    peer.call("talk")
    assert _levels(peer) == ([] if scene.stateless else ["info", "warning", "error"])
    wrong = peer.ask("logging/setLevel", {"level": "loud"}).error["code"]
    assert wrong == (-32601 if scene.stateless else -32602)


def test_a_cancelled_call_stops_and_is_not_answered(scene: Scene) -> None:
    """C-02, C-04: by notification; its work ends, others go on, and a late finish is silent."""
    peer = scene.join()
    taken_back, other = peer.call("wait"), peer.call("wait")
    peer.cancel(taken_back.id)
    assert scene.tools.cancelled == ["client"]
    scene.release()
    assert (taken_back.answer, other.text) == (None, "done")
    peer.cancel(other.id)
    assert peer.call("echo").text == "done"


def test_a_cancellation_over_stateless_http_is_ignored(scene: Scene) -> None:
    """C-01, C-08: an id is no name there; only closing the response cancels."""
    peer = scene.join()
    running = peer.call("wait")
    peer.cancel(running.id)
    scene.release()
    assert (running.text, scene.tools.cancelled) == ("done", [])


def test_cancelling_what_is_not_there_is_ignored(scene: Scene) -> None:
    """C-03: unknown, finished or malformed; nothing is said and nothing stops."""
    peer = scene.join()
    running, finished = peer.call("wait"), peer.call("echo")
    before = len(peer.seen)
    strangers: tuple[object, ...] = (finished.id, 99, str(running.id), None, [], {}, 1.5, True)
    for request_id in strangers:
        peer.cancel(request_id)
    peer.notify("notifications/cancelled")
    assert len(peer.seen) == before
    scene.release()
    assert (running.text, scene.tools.cancelled) == ("done", [])


def test_the_trace_context_reaches_the_tool(scene: Scene) -> None:
    """From ``_meta`` of the request; what is no trace context is dropped."""
    peer = scene.join()
    good = f"00-{'a' * 32}-{'b' * 16}-01"
    for sent in (good, "00-zz", 5):
        meta = {"traceparent": sent}
        peer.ask("tools/call", {"name": "echo", "arguments": {}, "_meta": meta})
    found = [context.facts.traceparent for context in scene.tools.contexts]
    assert found == [good, None, None]


def test_a_call_that_takes_long_is_answered_with_its_handle(scene: Scene) -> None:
    """A success with the statement's id, its state and what to call next, and nothing after it."""
    peer = scene.join()
    running, other = peer.call("patient"), peer.call("wait")
    assert running.answer is None
    scene.release()
    assert running.result.get("isError", False) is False
    assert running.text.startswith("No rows yet")
    content = running.result["structuredContent"]
    assert (content["state"], content["query_id"]) == ("running", STILL.query_id)
    assert "get_query_status" in content["next_step"]
    assert other.text == "done"


def test_leaving_after_the_handle_cancels_nothing(scene: Scene) -> None:
    """The call has been answered: what its client does afterwards is about other things."""
    peer = scene.join()
    answered = peer.call("patient")
    scene.release()
    assert answered.text.startswith("No rows yet")
    peer.leave(answered)
    peer.advance(RESUME_S + 0.1)
    assert scene.tools.cancelled == []
    assert scene.join().call("echo").text == "done"


def test_leaving_stops_what_runs(scene: Scene) -> None:
    """C-01, C-02: a closed response or connection ends the work, and nothing more is sent.

    A session that could come back for its stream is given some seconds to do so.
    """
    peer = scene.join()
    running = peer.call("chatty", token="t")
    seen = len(peer.seen)
    peer.leave(running)
    peer.advance(RESUME_S + 0.1)
    assert scene.tools.cancelled == ["disconnect"]
    assert scene.house.kernel.running == 0
    scene.release()
    assert (running.answer, len(peer.seen)) == (None, seen)
    assert scene.join().call("echo").text == "done"


def test_leaving_one_request_leaves_the_others(scene: Scene) -> None:
    """C-08: one closed response is one request."""
    peer = scene.join()
    left, stays = peer.call("wait"), peer.call("wait")
    peer.leave(left)
    peer.advance(RESUME_S + 0.1)
    scene.release()
    assert (scene.tools.cancelled, stays.text) == (["disconnect"], "done")


def test_nobody_cancels_another_peers_call(scene: Scene) -> None:
    """C-08: knowing or guessing an id gives nothing."""
    one, two = scene.join(), scene.join()
    running = one.ask("tools/call", {"name": "wait"}, request_id="guess")
    two.cancel("guess")
    two.close()
    scene.release()
    assert (running.text, scene.tools.cancelled) == ("done", [])
