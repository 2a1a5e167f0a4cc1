"""Every request leaves one line and one count."""

from typing import Any

import pytest
from twisted.logger import capturedLogs, formatEvent

from snowflake_mcp.ops.doors import Doors
from snowflake_mcp.ops.metrics import Distribution, Metrics
from snowflake_mcp.pipeline.doors import keep_doors
from snowflake_mcp.pipeline.observe import observe
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.principal import LOCAL
from tests.support.kernels import Rig, with_envelope

FACTS_2025 = Facts("stdio", LOCAL, "2025-11-25")
FACTS = Facts("websocket", LOCAL, "2026-07-28", session_id="s1")


def run(name: str, cancel: Any = None) -> tuple[list[str], Metrics]:
    metrics = Metrics()
    rig = Rig(observe(metrics))
    request = Request(1, "tools/call", with_envelope(name=name, arguments={"query": "SELECT 42"}))
    with capturedLogs() as events:
        call = rig.kernel.start(request, FACTS, lambda data: None)
        rig.clock.advance(1.5)
        if cancel is not None:
            call.cancel(cancel)
    lines = [formatEvent(e) for e in events if e["log_namespace"].endswith("observe")]
    return lines, metrics


@pytest.mark.parametrize(
    ("name", "cancel", "outcome", "ended", "call"),
    [
        ("echo", None, "ok", "ok", ("echo", "ok")),
        ("nobody", None, "error_-32602", "failed", ("unknown", "error")),
        ("miss", None, "missing_object", "failed", ("miss", "missing_object")),
        ("crash", None, "internal", "failed", ("crash", "internal")),
        ("wait", "client", "cancelled_client", "cancelled", ("wait", "cancelled")),
        ("wait", "disconnect", "cancelled_disconnect", "cancelled", ("wait", "cancelled")),
    ],
)
def test_one_line_and_one_count(
    name: str, cancel: Any, outcome: str, ended: str, call: tuple[str, str]
) -> None:
    """Whatever the end, it is told once, with tool, principal, outcome and time."""
    (line,), metrics = run(name, cancel)
    assert f" websocket local tools/call {name} {outcome} " in line
    counts = {sample.family.name: dict(sample.values) for sample in metrics.samples()}
    assert counts["requests"] == {("tools/call", "websocket", ended): 1}
    assert counts["tool_calls"] == {call: 1}
    assert counts.get("cancellations") == ({(cancel,): 1} if cancel else None)
    for name_, label in (("request_seconds", "tools/call"), ("tool_call_seconds", call[0])):
        (times,) = counts[name_].items()
        assert isinstance(times[1], Distribution)
        assert (times[0], sum(times[1].counts)) == ((label,), 1)


def test_requests_add_up_however_they_end() -> None:
    """What differs in nothing that a family is split by is one number there."""
    metrics = Metrics()
    rig = Rig(observe(metrics))
    for transport in ("websocket", "stdio"):
        facts = Facts(transport, LOCAL, "2026-07-28")
        for name in ("echo", "miss", "echo", "nobody"):
            params = with_envelope(name=name, arguments={})
            rig.kernel.start(Request(1, "tools/call", params), facts, lambda _: None)
        rig.clock.advance(1)
        call = rig.kernel.start(
            Request(1, "tools/call", with_envelope(name="wait")), facts, lambda _: None
        )
        rig.clock.advance(20)
        call.cancel("client")
    shown = {sample.family.name: dict(sample.values) for sample in metrics.samples()}
    assert shown["requests"] == {
        ("tools/call", transport, end): count
        for transport in ("websocket", "stdio")
        for end, count in (("ok", 2), ("failed", 2), ("cancelled", 1))
    }
    assert shown["tool_calls"] == {
        ("echo", "ok"): 4,
        ("miss", "missing_object"): 2,
        ("unknown", "error"): 2,
        ("wait", "cancelled"): 2,
    }
    assert shown["cancellations"] == {("client",): 2}
    (times,) = shown["request_seconds"].values()
    assert isinstance(times, Distribution)
    assert (times.counts[0], sum(times.counts), times.total) == (8, 10, 40.0)
    by_tool = {
        tool: sum(each.counts)
        for (tool,), each in shown["tool_call_seconds"].items()
        if isinstance(each, Distribution)
    }
    assert by_tool == {"echo": 4, "miss": 2, "unknown": 2, "wait": 2}


