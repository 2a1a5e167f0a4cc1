"""Two callers at one kernel: cursors, subscriptions and deadlines are each one's own."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from snowflake_mcp.protocol.calls import Reply
from snowflake_mcp.protocol.changes import Change
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.cursors import Cursors
from snowflake_mcp.protocol.errors import McpError
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.pieces import Body
from snowflake_mcp.protocol.principal import LOCAL, Principal
from tests.support.content import full_rig
from tests.support.kernels import Rig, with_envelope

ANN: Final = Principal("ann", "ann")
ALSO_ANN: Final = Principal("ann/2", "ann")
EVE: Final = Principal("eve", "eve")
ENTRIES: Final = [{"name": str(number)} for number in range(5)]


@pytest.mark.parametrize("other", [ALSO_ANN, EVE, LOCAL])
def test_a_cursor_is_its_owners(other: Principal) -> None:
    """A-08: although their lists are as long, and hold the same."""
    cursors = Cursors(b"k" * 32, 2)
    cursor = cursors.page("tools", ENTRIES, {}, ANN)["nextCursor"]
    assert cursors.page("tools", ENTRIES, {"cursor": cursor}, ANN)["tools"] == ENTRIES[2:4]
    with pytest.raises(McpError, match="Unknown cursor"):
        cursors.page("tools", ENTRIES, {"cursor": cursor}, other)


def listening(rig: Rig, principal: Principal, era: str) -> list[Any]:
    """What a client hears that wants to hear everything, in an era."""
    heard: list[Any] = []

    def hear(data: bytes) -> None:
        message = json.loads(data)
        if "acknowledged" not in message["method"]:
            heard.append(message["method"].removeprefix("notifications/"))

    if era == "stateless":
        wanted = {
            "toolsListChanged": True,
            "resourcesListChanged": True,
            "resourceSubscriptions": ["test://one"],
        }
        request = Request(1, "subscriptions/listen", with_envelope(notifications=wanted))
        rig.kernel.start(request, Facts("http", principal, "2026-07-28"), hear)
        return heard
    facts = Facts("http", principal, "2025-11-25", session_id=f"s-{principal.name}")
    rig.kernel.start(Request(1, "resources/subscribe", {"uri": "test://one"}), facts, hear)
    live = rig.kernel.live(facts)
    assert live is not None

    class Line:
        def event(self, event_id: str, message: Body) -> None:
            hear(bytes(message))

        def end(self) -> None:
            """Nothing more is told."""

    live.streams.standalone.attach(Line())
    return heard


@pytest.mark.parametrize("era", ["stateless", "handshake"])
def test_changes_are_told_to_whom_they_concern(era: str) -> None:
    """Those of one table to its callers only; what concerns all to all."""
    rig = full_rig()
    ann, also, eve, local = (listening(rig, who, era) for who in (ANN, ALSO_ANN, EVE, LOCAL))
    rig.kernel.changes.publish([Change("resource", "test://one", "ann")])
    assert (ann, also) == (["resources/updated"], ["resources/updated"])
    rig.kernel.changes.publish([Change("resources", profile="eve"), Change("resources")])
    assert len(eve) == 2
    rig.kernel.changes.publish([Change("tools", profile="")])
    assert (len(ann), len(also), len(eve)) == (2, 2, 2)
    assert local == ["resources/list_changed", "tools/list_changed"]


def test_a_request_may_take_as_long_as_its_caller_may() -> None:
    """The bound is asked for with each request, so a reload counts at once."""
    rig = full_rig()
    seconds = {"ann": 10.0, "eve": 30.0}
    bound: Callable[[Principal], float] = lambda principal: seconds[principal.profile]  # noqa: E731 - it has a type
    rig.kernel._request_timeout_s = bound
    replies: dict[str, list[Reply | None]] = {}

    def wait(principal: Principal) -> None:
        request = Request(1, "tools/call", with_envelope(name="wait"))
        call = rig.kernel.start(request, Facts("http", principal, "2026-07-28"), lambda _: None)
        assert call.context.remaining_s == seconds[principal.profile]
        call.reply.addCallback(replies.setdefault(principal.name, []).append)

    wait(ANN)
    wait(EVE)
    seconds["ann"] = 50.0
    wait(ALSO_ANN)
    ended = []
    for _ in range(6):
        rig.clock.advance(9.999)
        ended.append(sorted(replies.keys() & {name for name, got in replies.items() if got}))
    assert ended[0] == []
    assert ended[1] == ["ann"]
    assert ended[3] == ["ann", "eve"]
    assert ended[5] == ["ann", "ann/2", "eve"]
