"""What a tool asks of the client, and calls that go on as tasks."""

from typing import Any

from tests.behaviour.house import REQUEST_S
from tests.behaviour.peer import Peer
from tests.behaviour.scene import Scene

TASKS: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}


def test_a_question_that_is_accepted(scene: Scene) -> None:
    """The tool goes on with what the user has said; the client is asked exactly once."""
    asked: list[str] = []

    def accept(question: dict[str, Any]) -> dict[str, Any]:
        asked.append(f"{question['method']}: {question['params']['message']}")
        return {"action": "accept", "content": {"why": "because"}}

    answer = scene.join(elicitation={}).converse("sure", accept)
    assert answer.result["structuredContent"]["heard"]["content"] == {"why": "because"}
    assert asked == ["elicitation/create: Sure?"]


def test_a_question_that_is_declined(scene: Scene) -> None:
    """Declining and closing the dialog are answers like any other."""
    peer = scene.join(elicitation={})
    for action in ("decline", "cancel"):
        reply = {"action": action}
        assert peer.converse("sure", lambda _question, r=reply: r).text == action  # type: ignore[misc]


def test_a_client_that_cannot_be_asked(scene: Scene) -> None:
    """T-18: it is never asked; stateless it learns which capability was needed."""
    peer = scene.join()
    asked = peer.call("sure")
    assert peer.questions == []
    if scene.stateless:
        assert asked.error["code"] == -32021
        assert asked.error["data"] == {"requiredCapabilities": {"elicitation": {}}}
    else:
        assert asked.result["isError"] is True
        assert "cannot be asked" in asked.text


def test_a_question_that_nobody_answers(scene: Scene) -> None:
    """C-05: what the server asks has a deadline, too: that of the request it belongs to."""
    peer = scene.join(elicitation={})
    running = peer.call("sure")
    peer.advance(REQUEST_S + 0.1)
    assert running.result["isError"] is True
    assert "longer than the server allows" in running.text
    (question,) = peer.questions
    peer.respond({"id": question["id"], "result": {"action": "accept"}})
    assert peer.call("echo").text == "done"


def test_a_question_that_is_refused_with_an_error(scene: Scene) -> None:
    """The tool hears that it will get no answer; an answer to nothing changes nothing."""
    peer = scene.join(elicitation={})
    running = peer.call("sure")
    (question,) = peer.questions
    peer.respond({"id": "q-99", "result": {}})
    assert running.answer is None
    peer.respond({"id": question["id"], "error": {"code": -1, "message": "no"}})
    assert "refused" in running.text
    peer.respond({"id": question["id"], "result": {"action": "accept"}})
    assert peer.call("echo").text == "done"


def _half_asked(peer: Peer, **arguments: Any) -> dict[str, Any]:
    """A retry that answers the question of a first round."""
    params = {"name": "sure", "arguments": arguments}
    state = peer.ask("tools/call", params).result["requestState"]
    answers = {"sure": {"action": "accept"}}
    return {**params, "requestState": state, "inputResponses": answers}


def test_a_forged_state_is_refused(scene: Scene) -> None:
    """A-10: no character of it can be changed."""
    peer = scene.join(elicitation={})
    retry = _half_asked(peer)
    state = retry["requestState"]
    for forged in ("forged", "", state[:-1], "A" + state[1:], state + "=", state.upper()):
        assert peer.ask("tools/call", {**retry, "requestState": forged}).error["code"] == -32602
    assert peer.ask("tools/call", retry).result["structuredContent"]


def test_a_state_serves_its_own_call(scene: Scene) -> None:
    """A-10: not another tool, not other arguments, and not after ten minutes."""
    peer = scene.join(elicitation={})
    retry = _half_asked(peer, table="mine")
    other = {**retry, "arguments": {"table": "yours"}}
    assert peer.ask("tools/call", other).error["code"] == -32602
    assert peer.ask("tools/call", {**retry, "name": "echo"}).error["code"] == -32602
    scene.house.clock.pump([5.0] * 121)
    late = scene.join(elicitation={})
    assert "expired" in late.ask("tools/call", retry).error["message"]


def _look(peer: Peer, task_id: str) -> dict[str, Any]:
    return peer.ask("tasks/get", {"taskId": task_id}).result


def test_a_long_call_becomes_a_task(scene: Scene) -> None:
    """The first answer is the task; the result is fetched when it is there."""
    peer = scene.join(**TASKS)
    task = peer.call("long", number=7).result
    assert (task["resultType"], task["status"]) == ("task", "working")
    assert "result" not in _look(peer, task["taskId"])
    scene.release()
    ended = _look(peer, task["taskId"])
    assert ended["status"] == "completed"
    assert ended["result"]["structuredContent"] == {"heard": {"number": 7}}


def test_a_task_is_cancelled(scene: Scene) -> None:
    """C-02: its work stops; an unknown task is an error."""
    peer = scene.join(**TASKS)
    task_id = peer.call("long").result["taskId"]
    peer.ask("tasks/cancel", {"taskId": task_id})
    assert scene.tools.cancelled == ["client"]
    assert _look(peer, task_id)["status"] == "cancelled"
    assert peer.ask("tasks/cancel", {"taskId": "task-none"}).error["code"] == -32602


def test_a_task_outlives_its_connection(scene: Scene) -> None:
    """Another connection of the same principal may ask for it."""
    first = scene.join(**TASKS)
    call = first.call("long")
    first.leave(call)
    scene.release()
    assert _look(scene.join(**TASKS), call.result["taskId"])["status"] == "completed"


def test_a_task_is_taken_up_after_a_restart(scene: Scene) -> None:
    """Its id names the statement, whose result Snowflake keeps; nobody else can use the id."""
    task_id = scene.join(**TASKS).call("long").result["taskId"]
    scene.release()
    for peer in scene.peers:
        peer.close()
    scene.peers.clear()
    scene.restart()
    peer = scene.join(**TASKS)
    task = _look(peer, task_id)
    assert task["status"] == "completed"
    assert task["result"]["structuredContent"] == {"heard": {"query": "01-query"}}
    assert peer.ask("tasks/get", {"taskId": task_id[:-1] + "x"}).error["code"] == -32602


def test_without_the_extension_there_is_no_task(scene: Scene) -> None:
    """T-18: the call is answered the ordinary way, and the methods say what to declare."""
    peer = scene.join()
    call = peer.call("long")
    assert call.answer is None
    scene.release()
    assert call.text == "done"
    if scene.stateless:
        error = peer.ask("tasks/get", {"taskId": "t"}).error
        assert error["code"] == -32021
        assert error["data"]["requiredCapabilities"] == TASKS