def test_an_aborted_statement_can_be_found() -> None:
    """The query id is in the line and in the answer, whatever the end."""
    rig = Rig(observe(Metrics()))
    request = Request(1, "tools/call", with_envelope(name="wait"))
    with capturedLogs() as events:
        call = rig.kernel.start(request, FACTS, lambda data: None)
        rig.toolbox.contexts[0].query_id = "01b"
        call.cancel("shutdown")
    replies: list[Any] = []
    call.reply.addCallback(replies.append)
    assert b'"snowflake-mcp/query-id":"01b"' in replies[0].body
    assert "cancelled_shutdown 0 ms query 01b" in formatEvent(events[-1])


def test_a_method_of_a_clients_making_is_no_label() -> None:
    """Otherwise anybody could grow the metrics without end."""
    metrics = Metrics()
    rig = Rig(observe(metrics))
    rig.kernel.start(Request(1, "evil/1", {}), FACTS_2025, lambda data: None)
    labels = {labels[0] for sample in metrics.samples() for labels in sample.values}
    assert "evil/1" not in labels


@pytest.mark.parametrize("doors", [Doors(), Doors(draining=True)])
def test_a_tool_of_a_clients_making_is_no_label(doors: Doors) -> None:
    """Nor where the call is refused before anybody has looked for such a tool."""
    metrics = Metrics()
    rig = Rig(observe(metrics), keep_doors(doors))
    request = Request(1, "tools/call", with_envelope(name="evil", arguments={}))
    rig.kernel.start(request, FACTS, lambda data: None)
    labels = {label for sample in metrics.samples() for labels in sample.values for label in labels}
    assert ("evil" in labels, "unknown" in labels) == (False, True)


def test_arguments_do_not_reach_the_log() -> None:
    """D-04: SQL stays out of the line."""
    (line,), _ = run("echo")
    assert "SELECT" not in line


def test_a_name_cannot_break_the_line() -> None:
    """Control characters of a client's making are replaced."""
    (line,), _ = run("a\r\nforged \x1b[31mline\u202e")
    assert "\n" not in line
    assert "\x1b" not in line
    assert "\u202e" not in line


def test_a_method_that_there_is_not_is_named() -> None:
    """As the client did, each of them, as far as it can stand in a line."""
    rig = Rig(observe(Metrics()))
    with capturedLogs() as events:
        for method in ("evil/1", "evil\x1b[31m"):
            rig.kernel.start(Request(1, method, {}), FACTS_2025, lambda _: None)
    named = [event["method"] for event in events if event["log_namespace"].endswith("observe")]
    assert named == ["evil/1", "evil?[31m"]


def test_pings_are_not_worth_a_line() -> None:
    """They are counted only."""
    metrics = Metrics()
    rig = Rig(observe(metrics))
    with capturedLogs() as events:
        rig.kernel.start(Request(1, "ping", {}), FACTS_2025, lambda data: None)
    assert events == []
    assert metrics.totals() == {"requests": 1, "requests_ok": 1}


@pytest.mark.parametrize(("name", "lines"), [("echo", 0), ("miss", 1), ("nobody", 1)])
def test_what_went_well_may_have_no_line(name: str, lines: int) -> None:
    """With ``log.requests`` off only failures are told; all is counted."""
    metrics = Metrics()
    rig = Rig(observe(metrics, every=False))
    with capturedLogs() as events:
        rig.kernel.start(
            Request(1, "tools/call", with_envelope(name=name, arguments={})), FACTS, lambda _: None
        )
    assert len([e for e in events if e["log_namespace"].endswith("observe")]) == lines
    assert metrics.totals()["requests"] == 1
