"""Tools: how they are listed, what a call is answered with, what goes wrong."""

from tests.behaviour.house import Tools
from tests.behaviour.peer import Peer
from tests.behaviour.scene import Scene


def _names(peer: Peer) -> list[str]:
    return [tool["name"] for tool in peer.ask("tools/list").result["tools"]]


def test_tools_are_listed_in_a_stable_order(scene: Scene) -> None:
    """T-25: every client sees the same tools in the same order, however often it asks."""
    one, two = scene.join(), scene.join(elicitation={})
    one.call("echo")
    assert _names(one) == _names(one) == _names(two) == list(Tools.NAMES)


def test_tools_come_in_pages(scene: Scene) -> None:
    """Every tool comes exactly once; a cursor of another making is refused."""
    scene.tools.spare = 450
    peer = scene.join()
    names, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        page = peer.ask("tools/list", {} if cursor is None else {"cursor": cursor}).result
        names += [tool["name"] for tool in page["tools"]]
        cursor, pages = page.get("nextCursor"), pages + 1
    whole = 450 + len(scene.tools.NAMES)
    assert (len(names), len(set(names)), pages) == (whole, whole, 3)
    assert peer.ask("tools/list", {"cursor": "another"}).error["code"] == -32602


def test_a_tool_has_the_members_of_its_revision(scene: Scene) -> None:
    """D-07: titles, icons, schemas; lists may be cached where there is a member to say so.

    They may be kept by their own caller only: ``private``.
    """
    result = scene.join().ask("tools/list").result
    members = {"name", "title", "description", "icons", "inputSchema", "outputSchema"}
    assert set(result["tools"][0]) == members | {"annotations"}
    if scene.stateless:
        assert (result["resultType"], result["cacheScope"]) == ("complete", "private")
        assert result["ttlMs"] > 0
    else:
        assert set(result) == {"tools"}


def test_a_call_is_answered_with_text_and_structure(scene: Scene) -> None:
    """D-03: the structured content is what the output schema describes."""
    result = scene.join().call("echo", text="a\nb ☃", deep={"list": [1, None, 2.5]}).result
    assert result["content"] == [{"type": "text", "text": "done"}]
    assert result["structuredContent"] == {
        "heard": {"text": "a\nb ☃", "deep": {"list": [1, None, 2.5]}}
    }
    assert "isError" not in result
    assert ("resultType" in result) == scene.stateless


def test_a_tool_that_fails_is_a_result(scene: Scene) -> None:
    """D-02: the model can read it and do otherwise; it has no structured content."""
    result = scene.join().call("fail").result
    assert result["isError"] is True
    assert result["content"][0]["text"] == "It failed."
    assert "structuredContent" not in result
    assert result["_meta"]["snowflake-mcp/failure"]["family"] == "syntax"


def test_an_unknown_tool_is_an_error(scene: Scene) -> None:
    """D-02: the client is wrong, not the model's arguments."""
    assert scene.join().call("no-such").error["code"] == -32602


def test_arguments_that_are_no_object_are_an_error(scene: Scene) -> None:
    """D-01, D-02: a malformed call never reaches a tool."""
    peer = scene.join()
    for arguments in (5, "text", [1]):
        error = peer.ask("tools/call", {"name": "echo", "arguments": arguments}).error
        assert error["code"] == -32602
    assert peer.ask("tools/call", {}).error["code"] == -32602
    assert scene.tools.contexts == []


def test_a_fault_of_ours_shows_only_a_reference(scene: Scene) -> None:
    """D-01: what an unexpected exception says is for the log."""
    scene.expected_faults = 1
    peer = scene.join()
    error = peer.call("broken").error
    assert error["code"] == -32603
    assert "reference r-" in error["message"]
    assert "hunter2" not in str(peer.seen)
    assert peer.call("echo").text == "done"


def test_several_calls_run_at_once(scene: Scene) -> None:
    """They are answered as they finish, each once."""
    peer = scene.join()
    calls = [peer.call("wait", number=number) for number in range(5)]
    quick = peer.call("echo")
    assert (quick.text, [each.answer for each in calls]) == ("done", [None] * 5)
    scene.tools.waiting.reverse()
    scene.release()
    assert [each.result["structuredContent"]["heard"]["number"] for each in calls] == [*range(5)]
