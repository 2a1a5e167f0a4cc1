"""Every request leaves one line and one count."""

from typing import Any

import pytest
from twisted.logger import capturedLogs, formatEvent

from snowflake_mcp.ops.totals import Totals
from snowflake_mcp.pipeline.observe import observe
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.principal import LOCAL
from tests.support.kernels import Rig, with_envelope

FACTS = Facts("websocket", LOCAL, "2026-07-28", session_id="s1")


def run(name: str, cancel: Any = None) -> tuple[list[str], dict[str, int]]:
    totals = Totals()
    rig = Rig(observe(totals))
    request = Request(1, "tools/call", with_envelope(name=name, arguments={"query": "SELECT 42"}))
    with capturedLogs() as events:
        call = rig.kernel.start(request, FACTS, lambda data: None)
        rig.clock.advance(1.5)
        if cancel is not None:
            call.cancel(cancel)
    lines = [formatEvent(e) for e in events if e["log_namespace"].endswith("observe")]
    return lines, totals.snapshot()


@pytest.mark.parametrize(
    ("name", "cancel", "outcome", "count"),
    [
        ("echo", None, "ok", "requests_ok"),
        ("nobody", None, "error_-32602", "requests_failed"),
        ("crash", None, "internal", "requests_failed"),
        ("wait", "client", "cancelled_client", "requests_cancelled"),
        ("wait", "disconnect", "cancelled_disconnect", "requests_cancelled"),
    ],
)
def test_one_line_and_one_count(name: str, cancel: Any, outcome: str, count: str) -> None:
    """Whatever the end, it is told once, with tool, principal, outcome and time."""
    (line,), totals = run(name, cancel)
    assert f" websocket local tools/call {name} {outcome} " in line
    assert totals == {"requests": 1, count: 1}


def test_an_aborted_statement_can_be_found() -> None:
    """The query id is in the line and in the answer, whatever the end."""
    rig = Rig(observe(Totals()))
    request = Request(1, "tools/call", with_envelope(name="wait"))
    with capturedLogs() as events:
        call = rig.kernel.start(request, FACTS, lambda data: None)
        rig.toolbox.contexts[0].query_id = "01b"
        call.cancel("shutdown")
    replies: list[Any] = []
    call.reply.addCallback(replies.append)
    assert b'"snowflake-mcp/query-id":"01b"' in replies[0].body
    assert "cancelled_shutdown 0 ms query 01b" in formatEvent(events[-1])


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


def test_pings_are_not_worth_a_line() -> None:
    """They are counted only."""
    totals = Totals()
    rig = Rig(observe(totals))
    with capturedLogs() as events:
        rig.kernel.start(
            Request(1, "ping", {}), Facts("stdio", LOCAL, "2025-11-25"), lambda data: None
        )
    assert events == []
    assert totals.snapshot() == {"requests": 1, "requests_ok": 1}
